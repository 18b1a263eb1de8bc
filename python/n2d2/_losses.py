"""A loss as a small network of the engine: value and gradient from output and targets."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from n2d2 import errors
from n2d2._engine import engine
from n2d2.loss import Loss

Array = npt.NDArray[Any]


class LossNetwork:
    """Runs one loss for outputs of one shape."""

    def __init__(self, loss: Loss, shape: list[int]) -> None:
        self._loss = loss
        self._shape = list(shape)
        self._networks: dict[bool, Any] = {}
        self._one = np.ones((), np.float32)
        self._value = np.zeros((), np.float32)

    def checked(self, targets: Any, rows: int) -> Array:
        """The targets as the engine takes them; raises ShapeError otherwise."""
        array = np.asarray(targets)
        expected = [rows, *self._shape[1:]]
        if self._loss.operator == "SoftmaxCrossEntropyLoss" and np.issubdtype(array.dtype, np.integer) and array.ndim == 1:
            if len(array) != rows:
                raise errors.ShapeError(f"targets: expected {rows} class numbers, got {len(array)}")
            if array.min() < 0 or array.max() >= self._shape[-1]:
                raise errors.ValueError(f"targets: class numbers go from 0 to {self._shape[-1] - 1}, got {array.min()} to {array.max()}")
            return np.ascontiguousarray(array, np.int64)
        if list(array.shape) != expected:
            raise errors.ShapeError(f"targets: expected shape {expected}, got {list(array.shape)}")
        return np.ascontiguousarray(array, np.float32)

    def _network(self, by_class: bool) -> Any:
        if by_class not in self._networks:
            graph = engine.Graph()
            output = graph.input("output", self._shape)
            targets = graph.input("targets", [-1], "int64") if by_class else graph.input("targets", self._shape)
            graph.output(graph.node(self._loss.operator, [output, targets])[0])
            network = engine.Network(1)
            network.set_graph("train", graph)
            self._networks[by_class] = network
        return self._networks[by_class]

    def run(self, output: Array, targets: Array) -> tuple[float, Array]:
        """Loss and its gradient with respect to the output."""
        network = self._network(targets.dtype == np.int64)
        gradient = np.empty_like(output)
        state = network.forward(
            [output.ctypes.data, targets.ctypes.data],
            len(output),
            [self._value.ctypes.data],
            train=True,
            keep=True,
            input_gradients=True,
        )
        network.backward(state, [self._one.ctypes.data], [gradient.ctypes.data, 0])
        return float(self._value), gradient


__all__ = ["LossNetwork"]
