"""Pools."""

from __future__ import annotations

from typing import Any

import keras

from keras_interoperability.handlers.convolution import same_pads
from keras_interoperability.handlers.registry import expect_channels_last, register_handler
from keras_interoperability.planes import Planes


def _pool(capture: Any, layer: Any, x: Planes, op: str) -> Planes:
    expect_channels_last(layer)
    kernel, strides = list(layer.pool_size), list(layer.strides)
    pads = [0, 0, 0, 0]
    if layer.padding == "same":
        pads = same_pads(x.first.shape[2:], kernel, strides, [1, 1])
    return Planes(capture, first=capture.node(op, [x.first], {"kernel_shape": kernel, "strides": strides, "pads": pads}))


@register_handler(keras.layers.MaxPooling2D)
def max_pooling(capture: Any, layer: Any, x: Planes) -> Planes:
    return _pool(capture, layer, x, "MaxPool")


@register_handler(keras.layers.AveragePooling2D)
def average_pooling(capture: Any, layer: Any, x: Planes) -> Planes:
    return _pool(capture, layer, x, "AveragePool")


@register_handler(keras.layers.GlobalAveragePooling2D)
def global_average_pooling(capture: Any, layer: Any, x: Planes) -> Planes:
    expect_channels_last(layer)
    pooled = capture.node("GlobalAveragePool", [x.first])
    if layer.keepdims:
        return Planes(capture, first=pooled)
    return Planes(capture, last=capture.node("Flatten", [pooled]))
