"""Convolutions and dense layers."""

from __future__ import annotations

from typing import Any

import keras

from keras_interoperability.handlers.activation import activate
from keras_interoperability.handlers.registry import expect_channels_last, register_handler
from keras_interoperability.planes import Planes


def same_pads(extents: list[int], kernel: list[int], strides: list[int], dilations: list[int]) -> list[int]:
    """TensorFlow's "same": ceil(extent / stride) places, the odd element of padding at the end."""
    begins, ends = [], []
    for extent, k, s, d in zip(extents, kernel, strides, dilations, strict=True):
        places = -(-extent // s)
        total = max((places - 1) * s + (k - 1) * d + 1 - extent, 0)
        begins.append(total // 2)
        ends.append(total - total // 2)
    return begins + ends


@register_handler(keras.layers.Conv2D)
def conv2d(capture: Any, layer: Any, x: Planes) -> Planes:
    expect_channels_last(layer)
    height, width, inputs, outputs = layer.kernel.shape
    strides, dilations = list(layer.strides), list(layer.dilation_rate)
    pads = [0, 0, 0, 0]
    if layer.padding == "same":
        pads = same_pads(x.first.shape[2:], [height, width], strides, dilations)
    kernel = capture.parameter(layer.kernel, [outputs, inputs, height, width], [2, 3, 1, 0])
    bias = capture.parameter(layer.bias) if layer.use_bias else None
    attributes = {"strides": strides, "dilations": dilations, "pads": pads, "group": layer.groups}
    return activate(capture, Planes(capture, first=capture.node("Conv", [x.first, kernel, bias], attributes)), layer.activation)


@register_handler(keras.layers.Dense)
def dense(capture: Any, layer: Any, x: Planes) -> Planes:
    value = x.last
    extents = value.shape
    kernel = capture.parameter(layer.kernel)
    bias = capture.parameter(layer.bias) if layer.use_bias else None
    if len(extents) > 2:
        value = capture.node("Reshape", [value], {"shape": [-1, extents[-1]]})
    y = capture.node("Gemm", [value, kernel, bias])
    if len(extents) > 2:
        y = capture.node("Reshape", [y], {"shape": [-1, *extents[1:-1], layer.units]})
    return activate(capture, Planes(capture, last=y), layer.activation)


__all__ = ["same_pads"]
