"""What handlers build a graph with."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from keras_interoperability.captured import Captured
from keras_interoperability.handlers.registry import UnsupportedArgument
from keras_interoperability.planes import Planes
from n2d2._engine import engine


class Builder:
    """The graph under construction, and what is known of the call of a layer or operation that is being translated."""

    def __init__(self, training: bool) -> None:
        self.training = training
        self.graph = engine.Graph()
        self.result = Captured(self.graph)
        self.path = ""
        """Of the layer or operation, in messages and names of cells."""
        self.outputs: list[Any] = []
        """Symbolic outputs of the call: shapes and dtypes as Keras says."""
        self._evaluates = not training
        self._names: dict[int, str] = {}
        self._values: dict[str, Any] = {}
        self._activations: dict[int, tuple[Any, str, Planes]] = {}

    def node(self, op: str, inputs: list[Any], attributes: dict[str, Any] | None = None) -> Any:
        """Adds an operator and returns its first output."""
        return self.nodes(op, inputs, attributes)[0]

    def nodes(self, op: str, inputs: list[Any], attributes: dict[str, Any] | None = None) -> list[Any]:
        """Adds an operator and returns all its outputs."""
        return list(self.graph.node(op, inputs, attributes or {}, path=self.path))

    def parameter(self, variable: Any, shape: list[int] | None = None, order: list[int] | None = None) -> Any:
        """A trained variable; `order` says how the logical shape lies in Keras' memory."""
        return self._state(variable, shape, order, is_parameter=True)

    def buffer(self, variable: Any) -> Any:
        """A variable that is not trained, such as a moving average."""
        return self._state(variable, None, None, is_parameter=False)

    def constant(self, array: Any) -> Any:
        """Fixed numbers; integers stay integers, everything else is float32."""
        array = np.asarray(array)
        return self.graph.constant(np.ascontiguousarray(array, array.dtype if array.dtype in (np.int32, np.int64) else np.float32))

    def value(self, given: Any) -> Planes:
        """An argument of an operation as `Planes`: a tensor, a weight, a number or an array."""
        if isinstance(given, Planes):
            return given
        if isinstance(given, keras.Variable):
            return Planes(self, last=self.parameter(given))
        return Planes(self, last=self.constant(np.asarray(given, np.float32)))

    def symbol(self, x: Planes) -> Any:
        """A fresh symbolic Keras tensor of the shape of `x`."""
        extents = [None if extent < 0 else extent for extent in x.last.shape]
        return keras.Input(batch_shape=extents, dtype=x.dtype)

    def expect_training(self) -> None:
        """What a handler says before it adds something that draws random numbers or moves statistics: not when the model predicts."""
        if self._evaluates:
            raise UnsupportedArgument("training=True in a call, which would hold in evaluation too; leave it out")

    def mark_activation(self, op: str, before: Any, after: Planes) -> None:
        """Notes a softmax or sigmoid over the last axis: if it makes an output of the model, losses may use what stands before it."""
        self._activations[id(after)] = (before, op, after)

    def _state(self, variable: Any, shape: Any, order: Any, is_parameter: bool) -> Any:
        extents = list(variable.shape) if shape is None else shape
        name = self._names.get(id(variable))
        if name is None:
            name = str(variable.path)
            number = 1
            while name in self.result.variables:
                number += 1
                name = f"{variable.path}_{number}"
            self._names[id(variable)] = name
            self.result.variables[name] = variable
            if is_parameter:
                self._values[name] = self.graph.parameter(name, extents, order or [], bool(variable.trainable))
            else:
                self._values[name] = self.graph.buffer(name, extents)
        value = self._values[name]
        if list(value.shape) != extents or list(value.order) != list(order or []):
            raise UnsupportedArgument(f"the weight '{variable.path}', which another layer reads in another form")
        return value


__all__ = ["Builder"]
