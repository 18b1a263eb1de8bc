"""What `compile` was given, as one object that turns batches into gradients and logs."""

from __future__ import annotations

import math
from typing import Any

import keras
import numpy as np

from keras_interoperability.native.batch import Array, Batch
from keras_interoperability.native.losses import Loss, Shape
from keras_interoperability.native.metrics import Metric, loss_of, metric_of
from n2d2 import errors


class Mean:
    """A running mean, kept in Python instead of in the variables of Keras' metric."""

    __slots__ = ("count", "keras_metric", "total")

    def __init__(self, keras_metric: Any) -> None:
        self.keras_metric = keras_metric
        self.total = self.count = 0.0

    def hand_over(self) -> None:
        """Writes the sums into Keras' metric."""
        self.keras_metric.total.assign(self.total)
        self.keras_metric.count.assign(self.count)

    def take_over(self) -> None:
        """Reads the sums from Keras' metric."""
        self.total = float(self.keras_metric.total.numpy())
        self.count = float(self.keras_metric.count.numpy())


class Compiled:
    """Loss, gradient and metrics of a model with one output, for targets of one form.

    The sums live here (`is_ahead`) or in Keras' metric objects, so that steps of both kinds may follow each other.
    """

    def __init__(self, activation: str, loss: Loss, weight: float | None, y_tail: tuple[int, ...], rank: int) -> None:
        self._activation = activation
        self._loss = loss
        self._weight = 1.0 if weight is None else float(weight)
        self._y_tail = y_tail
        self._takes_weights = rank == 2
        self._metrics: list[tuple[str, Metric | Loss, Mean, bool]] = []
        self._means: list[Mean] = []
        self._names: list[tuple[str, Mean]] = []
        self.names_in_order: list[str] = []
        """Of the list that `evaluate` returns; Keras' own order."""
        self.is_ahead = False

    @classmethod
    def of(cls, model: Any, activation: str, y: Array, output: Array) -> Compiled | None:
        """Reads what Keras made of the arguments of `compile`; None when any of it is not ours. The arrays say the shapes alone."""
        compiled_loss, compiled_metrics = model._compile_loss, model._compile_metrics
        if compiled_loss is None or output.ndim < 2 or y.ndim < 1 or y.dtype.kind not in "fiub":
            return None
        try:
            for part in (compiled_loss, compiled_metrics):
                if part is not None and not part.built:
                    part.build(y, output)
        except (ValueError, KeyError, TypeError):  # the general path meets it again and says it in Keras' words
            return None
        if len(compiled_loss._flat_losses) != 1 or keras.tree.is_nested(compiled_loss._user_loss):
            return None
        only = compiled_loss._flat_losses[0]
        one_row = ((1, *y.shape[1:]), (1, *output.shape[1:]))
        loss = loss_of(only.loss, activation, *one_row)
        if loss is None:
            return None
        made = cls(activation, loss, only.loss_weights, y.shape[1:], output.ndim)
        return made if made._add_metrics(model, compiled_metrics, one_row) else None

    def _add_metrics(self, model: Any, compiled_metrics: Any, one_row: tuple[Shape, Shape]) -> bool:
        expected = [model._loss_tracker] + ([] if compiled_metrics is None else [compiled_metrics])
        if [id(m) for m in model._keras_metrics()] != [id(m) for m in expected]:
            return False  # metrics of layers or of the model's own
        self._means = [Mean(model._loss_tracker)]
        self._names = [("loss", self._means[0])]
        self.names_in_order = ["loss"]
        if compiled_metrics is None:
            return True
        names = list(compiled_metrics.result())
        metrics = [(m, False) for part in compiled_metrics._flat_metrics if part is not None for m in part.metrics]
        metrics += [(m, True) for part in compiled_metrics._flat_weighted_metrics if part is not None for m in part.metrics]
        if len(names) != len(metrics):
            return False
        for name, (metric, is_weighted) in zip(names, metrics, strict=True):
            ours = metric_of(metric, self._activation, *one_row)
            if ours is None:
                return False
            self._means.append(Mean(metric))
            self._metrics.append((name, ours, self._means[-1], is_weighted))
            self._names.append((name, self._means[-1]))
        own_names = ["loss", *(metric.name for metric, _ in metrics)]  # a name given twice stands for the first alone
        self.names_in_order = own_names + [name for name in sorted(names) if name not in own_names]
        self._names.sort(key=lambda entry: entry[0])  # as the logs of Keras' traced functions
        return True

    def fits(self, y: Array, weights: Array | None) -> bool:
        """Whether a batch has the form that this was made for."""
        if y.ndim == 0 or y.shape[1:] != self._y_tail or y.dtype.kind not in "fiub":
            return False
        return weights is None or (self._takes_weights and weights.shape in ((len(y),), (len(y), 1)))

    # What a step uses.

    def in_engine(self, y: Array, output: Array) -> tuple[str, Array] | None:
        """The operator and targets with which the engine trains a batch by itself, or None; see `Loss.in_engine`."""
        return self._loss.in_engine(self._activation, y, output) if self._weight == 1.0 else None

    @property
    def has_metrics(self) -> bool:
        """Whether anything but the loss is counted."""
        return bool(self._metrics)

    def count(self, loss: float, y: Array, raw: Array | None) -> None:
        """Counts a batch that the engine has trained: its mean loss, and what the metrics make of `raw`, if there are any."""
        counted = []
        if raw is not None:
            with np.errstate(all="ignore"):
                batch = Batch(self._activation, raw, y, is_finite=math.isfinite(loss))
                counted = self._measured(batch, None)
        self._add(loss, len(y), counted)

    def train(self, raw: Array, y: Array, weights: Array | None, penalty: float = 0.0) -> Array:
        """Counts the batch and returns the gradient of its loss with respect to `raw`; `penalty` is the part of the loss that has none."""
        with np.errstate(all="ignore"):  # numbers that are none pass through, as in TensorFlow
            batch = Batch(self._activation, raw, y)
            values, weights = self._count(batch, weights, penalty)
            gradient = self._loss.gradient(batch)
            scale = np.float32(self._weight / values.size)
            gradient *= scale if weights is None else (weights * scale)[:, None]
            return gradient

    def evaluate(self, raw: Array, output: Array, y: Array, weights: Array | None, penalty: float = 0.0) -> None:
        """Counts the batch."""
        with np.errstate(all="ignore"):
            self._count(Batch(self._activation, raw, y, output), weights, penalty)

    def _count(self, batch: Batch, weights: Array | None, penalty: float) -> tuple[Array, Array | None]:
        if len(batch.y) != len(batch.raw):
            raise errors.ShapeError(f"y: expected {len(batch.raw)} rows, got {len(batch.y)}")
        values = self._loss.values(batch)
        if weights is not None:
            weights = np.asarray(weights, np.float32).reshape(-1)
        counted = self._measured(batch, weights)
        total = np.add.reduce(values, None, np.float64) if weights is None else np.vdot(values.astype(np.float64), weights)
        self._add(float(total) * self._weight / values.size + penalty, len(values), counted)
        return values, weights

    def _measured(self, batch: Batch, weights: Array | None) -> list[tuple[Mean, tuple[float, float]]]:
        """What each metric adds to its mean: a sum, and how much the rows count."""
        return [(mean, _row_sum(metric, batch, weights if is_weighted else None)) for _, metric, mean, is_weighted in self._metrics]

    def _add(self, loss: float, rows: int, counted: list[tuple[Mean, tuple[float, float]]]) -> None:
        self._means[0].total += loss * rows
        self._means[0].count += rows
        for mean, (value, count) in counted:
            mean.total += value
            mean.count += count
        self.is_ahead = True

    def logs(self) -> dict[str, float]:
        """Loss and metrics since the last reset."""
        return {name: mean.total / mean.count if mean.count else 0.0 for name, mean in self._names}

    def reset(self) -> None:
        """Forgets all batches."""
        for mean in self._means:
            mean.total = mean.count = 0.0
        self.is_ahead = True

    def hand_over(self) -> None:
        """Brings Keras' metric objects up to date."""
        if self.is_ahead:
            self.is_ahead = False
            for mean in self._means:
                mean.hand_over()

    def take_over(self) -> None:
        """Goes on from Keras' metric objects."""
        if not self.is_ahead:
            self.is_ahead = True
            for mean in self._means:
                mean.take_over()


def _row_sum(metric: Metric | Loss, batch: Batch, weights: Array | None) -> tuple[float, float]:
    """Sum over the rows of the metric's mean in each, and how much the rows count."""
    values = metric.values(batch)
    rows = len(values)
    if weights is None:
        summed = np.count_nonzero(values) if values.dtype == np.bool_ else np.add.reduce(values, None, np.float64)
        return float(summed) * rows / max(values.size, 1), rows
    by_row = values if values.ndim == 1 else values.reshape(rows, -1).mean(1)
    return float(np.vdot(by_row.astype(np.float64), weights)), float(np.add.reduce(weights, None, np.float64))


__all__ = ["Compiled"]
