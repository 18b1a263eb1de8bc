"""A Keras model in the engine: its graphs, its weights, and single steps on NumPy arrays."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from keras_interoperability.capture import Capture
from keras_interoperability.captured import Captured
from keras_interoperability.containers import functional_of
from keras_interoperability.inputs import Inputs
from keras_interoperability.mirror import Mirror
from n2d2 import global_variables
from n2d2._engine import engine
from n2d2.solver import Solver

Array = npt.NDArray[Any]


class Evaluated(NamedTuple):
    """What the model gives in evaluation, output by output."""

    outputs: list[Array]
    raws: list[Array]
    """What stands before the softmax or sigmoid that makes the output; else the output itself. Then what activity regularisers look at."""


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
        self._left_out: set[str] = set()
        self._state = 0
        reader = next((str(node.path) for node in self.evaluation.graph.nodes if node.op != "Transpose"), "")
        self.inputs = Inputs(functional_of(model)._inputs_struct, self.evaluation.graph.inputs, reader)
        self._evaluated = _shapes(self.evaluation)

    def compile(self, solver: Solver | None) -> None:
        """Captures anew, as `trainable` may have changed, and gives every trained parameter the solver, if the engine updates them."""
        self.training = Capture(self._model, training=True).run()
        self.network.set_graph("train", self.training.graph)
        self._forwarded = _shapes(self.training)
        place = {id(variable): number for number, variable in enumerate(self.trainable_variables)}
        names = [name for name, variable in self.training.variables.items() if self._is_trained(name, variable)]
        names.sort(key=lambda name: place.get(id(self.training.variables[name]), len(place)))
        self.network.set_trainable(names)
        self._trained = names
        self._left_out = set()
        self.solvers.clear()
        for name in names:
            self.network.set_solver(name, None if solver is None else solver.to_native())
            if solver is not None:
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
    def trainable_variables(self) -> list[Any]:
        """As Keras lists them; some may not be in the graph."""
        return list(self._model.trainable_variables)

    @property
    def name(self) -> str:
        """The original model's."""
        return str(self._model.name)

    def trained_names(self) -> list[str]:
        """The parameters that get gradients, in the order of the model's trainable variables."""
        return list(self._trained)

    def in_loss(self) -> dict[str, Any]:
        """The trained variables that the loss reads itself: those with a regulariser and those that go into `add_loss`."""
        variables = self.training.variables
        read = {id(source) for term in self.training.loss_terms for source in term.sources}
        return {n: variables[n] for n in self._trained if variables[n].regularizer is not None or id(variables[n]) in read}

    def reached(self, without: Collection[int] = ()) -> set[str]:
        """Names of parameters that get a gradient from an output of the training graph; `without`: numbers of outputs that give none."""
        graph = self.training.graph
        makers = {value: node for node in graph.nodes if node.op != "StopGradient" for value in node.outputs}
        stack = [value for i, value in enumerate(graph.outputs) if i not in without]
        seen = set(stack)
        while stack:
            node = makers.get(stack.pop())
            fresh = {value for value in node.inputs if value is not None} - seen if node is not None else set()
            seen |= fresh
            stack.extend(fresh)
        return {value.name for value in seen if value.kind == "parameter"}

    def leave_out(self, names: set[str]) -> None:
        """No term of the loss depends on these: Keras' optimizers pass over them, weight decay included."""
        self._left_out = names
        self.network.set_trainable(self.updated_names())

    def updated_names(self) -> list[str]:
        """Those of `trained_names` that the loss depends on, as far as it is known."""
        return [name for name in self._trained if name not in self._left_out]

    def add_to_gradients(self, further: dict[str, Array], alone: set[str]) -> None:
        """After `backward`: adds what the loss gives to weights directly. `alone`: they get no gradient from the graph."""
        for name, gradient in further.items():
            memory = self.network.gradient(name)
            if name in alone:
                memory[:] = 0.0
                self.network.mark_gradient(name)
            memory += gradient.reshape(-1)

    def evaluate(self, xs: list[Array]) -> Evaluated:
        """The model's outputs."""
        rows = len(xs[0])
        arrays = _empty(self._evaluated, rows)
        self.network.forward([x.ctypes.data for x in xs], rows, [a.ctypes.data for a in arrays])
        activations = self.evaluation.activations
        outputs, further = arrays[: len(activations)], iter(arrays[len(activations) :])
        raws = [next(further) if kind else output for kind, output in zip(activations, outputs, strict=True)]
        return Evaluated(outputs, [*raws, *further])

    def forward(self, xs: list[Array]) -> list[Array]:
        """The model's outputs in training, as `Evaluated.raws`, kept for `backward`. The inputs stay as they are until then."""
        rows = len(xs[0])
        outputs = _empty(self._forwarded, rows)
        key = global_variables.next_key() if self.training.is_random else 0
        self._kept = xs
        self._state = self.network.forward(
            [x.ctypes.data for x in xs], rows, [o.ctypes.data for o in outputs], train=True, keep=True, key=key
        )
        return outputs

    def step(self, xs: list[Array], targets: Array, loss: str, wants_output: bool) -> tuple[float, Array | None]:
        """Forward, loss, backward and update in one run of the engine, which ends sooner than three: rows stay in the cache.

        Args:
            targets: class numbers (int64), or an array as the output (float32).
            loss: operator of the engine.
            wants_output: whether the output is copied out of the engine.

        Returns:
            the mean loss of the batch; the model's only output, as `Evaluated.raws`, where it is wanted.
        """
        rows = len(xs[0])
        output = self.empty_outputs(rows)[0] if wants_output else None
        key = global_variables.next_key() if self.training.is_random else 0
        place = 0 if output is None else output.ctypes.data
        return self.network.step(xs, rows, targets, loss, targets.dtype == np.int64, key, place), output

    def empty_outputs(self, rows: int) -> list[Array]:
        """Arrays for what `forward` gives."""
        return _empty(self._forwarded, rows)

    def backward(self, gradients: list[Array]) -> None:
        """Back-propagates the gradients of what `forward` gave to the gradients of the weights."""
        state, self._state = self._state, 0
        self.network.backward(state, [g.ctypes.data for g in gradients])

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


__all__ = ["Array", "Evaluated", "Session"]
