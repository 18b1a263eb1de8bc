"""What holds while the `call` of a layer is followed on symbolic tensors."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import tensorflow as tf
from keras.src import backend
from keras.src.backend.common import global_state
from keras.src.layers.layer import CallContext

from keras_interoperability.handlers.registry import UnsupportedArgument


@contextmanager
def symbolic_weights(layer: Any) -> Iterator[list[tuple[Any, Any]]]:
    """While it lasts the layer's own attributes that hold weights hold symbolic tensors."""
    held = {key: value for key, value in layer.__dict__.items() if isinstance(value, keras.Variable)}
    tensors: dict[int, tuple[Any, Any]] = {}
    for variable in held.values():
        tensors.setdefault(id(variable), (variable, keras.Input(batch_shape=variable.shape, dtype=variable.dtype)))
    try:
        for key, variable in held.items():
            layer.__dict__[key] = tensors[id(variable)][1]
        yield list(tensors.values())
    finally:
        layer.__dict__.update(held)


@contextmanager
def mode(layer: Any, training: bool) -> Iterator[None]:
    """Calls of layers inside see the mode as they would inside the layer's own `__call__`."""
    context = CallContext(entry_layer=layer)
    context.training = training
    outer = global_state.get_global_attribute("current_call_ctx")
    global_state.set_global_attribute("current_call_ctx", context)
    try:
        yield
    finally:
        global_state.set_global_attribute("current_call_ctx", outer)


@contextmanager
def symbolic_constants() -> Iterator[list[tuple[Any, Any]]]:
    """While it lasts a layer that is called on numbers, as position embeddings are, becomes part of the graph: (numbers, tensor)."""
    made: list[tuple[Any, Any]] = []
    own, thread = keras.Layer.__call__, threading.get_ident()

    def symbolic(x: Any) -> Any:
        if not tf.is_tensor(x) or isinstance(x, keras.KerasTensor):
            return x
        made.append((x.numpy(), keras.Input(batch_shape=x.shape, dtype=x.dtype.name)))
        return made[-1][1]

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        on_numbers = not any(isinstance(x, keras.KerasTensor) for x in keras.tree.flatten((args, kwargs)))
        if on_numbers and threading.get_ident() == thread and tf.executing_eagerly():
            args = keras.tree.map_structure(symbolic, args)
        return own(self, *args, **kwargs)

    keras.Layer.__call__ = call
    try:
        yield made
    finally:
        keras.Layer.__call__ = own


@contextmanager
def symbolic_casts() -> Iterator[None]:
    """Layers of older Keras cast a mask past `keras.ops`."""
    own = backend.cast

    def cast(x: Any, dtype: Any) -> Any:
        return keras.ops.cast(x, dtype) if isinstance(x, keras.KerasTensor) else own(x, dtype)

    backend.cast = cast
    try:
        yield
    finally:
        backend.cast = own


@contextmanager
def noted_losses() -> Iterator[list[Any]]:
    """While it lasts `add_loss` notes symbolic tensors, which Keras would refuse."""
    noted: list[Any] = []
    own, thread = keras.Layer.add_loss, threading.get_ident()

    def add_loss(self: Any, loss: Any) -> None:
        given = keras.tree.flatten(loss)
        if threading.get_ident() != thread or not tf.executing_eagerly():  # within a layer that is followed later
            own(self, loss)
        elif all(isinstance(x, keras.KerasTensor) for x in given):
            noted.extend(given)
        else:
            raise ValueError("add_loss takes what is computed from inputs or weights")

    keras.Layer.add_loss = add_loss
    try:
        yield noted
    finally:
        keras.Layer.add_loss = own


class Watch(keras.StatelessScope):
    """Sees reads and writes of variables: what is computed from a value that was read would stay for good."""

    def __init__(self) -> None:
        super().__init__()
        self._read: list[str] = []

    def get_current_value(self, variable: Any) -> Any:
        """Keras asks when the value of a variable is needed."""
        self._read.append(variable.path)
        return super().get_current_value(variable)

    def check(self) -> None:
        """Raises UnsupportedArgument when something was read or written."""
        if self.state_mapping:
            raise UnsupportedArgument("a call that draws random numbers or changes state; n2d2 would do so once, not at every step")
        if self._read:
            raise UnsupportedArgument(
                f"a call that reads the value of '{self._read[0]}'; make weights attributes of the layer that uses them, outside of lists"
            )


@contextmanager
def unchanging_state() -> Iterator[Watch]:
    with Watch() as scope:
        yield scope


__all__ = ["mode", "noted_losses", "symbolic_casts", "symbolic_constants", "symbolic_weights", "unchanging_state"]
