"""Five losses of Keras: one value per row (or position), and the gradient of their sum with respect to what the model gave.

They repeat what `keras.losses` computes on TensorFlow, also where that is special: a cross-entropy of a model that ends in softmax or sigmoid
is taken from what stands before that activation, whichever of both it is; without one, probabilities are clipped to [1e-7, 1 - 1e-7].
"""

from __future__ import annotations

import keras
import numpy as np

from keras_interoperability.native.batch import Array, Batch, sigmoid, with_last_axis
from n2d2 import errors

Shape = tuple[int, ...]


def same_shape(y: Shape, output: Shape) -> bool:
    """Whether the targets have one number for each output."""
    return y == output


def same_or_flat(y: Shape, output: Shape) -> bool:
    """As `same_shape`; or [N] for [N, 1]."""
    return y == output or (len(y) == 1 and output == (*y, 1))


def class_numbers(y: Shape, output: Shape) -> bool:
    """Whether the targets have one class number for each row of scores."""
    return output[-1] > 1 and (y == output[:-1] or y == (*output[:-1], 1))


class Loss:
    """Base: how the targets must lie, and the two functions."""

    fits = staticmethod(same_or_flat)
    from_logits = False

    def values(self, batch: Batch) -> Array:
        """The loss of every row or position."""
        raise NotImplementedError

    def gradient(self, batch: Batch) -> Array:
        """The gradient of the sum of the values with respect to `batch.raw`; a new array."""
        raise NotImplementedError

    def in_engine(self, activation: str, y: Array, output: Array) -> tuple[str, Array] | None:
        """The engine's operator whose gradient is the same for this batch, and its targets; None: there is none. Of `output` the shape counts."""
        return None

    def _has_logits(self, batch: Batch) -> bool:
        return self._takes_logits(batch.activation)

    def _takes_logits(self, activation: str) -> bool:
        return activation != "" or self.from_logits


class SmoothedLoss(Loss):
    """Base of losses whose targets are shares of classes, which Keras may smooth."""

    def __init__(self, from_logits: bool = False, label_smoothing: float = 0.0, axis: int = -1) -> None:
        if axis != -1:
            raise TypeError("axis")
        self.from_logits = from_logits
        self._smoothing = float(label_smoothing)

    def _smoothed(self, y: Array, classes: int) -> Array:
        return y * np.float32(1 - self._smoothing) + np.float32(self._smoothing / classes) if self._smoothing else y


class CategoricalCrossEntropy(SmoothedLoss):
    """-sum(y * log(softmax(raw))) over the classes."""

    fits = staticmethod(same_shape)

    def _targets(self, batch: Batch) -> Array:
        y = np.asarray(batch.y, np.float32)
        return self._smoothed(y, y.shape[-1])

    def values(self, batch: Batch) -> Array:
        """See the class."""
        y = self._targets(batch)
        logs = batch.log_softmax if self._has_logits(batch) else np.log(_clipped(_shares(batch.raw)))
        return -np.einsum("...c,...c->...", y, logs)

    def gradient(self, batch: Batch) -> Array:
        """softmax(raw) - y; TensorFlow takes the sum of the targets for 1 as well."""
        y = self._targets(batch)
        if self._has_logits(batch):
            return batch.softmax - y
        total = np.add.reduce(batch.raw, -1, keepdims=True)
        shares = batch.raw / total
        g = np.where(_inside(shares), -y / _clipped(shares), 0)
        return (g - np.add.reduce(g * shares, -1, keepdims=True)) / total

    def in_engine(self, activation: str, y: Array, output: Array) -> tuple[str, Array] | None:
        """See `Loss`: targets that sum up to 1."""
        if output.ndim != 2 or y.shape != output.shape or self._smoothing or not self._takes_logits(activation):
            return None
        targets = np.ascontiguousarray(y, np.float32)
        return ("SoftmaxCrossEntropyLoss", targets) if np.all(np.add.reduce(targets, 1) == 1) else None


class SparseCategoricalCrossEntropy(Loss):
    """-log(softmax(raw))[y] for class numbers y."""

    fits = staticmethod(class_numbers)

    def __init__(self, from_logits: bool = False, ignore_class: int | None = None, axis: int = -1) -> None:
        if axis != -1 or ignore_class is not None:
            raise TypeError("axis, ignore_class")
        self.from_logits = from_logits

    def _places(self, batch: Batch) -> Array:
        """Where, in the flattened scores, the class of every row stands."""
        classes = batch.raw.shape[-1]
        return np.arange(0, batch.raw.size, classes) + _numbers(batch.y, classes)

    def values(self, batch: Batch) -> Array:
        """See the class."""
        chosen = self._scores(batch).log_softmax.ravel().take(self._places(batch))
        return -chosen.reshape(batch.raw.shape[:-1])

    def _scores(self, batch: Batch) -> Batch:
        return batch if self._has_logits(batch) else Batch("", np.log(_clipped(batch.raw)), batch.y)

    def gradient(self, batch: Batch) -> Array:
        """softmax(raw), less 1 at the class."""
        g = self._scores(batch).softmax.copy()
        g.reshape(-1)[self._places(batch)] -= 1
        return g if self._has_logits(batch) else np.where(_inside(batch.raw), g / _clipped(batch.raw), 0)

    def in_engine(self, activation: str, y: Array, output: Array) -> tuple[str, Array] | None:
        """See `Loss`."""
        if output.ndim != 2 or y.size != len(output) or not self._takes_logits(activation):
            return None
        return "SoftmaxCrossEntropyLoss", _numbers(y, output.shape[-1])


class BinaryCrossEntropy(SmoothedLoss):
    """mean(-y * log(s) - (1 - y) * log(1 - s)) over the last axis, with s = sigmoid(raw)."""

    def _targets(self, batch: Batch) -> Array:
        return self._smoothed(with_last_axis(np.asarray(batch.y, np.float32), batch.raw.ndim), 2)

    def values(self, batch: Batch) -> Array:
        """See the class."""
        y, x = self._targets(batch), batch.raw
        if self._has_logits(batch):
            return np.mean(np.maximum(x, 0) - x * y + np.log1p(np.exp(-np.abs(x))), -1)
        p = _clipped(x)
        return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p), -1)

    def gradient(self, batch: Batch) -> Array:
        """(s - y) / outputs."""
        y, x = self._targets(batch), batch.raw
        count = np.float32(x.shape[-1])
        if self._has_logits(batch):
            return ((batch.output if batch.activation == "Sigmoid" else sigmoid(x)) - y) / count
        p = _clipped(x)
        return np.where(_inside(x), ((1 - y) / (1 - p) - y / p) / count, 0)


class MeanSquaredError(Loss):
    """mean((output - y) ** 2) over the last axis."""

    def values(self, batch: Batch) -> Array:
        """See the class."""
        return np.mean(np.square(self._difference(batch)), -1)

    def gradient(self, batch: Batch) -> Array:
        """2 * (output - y) / outputs, through the activation."""
        return batch.back_to_raw(self._difference(batch) * np.float32(2 / batch.raw.shape[-1]))

    def _difference(self, batch: Batch) -> Array:
        return batch.output - with_last_axis(np.asarray(batch.y, np.float32), batch.raw.ndim)

    def in_engine(self, activation: str, y: Array, output: Array) -> tuple[str, Array] | None:
        """See `Loss`."""
        if activation or y.shape != output.shape:
            return None
        return "MeanSquaredError", np.ascontiguousarray(y, np.float32)


class MeanAbsoluteError(MeanSquaredError):
    """mean(|output - y|) over the last axis."""

    def values(self, batch: Batch) -> Array:
        """See the class."""
        return np.mean(np.abs(self._difference(batch)), -1)

    def gradient(self, batch: Batch) -> Array:
        """sign(output - y) / outputs, through the activation."""
        return batch.back_to_raw(np.sign(self._difference(batch)) / np.float32(batch.raw.shape[-1]))

    def in_engine(self, activation: str, y: Array, output: Array) -> tuple[str, Array] | None:
        """See `Loss`."""
        return None


LOSSES: dict[object, type[Loss]] = {
    keras.losses.categorical_crossentropy: CategoricalCrossEntropy,
    keras.losses.sparse_categorical_crossentropy: SparseCategoricalCrossEntropy,
    keras.losses.binary_crossentropy: BinaryCrossEntropy,
    keras.losses.mean_squared_error: MeanSquaredError,
    keras.losses.mean_absolute_error: MeanAbsoluteError,
}


def _numbers(y: Array, classes: int) -> Array:
    """Class numbers of all rows or positions, in one row."""
    numbers = y.ravel().astype(np.int64)
    if len(numbers) and (numbers.min() < 0 or numbers.max() >= classes):
        raise errors.ValueError(f"y: class numbers go from 0 to {classes - 1}, got {numbers.min()} to {numbers.max()}")
    return numbers


def _clipped(p: Array) -> Array:
    epsilon = np.float32(keras.config.epsilon())
    return np.clip(p, epsilon, 1 - epsilon)


def _inside(p: Array) -> Array:
    """Where clipping lets the gradient through."""
    epsilon = np.float32(keras.config.epsilon())
    return (p >= epsilon) & (p <= 1 - epsilon)


def _shares(p: Array) -> Array:
    return p / np.add.reduce(p, -1, keepdims=True)


__all__ = ["LOSSES", "Loss", "Shape", "class_numbers", "same_or_flat", "same_shape"]
