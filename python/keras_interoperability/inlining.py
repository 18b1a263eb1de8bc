"""Follows the `call` of a layer on symbolic tensors: what it does appears as a graph of Keras operations."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import keras
import tensorflow as tf
from keras.src.backend.common import global_state
from keras.src.layers.layer import CallContext
from keras.src.ops.function import Function

from keras_interoperability.handlers.registry import UnsupportedArgument

_NOT_INLINED = (
    keras.layers.RNN,
    keras.layers.SpectralNormalization,
    keras.layers.ActivityRegularization,
    keras.layers.BatchNormalization,
)


@dataclass
class Traced:
    """The operations between symbolic inputs (tensors first, then weights, then constants) and outputs."""

    function: Any
    """Its outputs are those of the call, then what `losses` are made of."""
    outputs: int
    inputs: list[Any]
    variables: list[Any]
    constants: list[Any]
    losses: list[Term]
    """What the call gave to `add_loss`."""


@dataclass
class Term:
    """A term of the loss: a function of symbolic tensors, which layers or the caller made."""

    function: Any
    leaves: list[Any]


def inline_function(function: Callable[..., Any], inputs: list[Any]) -> Traced:
    """Traces `function(*inputs)`; raises UnsupportedArgument when it cannot be followed."""
    with _unchanging_state() as reason, _symbolic_constants() as constants:
        outputs = _called(function, tuple(inputs), {}, getattr(function, "__name__", type(function).__name__))
    reason.check()
    return _traced(inputs, [], constants, outputs, [])


def inline_layer(layer: Any, training: bool, symbol: Callable[[Any], Any], args: Any, kwargs: dict[str, Any]) -> Traced:
    """Traces the layer's `call` in one mode.

    Its own weights become symbolic inputs too, so that an operation on a weight alone is followed and not computed once for all.
    """
    if isinstance(layer, _NOT_INLINED) or getattr(layer, "seed_generator", None) is not None or _is_preprocessing(layer):
        raise UnsupportedArgument(_advice(layer))
    fresh: list[Any] = []

    def replaced(x: Any) -> Any:
        if not hasattr(x, "last"):
            return x
        fresh.append(symbol(x))
        return fresh[-1]

    inner_args = keras.tree.map_structure(replaced, args)
    inner_kwargs = keras.tree.map_structure(replaced, kwargs)
    if getattr(layer, "_call_has_training_arg", False):
        inner_kwargs["training"] = training
    with (
        _symbolic_weights(layer) as weights,
        _unchanging_state() as reason,
        _mode(layer, training),
        _symbolic_constants() as constants,
        _noted_losses() as losses,
    ):
        outputs = _called(layer.call, inner_args, inner_kwargs, "call")
    reason.check()
    return _traced(fresh, weights, constants, outputs, losses)


def _traced(fresh: list[Any], weights: list[tuple[Any, Any]], constants: list[tuple[Any, Any]], outputs: Any, losses: list[Any]) -> Traced:
    inputs = [*fresh, *[tensor for _, tensor in weights], *[tensor for _, tensor in constants]]
    terms = [_term(loss, {id(tensor) for tensor in inputs}) for loss in losses]
    inner = [leaf for term in terms for leaf in term.leaves if not any(leaf is tensor for tensor in inputs)]
    function = Function(inputs, [outputs, *inner])
    count = len(keras.tree.flatten(outputs))
    return Traced(function, count, inputs, [variable for variable, _ in weights], [array for array, _ in constants], terms)


def _term(loss: Any, inputs: set[int]) -> Term:
    """Cut where a layer or the caller made a tensor: from there on it consists of operations alone, which are cheap to repeat."""
    leaves: dict[int, Any] = {}
    stack = [loss]
    while stack:
        tensor = stack.pop()
        maker, index, _ = tensor._keras_history
        if id(tensor) in inputs or isinstance(maker, keras.Layer):
            leaves[id(tensor)] = tensor
        else:
            stack.extend(maker._inbound_nodes[index].arguments.keras_tensors)
    return Term(Function(list(leaves.values()), loss), list(leaves.values()))


def forget(traced: Traced) -> None:
    """Takes the traced calls off the user's layers."""
    functions = [traced.function, *[term.function for term in traced.losses]]
    for node in [node for function in functions for nodes in function._nodes_by_depth.values() for node in nodes]:
        operation = node.operation
        if node in operation._inbound_nodes:
            operation._inbound_nodes.remove(node)
        for tensor in node.arguments.keras_tensors:
            giver = tensor._keras_history.operation
            if giver is not None and node in giver._outbound_nodes:
                giver._outbound_nodes.remove(node)


def first_sentence(error: Exception) -> str:
    """What went wrong in the user's code, in few words."""
    lines = str(error).strip().splitlines() or [""]
    return f"{type(error).__name__}: {lines[0].split('. ')[0]}"


def _called(function: Any, args: Any, kwargs: Any, name: str) -> Any:
    try:
        outputs = function(*args, **kwargs)
    except Exception as error:  # whatever the user's code raises
        raise UnsupportedArgument(
            f"a {name} that cannot be followed on symbolic tensors ({first_sentence(error)}); "
            "write it with keras.ops and without branches on values"
        ) from error
    if not all(isinstance(x, keras.KerasTensor) for x in keras.tree.flatten(outputs)):
        raise UnsupportedArgument(f"a {name} that does not return what it computes from its inputs")
    return outputs


@contextmanager
def _symbolic_weights(layer: Any) -> Iterator[list[tuple[Any, Any]]]:
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
def _mode(layer: Any, training: bool) -> Iterator[None]:
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
def _symbolic_constants() -> Iterator[list[tuple[Any, Any]]]:
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
def _noted_losses() -> Iterator[list[Any]]:
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


class _Watch(keras.StatelessScope):
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
def _unchanging_state() -> Iterator[_Watch]:
    with _Watch() as scope:
        yield scope


def _is_preprocessing(layer: Any) -> bool:
    return type(layer).__module__.startswith("keras.src.layers.preprocessing") and type(layer).__name__.startswith(
        ("Random", "Aug", "CutMix", "MixUp", "AutoContrast")
    )


def _advice(layer: Any) -> str:
    if _is_preprocessing(layer):
        return "random augmentation; apply it to the data before the model: dataset.map(lambda x, y: (augment(x, training=True), y))"
    if getattr(layer, "seed_generator", None) is not None:
        return "random numbers in its call"
    return ""


__all__ = ["Traced", "first_sentence", "forget", "inline_function", "inline_layer"]
