"""Batch normalisation."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from keras_interoperability.handlers.registry import UnsupportedArgument, register_handler
from keras_interoperability.planes import Planes


@register_handler(keras.layers.BatchNormalization)
def batch_normalization(capture: Any, layer: Any, x: Planes) -> Planes:
    axis = layer.axis if isinstance(layer.axis, int) else layer.axis[0]
    if axis % x.rank != x.rank - 1:
        raise UnsupportedArgument(f"axis={axis}; only the last axis is supported")
    if x.rank > 4:
        raise UnsupportedArgument(f"an input of rank {x.rank}; up to 4 are supported")
    channels = layer.moving_mean.shape[0]
    inputs = [
        x.first,
        capture.parameter(layer.gamma) if layer.scale else capture.constant(np.ones(channels)),
        capture.parameter(layer.beta) if layer.center else capture.constant(np.zeros(channels)),
        capture.buffer(layer.moving_mean),
        capture.buffer(layer.moving_variance),
    ]
    trains = capture.training and layer.trainable
    attributes = {"epsilon": float(layer.epsilon), "momentum": float(layer.momentum), "training_mode": int(trains)}
    return Planes(capture, first=capture.node("BatchNormalization", inputs, attributes))
