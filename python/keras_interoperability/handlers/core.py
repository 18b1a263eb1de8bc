"""Noise and dropout, rescaling, embedding, and layers that change nothing."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from keras_interoperability.handlers.arithmetic import as_indices
from keras_interoperability.handlers.registry import UnsupportedArgument, operation, register_handler
from keras_interoperability.planes import Planes


def random_in_training(capture: Any, x: Planes, op: str, attributes: dict[str, Any], noise_shape: Any = None) -> Planes:
    """A random operator in training; elements share their random number along axes of extent 1 of `noise_shape`."""
    if not capture.training:
        return x
    capture.expect_training()
    capture.result.is_random = True
    shared = [axis for axis, extent in enumerate(noise_shape or ()) if extent == 1]
    if not shared:
        return x.map(op, attributes)
    if any(extent not in (1, None, x.shape[axis]) for axis, extent in enumerate(noise_shape)):
        raise UnsupportedArgument(f"noise_shape={noise_shape}; every extent must be 1, None or the input's")
    form, axes = ("first", [x.axis_in_first(axis) for axis in shared]) if x.has_first else ("last", shared)
    return Planes(capture, **{form: capture.node(op, [getattr(x, form)], attributes | {"shared_axes": sorted(axes)})})


@register_handler(keras.layers.Dropout)
def dropout(capture: Any, layer: Any, x: Planes) -> Planes:
    if layer.rate == 0:
        return x
    return random_in_training(capture, x, "Dropout", {"ratio": float(layer.rate), "training_mode": 1}, layer.noise_shape)


@register_handler(keras.layers.SpatialDropout1D, keras.layers.SpatialDropout2D, keras.layers.SpatialDropout3D)
def spatial_dropout(capture: Any, layer: Any, x: Planes) -> Planes:
    if layer.rate == 0:
        return x
    shape = [None, *[1] * (x.rank - 2), None]
    return random_in_training(capture, x, "Dropout", {"ratio": float(layer.rate), "training_mode": 1}, shape)


@register_handler(keras.layers.GaussianNoise)
def gaussian_noise(capture: Any, layer: Any, x: Planes) -> Planes:
    return x if layer.stddev == 0 else random_in_training(capture, x, "RandomNormal", {"stddev": float(layer.stddev)})


@register_handler(keras.layers.GaussianDropout)
def gaussian_dropout(capture: Any, layer: Any, x: Planes) -> Planes:
    return x if layer.rate == 0 else random_in_training(capture, x, "GaussianDropout", {"ratio": float(layer.rate), "training_mode": 1})


@register_handler(keras.layers.AlphaDropout)
def alpha_dropout(capture: Any, layer: Any, x: Planes) -> Planes:
    if layer.rate == 0:
        return x
    return random_in_training(capture, x, "AlphaDropout", {"ratio": float(layer.rate), "training_mode": 1}, layer.noise_shape)


@register_handler(keras.layers.Rescaling)
def rescaling(capture: Any, layer: Any, x: Planes) -> Planes:
    scaled = capture.node("Mul", [x.last, capture.constant(np.asarray(layer.scale, np.float32))])
    return Planes(capture, last=capture.node("Add", [scaled, capture.constant(np.asarray(layer.offset, np.float32))]))


@register_handler(keras.layers.Embedding)
def embedding(capture: Any, layer: Any, x: Planes) -> Planes:
    if getattr(layer, "quantization_mode", None) is not None or getattr(layer, "lora_enabled", False):
        raise UnsupportedArgument("quantisation or LoRA")
    table = capture.parameter(layer.embeddings)
    return Planes(capture, last=capture.node("Gather", [table, as_indices(capture, x).last], {"axis": 0}))


@operation("OneHot")
def one_hot(capture: Any, op: Any, x: Any) -> Planes:
    return Planes(capture, last=capture.node("OneHot", [as_indices(capture, x).last], {"depth": op.num_classes, "axis": op.axis}))


@register_handler(keras.layers.InputLayer, keras.layers.Identity, keras.layers.ActivityRegularization)
def unchanged(capture: Any, layer: Any, x: Planes) -> Planes:
    return x


__all__ = ["random_in_training"]
