"""Dropout and rescaling."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from keras_interoperability.handlers.registry import UnsupportedArgument, register_handler
from keras_interoperability.planes import Planes


@register_handler(keras.layers.Dropout)
def dropout(capture: Any, layer: Any, x: Planes) -> Planes:
    if getattr(layer, "noise_shape", None) is not None:
        raise UnsupportedArgument(f"noise_shape={layer.noise_shape}; leave it out")
    if not capture.training or layer.rate == 0:
        return x
    capture.result.is_random = True
    return x.map("Dropout", {"ratio": float(layer.rate), "training_mode": 1})


@register_handler(keras.layers.Rescaling)
def rescaling(capture: Any, layer: Any, x: Planes) -> Planes:
    scaled = capture.node("Mul", [x.last, capture.constant(np.asarray(layer.scale, np.float32))])
    return Planes(capture, last=capture.node("Add", [scaled, capture.constant(np.asarray(layer.offset, np.float32))]))


@register_handler(keras.layers.InputLayer, keras.layers.ActivityRegularization)
def unchanged(capture: Any, layer: Any, x: Planes) -> Planes:
    return x
