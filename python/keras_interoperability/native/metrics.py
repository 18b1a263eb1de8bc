"""Metrics of Keras that are a mean over rows."""

from __future__ import annotations

import types
from typing import Any

import keras
import numpy as np
from keras.src.metrics.accuracy_metrics import accuracy  # keras.metrics has the class alone

from keras_interoperability.native.batch import Array, Batch, with_last_axis
from keras_interoperability.native.losses import LOSSES, BinaryCrossEntropy, Loss, Shape, class_numbers, same_or_flat, same_shape


class Metric:
    """Base: how the targets must lie, and the value of every row or position."""

    fits = staticmethod(same_shape)
    from_logits = False

    def values(self, batch: Batch) -> Array:
        """The value of every row or position; what is left of further axes is averaged."""
        raise NotImplementedError


class Accuracy(Metric):
    """Whether output and target are the same number."""

    fits = staticmethod(same_or_flat)

    def values(self, batch: Batch) -> Array:
        """See the class."""
        return np.equal(with_last_axis(np.asarray(batch.y, np.float32), batch.raw.ndim), batch.output)


class BinaryAccuracy(Metric):
    """Whether the output lies on the target's side of the threshold."""

    fits = staticmethod(same_or_flat)

    def __init__(self, threshold: float = 0.5) -> None:
        self._threshold = np.float32(threshold)

    def values(self, batch: Batch) -> Array:
        """See the class."""
        return np.equal(batch.output > self._threshold, with_last_axis(batch.y, batch.raw.ndim))


class CategoricalAccuracy(Metric):
    """Whether the largest output stands where the largest target does."""

    def values(self, batch: Batch) -> Array:
        """See the class."""
        return np.equal(batch.best, batch.y.argmax(-1))


class SparseCategoricalAccuracy(Metric):
    """Whether the largest output stands at the class number."""

    fits = staticmethod(class_numbers)

    def values(self, batch: Batch) -> Array:
        """See the class."""
        best = batch.best
        return np.equal(best, batch.y.reshape(best.shape))


class TopKCategoricalAccuracy(Metric):
    """Whether fewer than k outputs are larger than that of the class; never where an output is not finite."""

    def __init__(self, k: int = 5) -> None:
        self._k = k

    def values(self, batch: Batch) -> Array:
        """See the class."""
        return self._within(batch, batch.y.argmax(-1))

    def _within(self, batch: Batch, numbers: Array) -> Array:
        p = batch.output
        known = (numbers >= 0) & (numbers < p.shape[-1])
        chosen = np.take_along_axis(p, np.where(known, numbers, 0)[..., None], -1)
        return known & (np.count_nonzero(p > chosen, -1) < self._k) & np.isfinite(p).all(-1)


class SparseTopKCategoricalAccuracy(TopKCategoricalAccuracy):
    """The same for class numbers."""

    fits = staticmethod(class_numbers)

    def __init__(self, k: int = 5, from_sorted_ids: bool = False) -> None:
        super().__init__(k)
        if from_sorted_ids:
            raise TypeError("from_sorted_ids")

    def values(self, batch: Batch) -> Array:
        """See the class."""
        return self._within(batch, batch.y.reshape(batch.raw.shape[:-1]).astype(np.int64))


METRICS: dict[object, type[Metric]] = {
    accuracy: Accuracy,
    keras.metrics.binary_accuracy: BinaryAccuracy,
    keras.metrics.categorical_accuracy: CategoricalAccuracy,
    keras.metrics.sparse_categorical_accuracy: SparseCategoricalAccuracy,
    keras.metrics.top_k_categorical_accuracy: TopKCategoricalAccuracy,
    keras.metrics.sparse_top_k_categorical_accuracy: SparseTopKCategoricalAccuracy,
}


def loss_of(compiled: Any, activation: str, y: Shape, output: Shape) -> Loss | None:
    """The loss behind Keras' loss object; None when it is not one of ours, or has an option that is not."""
    base = keras.losses.MeanSquaredError  # both methods are inherited by all of Keras' losses that wrap a function
    kind = type(compiled)
    if kind.call is not base.call or kind.__call__ is not base.__call__ or compiled.reduction != "sum_over_batch_size":
        return None
    return _made(LOSSES, compiled.fn, compiled._fn_kwargs, compiled.dtype, activation, y, output)


def metric_of(compiled: Any, activation: str, y: Shape, output: Shape) -> Metric | Loss | None:
    """The metric behind Keras' metric object; None as for `loss_of`."""
    base = keras.metrics.MeanMetricWrapper
    if not isinstance(compiled, base) or type(compiled).update_state is not base.update_state or type(compiled).result is not base.result:
        return None
    made = _made({**LOSSES, **METRICS}, compiled._fn, compiled._fn_kwargs, compiled.dtype, activation, y, output)
    return None if isinstance(made, BinaryCrossEntropy) and y != output else made  # Keras refuses [N] here


def _made(table: dict[object, Any], function: Any, options: dict[str, Any], dtype: str, activation: str, y: Shape, output: Shape) -> Any:
    kind = table.get(function) if isinstance(function, types.FunctionType) else None
    if kind is None or dtype != "float32":
        return None
    try:
        made = kind(**options)
    except TypeError:  # an option that we do not have
        return None
    if made.from_logits and activation != "":
        return None  # Keras warns that these are no logits; leave it to it
    classes = made.fits in (same_shape, class_numbers)
    return made if made.fits(y, output) and (output[-1] > 1 or not classes) else None


__all__ = ["Metric", "loss_of", "metric_of"]
