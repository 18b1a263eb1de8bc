"""`wrap`: one line that puts a Keras model into the engine."""

from __future__ import annotations

from typing import Any

import keras

from keras_interoperability.containers import as_functional
from keras_interoperability.custom_sequential import CustomSequential
from keras_interoperability.mirror import wrapped_in
from n2d2 import errors


def wrap(tf_model: Any, batch_size: int, name: str | None = None, for_export: bool = False) -> CustomSequential:
    """A Keras model that computes what the given one computes, in n2d2. Both share their weights.

    Args:
        tf_model: a built Sequential, Functional or subclassed model in float32. Models inside it, `Lambda` and layers of your own are
            followed through their `call`, which must be written with layers and `keras.ops`.
        batch_size: rows of a batch to plan for, at least 1; other sizes run too.
        name: of the new model; default the given model's.
        for_export: the network given by `get_deepnet_cell` lists no layout cells.

    Raises:
        n2d2.errors.UnsupportedError: lists every layer and operation that has no counterpart, by name.
        n2d2.errors.ValueError, TypeError, StateError: when an argument does not fit.
    """
    if isinstance(tf_model, CustomSequential):
        raise errors.ValueError("tf_model: this model is wrapped already; use it as it is")
    if not isinstance(tf_model, keras.Model):
        raise errors.TypeError(f"tf_model: expected a keras.Model, got {type(tf_model).__name__}")
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise errors.ValueError(f"batch_size: expected an integer of at least 1, got {batch_size!r}")
    if keras.backend.backend() != "tensorflow":
        raise errors.UnsupportedError(
            f"Keras runs on {keras.backend.backend()}; n2d2 supports its TensorFlow backend: "
            "set KERAS_BACKEND=tensorflow before importing keras"
        )
    if isinstance(tf_model, keras.Sequential) and tf_model._functional is None:
        raise errors.StateError(
            f"tf_model: '{tf_model.name}' is not built; begin it with keras.Input(shape=...) or call model.build((None, ...))"
        )
    if type(tf_model).train_step is not keras.Model.train_step or type(tf_model).compute_loss is not keras.Model.compute_loss:
        raise errors.UnsupportedError(
            f"tf_model: {type(tf_model).__name__} overrides train_step or compute_loss, which n2d2 would not call"
        )
    owner = wrapped_in(tf_model.variables)
    if owner is not None:
        raise errors.StateError(
            f"tf_model: weights of '{tf_model.name}' already live in the engine of a wrapped model (made from '{owner.name}'); use that one, "
            "or wrap a copy: keras.models.clone_model(tf_model), then set_weights(tf_model.get_weights())"
        )
    return CustomSequential(as_functional(tf_model), batch_size, name=name or tf_model.name, for_export=for_export)


__all__ = ["wrap"]
