"""One batch as losses and metrics see it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Batch:
    """What the model gave for a batch, and the targets; what several losses and metrics need is computed once.

    `raw` is what stands before the last activation ("Softmax", "Sigmoid"); without one ("") it is the output itself. `is_finite`: its largest
    number is known to be one in every row, as it is where the cross-entropy is finite.
    """

    __slots__ = ("_is_finite", "_log_softmax", "_output", "_softmax", "activation", "raw", "y")

    def __init__(self, activation: str, raw: Array, y: Array, output: Array | None = None, is_finite: bool = False) -> None:
        self._is_finite = is_finite
        self.activation = activation
        self.raw = raw
        self.y = y
        self._output = raw if activation == "" else output
        self._softmax: Array | None = None
        self._log_softmax: Array | None = None

    @property
    def output(self) -> Array:
        """The model's output: Keras' `y_pred`."""
        if self._output is None:
            self._output = self.softmax if self.activation == "Softmax" else sigmoid(self.raw)
        return self._output

    @property
    def best(self) -> Array:
        """Where the largest output of every row stands; NaN, where a softmax has an infinite number in it, has no place of its own."""
        scores = self.raw if self._is_finite and self.activation == "Softmax" else self.output
        return scores.argmax(-1)  # type: ignore[no-any-return]

    @property
    def softmax(self) -> Array:
        """softmax(raw), over the last axis."""
        if self._softmax is None:
            self._exponentials()
        assert self._softmax is not None
        return self._softmax

    @property
    def log_softmax(self) -> Array:
        """log(softmax(raw)), without the underflow of softmax."""
        if self._log_softmax is None:
            self._exponentials()
        assert self._log_softmax is not None
        return self._log_softmax

    def _exponentials(self) -> None:
        shifted = self.raw - np.maximum.reduce(self.raw, -1, keepdims=True)
        exponentials = np.exp(shifted)
        total = np.add.reduce(exponentials, -1, keepdims=True)
        exponentials /= total
        shifted -= np.log(total)
        self._softmax, self._log_softmax = exponentials, shifted

    def back_to_raw(self, gradient: Array) -> Array:
        """The gradient with respect to `raw`, from that with respect to the output."""
        if self.activation == "":
            return gradient
        p = self.output
        if self.activation == "Sigmoid":
            return gradient * p * (1 - p)
        return p * (gradient - np.add.reduce(gradient * p, -1, keepdims=True))


def sigmoid(x: Array) -> Array:
    """1 / (1 + exp(-x)) without overflow."""
    small = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, small) / (1 + small)


def with_last_axis(y: Array, output_rank: int) -> Array:
    """Targets of shape [N] for outputs of shape [N, 1] as [N, 1], as Keras takes them."""
    return y[:, None] if y.ndim == 1 and output_rank == 2 else y


__all__ = ["Array", "Batch", "sigmoid", "with_last_axis"]
