"""Models inside models: what the engine walks through instead of calling."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
from keras.src.models.functional import Functional

from keras_interoperability.handlers.registry import UnsupportedArgument
from keras_interoperability.inlining import first_sentence
from n2d2 import errors


def functional_of(model: Any) -> Any:
    """The Functional behind a Sequential or Functional model."""
    return model._functional if isinstance(model, keras.Sequential) else model


def as_functional(model: Any) -> Any:
    """The model itself; a subclassed one as the only layer of a Functional, on inputs of the shape it was built with."""
    if isinstance(model, keras.Sequential | Functional) and is_container(model):
        return model
    shapes = (model.get_build_config() or {}).get("input_shape")
    if shapes is None:
        raise errors.StateError(f"tf_model: '{model.name}' is not built; call it once on data, or on keras.Input tensors")
    inputs = keras.tree.map_shape_structure(lambda shape: keras.Input(shape[1:]), shapes)
    try:
        return keras.Model(inputs, model(inputs), name=model.name)
    except Exception as error:  # whatever the user's code raises
        raise errors.UnsupportedError(
            f"tf_model: the call of '{model.name}' ({type(model).__name__}) cannot be followed on symbolic tensors "
            f"({first_sentence(error)}); write it with layers and keras.ops, without branches on values"
        ) from error


def is_container(layer: Any) -> bool:
    """Whether the layer is a model whose `call` is Keras' own."""
    cls = type(layer)
    if isinstance(layer, keras.Sequential):
        return cls.call is keras.Sequential.call and layer._functional is not None
    return isinstance(layer, Functional) and cls.call is Functional.call


def inner_inputs(inner: Any, args: Any, reshaped: Callable[[Any, list[int]], Any]) -> dict[int, Any]:
    """What the inner model's symbolic inputs stand for, by their id, when it is called with `args`.

    Keras lets a call leave out, or add, a last axis of one element; `reshaped(value, shape)` does that.
    """
    values = keras.tree.flatten(args)
    if isinstance(inner._inputs_struct, dict) and len(args) == 1 and isinstance(args[0], dict):
        values = [args[0][name] for name in sorted(inner._inputs_struct)]
    if len(values) != len(inner.inputs):
        raise UnsupportedArgument(f"{len(values)} inputs for {len(inner.inputs)}")
    known = {}
    for tensor, value in zip(inner.inputs, values, strict=True):
        known[id(tensor)] = value if value.rank == len(tensor.shape) else reshaped(value, [-1, *tensor.shape[1:]])
    return known


__all__ = ["as_functional", "functional_of", "inner_inputs", "is_container"]
