"""Follows the `call` of a layer on symbolic tensors: what it does appears as a graph of Keras operations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import keras
from keras.src.ops.function import Function

from keras_interoperability.following import (
    mode,
    noted_losses,
    symbolic_casts,
    symbolic_constants,
    symbolic_weights,
    unchanging_state,
)
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


class Term:
    """A term of the loss, cut where a layer or the caller made a tensor: what follows are operations alone, which are cheap to repeat.

    Attributes:
        leaves: the symbolic tensors that it is computed from.
        nodes: the calls of operations between these and the term.
    """

    def __init__(self, loss: Any, inputs: set[int]) -> None:
        self.leaves: list[Any] = []
        self.nodes: list[Any] = []
        self._loss = loss
        self._follow(loss, inputs, set())

    def _follow(self, tensor: Any, inputs: set[int], seen: set[int]) -> None:
        if id(tensor) in seen:
            return
        seen.add(id(tensor))
        maker, index, _ = tensor._keras_history
        if id(tensor) in inputs or isinstance(maker, keras.Layer):
            self.leaves.append(tensor)
            return
        node = maker._inbound_nodes[index]
        for operand in node.arguments.keras_tensors:
            self._follow(operand, inputs, seen)
        if node not in self.nodes:
            self.nodes.append(node)

    def __call__(self, values: list[Any]) -> Any:
        """The term from the values of its leaves."""
        known = dict(zip(map(id, self.leaves), values, strict=True))
        for node in self.nodes:
            args, kwargs = node.arguments.fill_in(known)
            results = keras.tree.flatten(node.operation(*args, **kwargs))
            known.update(zip(map(id, node.outputs), results, strict=True))
        return known[id(self._loss)]


def inline_function(function: Callable[..., Any], inputs: list[Any]) -> Traced:
    """Traces `function(*inputs)`; raises UnsupportedArgument when it cannot be followed."""
    with unchanging_state() as reason, symbolic_constants() as constants:
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
        symbolic_weights(layer) as weights,
        unchanging_state() as reason,
        mode(layer, training),
        symbolic_constants() as constants,
        noted_losses() as losses,
        symbolic_casts(),
    ):
        outputs = _called(layer.call, inner_args, inner_kwargs, "call")
    reason.check()
    return _traced(fresh, weights, constants, outputs, losses)


def _traced(fresh: list[Any], weights: list[tuple[Any, Any]], constants: list[tuple[Any, Any]], outputs: Any, losses: list[Any]) -> Traced:
    inputs = [*fresh, *[tensor for _, tensor in weights], *[tensor for _, tensor in constants]]
    terms = [Term(loss, {id(tensor) for tensor in inputs}) for loss in losses]
    inner = [leaf for term in terms for leaf in term.leaves if not any(leaf is tensor for tensor in inputs)]
    function = Function(inputs, [outputs, *inner])
    count = len(keras.tree.flatten(outputs))
    return Traced(function, count, inputs, [variable for variable, _ in weights], [array for array, _ in constants], terms)


def forget(traced: Traced) -> None:
    """Takes the traced calls off the user's layers."""
    nodes = [node for nodes in traced.function._nodes_by_depth.values() for node in nodes]
    for node in [*nodes, *[node for term in traced.losses for node in term.nodes]]:
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
