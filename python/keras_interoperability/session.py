"""A Keras model in the engine: its graphs, its weights, and single steps on NumPy arrays."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from keras_interoperability.capture import Capture, Captured
from keras_interoperability.mirror import Mirror
from n2d2 import errors, global_variables
from n2d2._engine import engine
from n2d2.solver import Solver

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class _Slot:
    """An input of the graph; -1 stands for the rows."""

    name: str
    shape: list[int]
    tail: tuple[int, ...]


class Session:
    """The engine's side of one wrapped model."""

    def __init__(self, model: Any, batch_size: int) -> None:
        self._model = model
        self.network = engine.Network(batch_size)
        self.evaluation = Capture(model, training=False).run()
        self.training = Capture(model, training=True).run()
        self.network.set_graph("evaluate", self.evaluation.graph)
        self.network.set_graph("train", self.training.graph)
        self.mirror = Mirror(self.network, {**self.evaluation.variables, **self.training.variables}, self)
        self.solvers: dict[str, Solver] = {}
        self._trained: list[str] = []
        self._state = 0
        self._inputs = [_Slot(value.name, list(value.shape), tuple(value.shape[1:])) for value in self.evaluation.graph.inputs]
        self._evaluated = _shapes(self.evaluation)

    def compile(self, solver: Solver) -> None:
        """Captures anew, as `trainable` may have changed, and gives every trained parameter the solver."""
        self.training = Capture(self._model, training=True).run()
        self.network.set_graph("train", self.training.graph)
        self._forwarded = _shapes(self.training)
        names = [name for name, variable in self.training.variables.items() if self._is_trained(name, variable)]
        self.network.set_trainable(names)
        self._trained = names
        self.solvers.clear()
        for name in names:
            self.network.set_solver(name, solver.to_native())
            self.solvers[name] = solver

    def prepare(self, training: bool) -> int:
        """What a `DeepNetCell` asks before it touches weights; returns the key of a training pass."""
        self.mirror.check()
        return global_variables.next_key() if training and self.training.is_random else 0

    def trained(self) -> set[str]:
        """Names of the parameters that get gradients."""
        return set(self._trained)

    def _is_trained(self, name: str, variable: Any) -> bool:
        return bool(variable.trainable) and any(value.name == name for value in self.training.graph.parameters)

    @property
    def name(self) -> str:
        """The original model's."""
        return str(self._model.name)

    def trained_names(self) -> list[str]:
        """The parameters that get gradients, in the order of the model."""
        return list(self._trained)

    def inputs_of(self, x: Any) -> list[Array]:
        """The batch as the graph's inputs; raises ShapeError naming the input."""
        slots = self._inputs
        if isinstance(x, dict):
            missing = [slot.name for slot in slots if slot.name not in x]
            if missing:
                raise errors.ValueError(f"input '{missing[0]}' is missing; got {', '.join(map(str, x))}")
            parts = [x[slot.name] for slot in slots]
        else:
            parts = list(x) if isinstance(x, list | tuple) else [x]
        if len(parts) != len(slots):
            raise errors.ValueError(f"expected {len(slots)} inputs, got {len(parts)}")
        return [self._input(slot, np.asarray(part)) for slot, part in zip(slots, parts, strict=True)]

    def _input(self, slot: _Slot, array: Array) -> Array:
        if array.shape[1:] == slot.tail and array.dtype == np.float32:
            return np.ascontiguousarray(array)
        expected = slot.shape
        if array.ndim == len(expected) - 1 and expected[-1] == 1:
            array = array[..., None]
        elif array.ndim == len(expected) + 1 and array.shape[-1] == 1:
            array = array[..., 0]
        if array.ndim != len(expected) or list(array.shape[1:]) != expected[1:]:
            wanted = ", ".join(["N", *map(str, expected[1:])])
            raise errors.ShapeError(
                f"input '{slot.name}' (read by layer '{self._first_layer()}'): expected [{wanted}], got {list(array.shape)}"
            )
        if array.dtype.kind not in "fiub":
            raise errors.TypeError(f"input '{slot.name}': expected numbers, got {array.dtype}")
        return np.ascontiguousarray(array, np.float32)

    def _first_layer(self) -> str:
        return next((str(node.path) for node in self.evaluation.graph.nodes if node.op != "Transpose"), "")

    def evaluate(self, xs: list[Array]) -> list[Array]:
        """The model's outputs; behind them, for a model that ends in softmax or sigmoid, what stands before it."""
        rows = len(xs[0])
        outputs = _empty(self._evaluated, rows)
        self.network.forward([x.ctypes.data for x in xs], rows, [o.ctypes.data for o in outputs])
        return outputs

    def forward(self, xs: list[Array]) -> list[Array]:
        """Outputs in training, kept for `backward`. The inputs stay as they are until then."""
        rows = len(xs[0])
        outputs = _empty(self._forwarded, rows)
        key = global_variables.next_key() if self.training.is_random else 0
        self._kept = xs
        self._state = self.network.forward(
            [x.ctypes.data for x in xs], rows, [o.ctypes.data for o in outputs], train=True, keep=True, key=key
        )
        return outputs

    def backward(self, gradients: list[Array]) -> None:
        """Back-propagates the gradients of the outputs and updates the weights."""
        state, self._state = self._state, 0
        self.network.backward(state, [g.ctypes.data for g in gradients])
        self.network.update()

    def drop(self) -> None:
        """Forgets a forward whose backward never came."""
        if self._state:
            self.network.drop(self._state)
            self._state = 0


def _shapes(captured: Captured) -> list[list[int]]:
    """Of the graph's outputs; -n stands for n times the rows."""
    return [list(value.shape) for value in captured.graph.outputs]


def _empty(shapes: list[list[int]], rows: int) -> list[Array]:
    return [np.empty([-d * rows if d < 0 else d for d in shape], np.float32) for shape in shapes]


__all__ = ["Session"]
