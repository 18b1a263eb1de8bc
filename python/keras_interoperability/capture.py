"""Walks a built Keras model into a graph of the engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np

from keras_interoperability.handlers import HANDLERS
from keras_interoperability.handlers.registry import UnsupportedArgument
from keras_interoperability.planes import Planes
from n2d2 import errors
from n2d2._engine import engine


@dataclass
class Captured:
    """A graph, and the Keras variables behind its parameters and buffers."""

    graph: Any
    variables: dict[str, Any] = field(default_factory=dict)
    activations: list[str] = field(default_factory=list)
    """Of every output of the model: the operator that makes it ("Softmax", "Sigmoid") when the graph gives that one's input too, else ""."""
    activity_regularizers: list[Any] = field(default_factory=list)
    """One for each of the graph's last outputs, which are what these look at."""
    is_random: bool = False


class Capture:
    """One walk. Handlers use `node`, `parameter`, `buffer`, `constant`, `training` and `layer`."""

    def __init__(self, model: Any, training: bool) -> None:
        self.training = training
        self.graph = engine.Graph()
        self.result = Captured(self.graph)
        self.problems: list[str] = []
        self.path = ""
        self._model = model
        self._names: dict[int, str] = {}
        self._values: dict[str, Any] = {}
        self._activations: dict[int, tuple[Any, str, Planes]] = {}
        self._regularised: list[Planes] = []

    def run(self) -> Captured:
        """The graph; raises one UnsupportedError that lists every layer that has no counterpart."""
        functional = functional_of(self._model)
        known: dict[int, Any] = {}
        for tensor in functional.inputs:
            if keras.backend.standardize_dtype(tensor.dtype) != "float32":
                self.problems.append(f"input '{tensor.name}' is {tensor.dtype}; only float32 inputs are supported")
            extents = [-1, *tensor.shape[1:]]
            if None in extents:
                self.problems.append(f"input '{tensor.name}' has shape {tuple(tensor.shape)}; only the batch may be open")
                extents = [-1, *[1 if d is None else d for d in tensor.shape[1:]]]
            known[id(tensor)] = Planes(self, last=self.graph.input(tensor.name, extents))
        outputs = self._walk(functional, known, "")
        if self.problems:
            raise errors.UnsupportedError(_listed(self.problems))
        self._finish(outputs)
        return self.result

    # What handlers use.

    def node(self, op: str, inputs: list[Any], attributes: dict[str, Any] | None = None) -> Any:
        """Adds an operator and returns its first output."""
        return self.graph.node(op, inputs, attributes or {}, path=self.path)[0]

    def parameter(self, variable: Any, shape: list[int] | None = None, order: list[int] | None = None) -> Any:
        """A trained variable; `order` says how the logical shape lies in Keras' memory."""
        return self._state(variable, shape, order, is_parameter=True)

    def buffer(self, variable: Any) -> Any:
        """A variable that is not trained, such as a moving average."""
        return self._state(variable, None, None, is_parameter=False)

    def constant(self, array: Any) -> Any:
        """Fixed numbers."""
        return self.graph.constant(np.ascontiguousarray(array, np.float32))

    def mark_activation(self, op: str, before: Any, after: Planes) -> None:
        """Notes a softmax or sigmoid over the last axis: if it makes an output of the model, losses may use what stands before it."""
        self._activations[id(after)] = (before, op, after)

    def _state(self, variable: Any, shape: Any, order: Any, is_parameter: bool) -> Any:
        name = self._names.get(id(variable))
        if name is None:
            name = str(variable.path)
            number = 1
            while name in self.result.variables:
                number += 1
                name = f"{variable.path}_{number}"
            self._names[id(variable)] = name
            self.result.variables[name] = variable
            extents = list(variable.shape) if shape is None else shape
            if is_parameter:
                self._values[name] = self.graph.parameter(name, extents, order or [], bool(variable.trainable))
            else:
                self._values[name] = self.graph.buffer(name, extents)
        return self._values[name]

    # The walk.

    def _walk(self, functional: Any, known: dict[int, Any], prefix: str) -> list[Any]:
        for depth in sorted(functional._nodes_by_depth, reverse=True):
            for node in functional._nodes_by_depth[depth]:
                if node.is_input or node.operation is None:
                    continue
                inputs = [known.get(id(t)) for t in node.arguments.keras_tensors]
                if any(value is None for value in inputs):
                    continue  # follows from a problem that is listed already
                results = self._operation(node, inputs, prefix)
                for tensor, value in zip(node.outputs, results or [self._stand_in(t) for t in node.outputs], strict=False):
                    known[id(tensor)] = value
                self._note_activity_regularizer(node.operation, results)
        return [known.get(id(t)) for t in functional.outputs]

    def _note_activity_regularizer(self, layer: Any, results: list[Any]) -> None:
        """What a layer's `activity_regularizer=` looks at becomes an output of the graph."""
        regularizer = getattr(layer, "activity_regularizer", None)
        if regularizer is not None:
            self._regularised.extend(results)
            self.result.activity_regularizers.extend([regularizer] * len(results))

    def _stand_in(self, tensor: Any) -> Any:
        """For the output of a layer that has a problem, so that the layers behind it are looked at too."""
        extents = [-1, *tensor.shape[1:]]
        return None if None in extents else Planes(self, last=self.graph.input(tensor.name, extents))

    def _operation(self, node: Any, inputs: list[Any], prefix: str) -> list[Any]:
        layer = node.operation
        path = f"{prefix}{layer.name}"
        if _is_container(layer):
            inner = functional_of(layer)
            return self._walk(inner, dict(zip([id(t) for t in inner.inputs], inputs, strict=True)), f"{path}/")
        handler = (
            next((HANDLERS[c] for c in type(layer).__mro__ if c in HANDLERS), None)
            if type(layer) not in HANDLERS
            else HANDLERS[type(layer)]
        )
        if handler is None or type(layer).call is not _handled_class(type(layer)).call:
            self.problems.append(f"layer '{path}' ({type(layer).__name__})")
            return []
        problem = _foreign_policy(layer)
        if problem:
            self.problems.append(f"layer '{path}' ({type(layer).__name__}) with {problem}")
        self.path = path
        try:
            return [handler(self, layer, *inputs)]
        except UnsupportedArgument as reason:
            self.problems.append(f"layer '{path}' ({type(layer).__name__}) with {reason}")
        except errors.N2D2Error as reason:
            self.problems.append(str(reason))
        return []

    def _finish(self, outputs: list[Planes]) -> None:
        """In training the model's outputs, those of a softmax or sigmoid replaced by its input; in evaluation all outputs, then these inputs.

        Behind them what activity regularisers look at.
        """
        marked = [self._activations.get(id(output)) for output in outputs]
        self.result.activations = ["" if mark is None else mark[1] for mark in marked]
        for output, mark in zip(outputs, marked, strict=True):
            self.graph.output(mark[0] if mark is not None and self.training else output.last)
        if not self.training:
            for mark in marked:
                if mark is not None:
                    self.graph.output(mark[0])
        for activity in self._regularised:
            self.graph.output(activity.last)


def functional_of(model: Any) -> Any:
    """The Functional behind a Sequential or Functional model."""
    return model._functional if isinstance(model, keras.Sequential) else model


def _is_container(layer: Any) -> bool:
    return isinstance(layer, keras.Sequential) or type(layer).__name__ == "Functional" or type(layer) is keras.Model


def _handled_class(cls: type) -> Any:
    return next((c for c in cls.__mro__ if c in HANDLERS), cls)


def _foreign_policy(layer: Any) -> str:
    policy = getattr(layer, "dtype_policy", None)
    return f"dtype policy {policy.name}; build the model in float32" if policy is not None and policy.name != "float32" else ""


def _listed(problems: list[str]) -> str:
    return (
        "the model cannot run in n2d2 as it is; not supported:\n"
        + "\n".join(f"  {problem}" for problem in dict.fromkeys(problems))
        + "\nReplace these layers, or teach n2d2 yours with keras_interoperability.register_handler."
    )


__all__ = ["Capture", "Captured", "functional_of"]
