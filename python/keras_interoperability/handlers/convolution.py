"""Convolutions of one to three spatial axes: plain, depthwise, separable, transposed."""

from __future__ import annotations

from typing import Any

import keras

from keras_interoperability.handlers.activation import activate
from keras_interoperability.handlers.registry import UnsupportedArgument, operation, register_handler
from keras_interoperability.handlers.windows import pads_of, per_axis, transposed_pads
from keras_interoperability.planes import Planes


def _kernel(capture: Any, kernel: Any, axes: list[int]) -> Any:
    """A kernel in ONNX' order; `axes` lists Keras' axes in that order. A weight is read as it lies in Keras' memory."""
    if isinstance(kernel, keras.Variable):
        order = [axes.index(axis) for axis in range(len(axes))]
        return capture.parameter(kernel, [kernel.shape[axis] for axis in axes], order)
    return capture.node("Transpose", [capture.value(kernel).last], {"perm": axes})


def _depthwise_kernel(capture: Any, kernel: Any) -> Any:
    """Keras' [..., channels, multiplier] as ONNX' [channels * multiplier, 1, ...]."""
    *extents, channels, multiplier = kernel.shape
    rank = len(extents)
    shape, order = [channels * multiplier, 1, *extents], [*range(2, rank + 2), 1, 0]
    if isinstance(kernel, keras.Variable):
        return capture.parameter(kernel, shape, order)
    merged = capture.node("Reshape", [capture.value(kernel).last], {"shape": [*extents, 1, channels * multiplier]})
    return capture.node("Transpose", [merged], {"perm": [rank + 1, rank, *range(rank)]})


def _window(x: Planes, kernel: Any, strides: Any, padding: str, dilations: Any) -> dict[str, Any]:
    rank = x.rank - 2
    strides, dilations = per_axis(strides, rank), per_axis(dilations, rank)
    pads = pads_of(padding, x.first.shape[2:], list(kernel.shape[:rank]), strides, dilations)
    return {"strides": strides, "dilations": dilations, "pads": pads}


def convolve(
    capture: Any, x: Planes, kernel: Any, bias: Any, strides: Any, padding: str, dilations: Any, groups: int | None = None
) -> Planes:
    """A convolution with Keras' kernel [..., channels / groups, filters]."""
    rank = x.rank - 2
    attributes = _window(x, kernel, strides, padding, dilations)
    attributes["group"] = groups or x.first.shape[1] // kernel.shape[rank]
    weight = _kernel(capture, kernel, [rank + 1, rank, *range(rank)])
    return Planes(capture, first=capture.node("Conv", [x.first, weight, bias], attributes))


def depthwise(capture: Any, x: Planes, kernel: Any, bias: Any, strides: Any, padding: str, dilations: Any) -> Planes:
    """A convolution of every channel alone, `multiplier` filters each."""
    attributes = _window(x, kernel, strides, padding, dilations) | {"group": x.first.shape[1]}
    return Planes(capture, first=capture.node("Conv", [x.first, _depthwise_kernel(capture, kernel), bias], attributes))


def transposed(
    capture: Any, x: Planes, kernel: Any, bias: Any, strides: Any, padding: str, dilations: Any, output_padding: Any = None
) -> Planes:
    """The convolution that leads back, with Keras' kernel [..., filters, channels]."""
    rank = x.rank - 2
    strides, dilations = per_axis(strides, rank), per_axis(dilations, rank)
    more = [None] * rank if output_padding is None else per_axis(output_padding, rank)
    reach = [d * (k - 1) + 1 for k, d in zip(kernel.shape[:rank], dilations, strict=True)]
    axes = [transposed_pads(padding, r, s, m) for r, s, m in zip(reach, strides, more, strict=True)]
    attributes = {
        "strides": strides,
        "dilations": dilations,
        "pads": [a[0] for a in axes] + [a[1] for a in axes],
        "output_padding": [a[2] for a in axes],
        "group": 1,
    }
    weight = _kernel(capture, kernel, [rank + 1, rank, *range(rank)])
    return Planes(capture, first=capture.node("ConvTranspose", [x.first, weight, bias], attributes))


def _bias(capture: Any, layer: Any) -> Any:
    return capture.parameter(layer.bias) if layer.use_bias else None


@register_handler(keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D)
def conv(capture: Any, layer: Any, x: Planes) -> Planes:
    y = convolve(capture, x, layer.kernel, _bias(capture, layer), layer.strides, layer.padding, layer.dilation_rate, layer.groups)
    return activate(capture, y, layer.activation)


@register_handler(keras.layers.DepthwiseConv1D, keras.layers.DepthwiseConv2D)
def depthwise_conv(capture: Any, layer: Any, x: Planes) -> Planes:
    y = depthwise(capture, x, layer.kernel, _bias(capture, layer), layer.strides, layer.padding, layer.dilation_rate)
    return activate(capture, y, layer.activation)


@register_handler(keras.layers.SeparableConv1D, keras.layers.SeparableConv2D)
def separable_conv(capture: Any, layer: Any, x: Planes) -> Planes:
    y = depthwise(capture, x, layer.depthwise_kernel, None, layer.strides, layer.padding, layer.dilation_rate)
    y = convolve(capture, y, layer.pointwise_kernel, _bias(capture, layer), 1, "valid", 1)
    return activate(capture, y, layer.activation)


@register_handler(keras.layers.Conv1DTranspose, keras.layers.Conv2DTranspose, keras.layers.Conv3DTranspose)
def conv_transpose(capture: Any, layer: Any, x: Planes) -> Planes:
    bias = _bias(capture, layer)
    y = transposed(capture, x, layer.kernel, bias, layer.strides, layer.padding, layer.dilation_rate, layer.output_padding)
    return activate(capture, y, layer.activation)


@register_handler(keras.layers.Dense)
def dense(capture: Any, layer: Any, x: Planes) -> Planes:
    if getattr(layer, "quantization_mode", None) is not None or getattr(layer, "lora_enabled", False):
        raise UnsupportedArgument("quantisation or LoRA")
    value = x.last
    extents = value.shape
    kernel = capture.parameter(layer.kernel)
    if len(extents) > 2:
        value = capture.node("Reshape", [value], {"shape": [-1, extents[-1]]})
    y = capture.node("Gemm", [value, kernel, _bias(capture, layer)])
    if len(extents) > 2:
        y = capture.node("Reshape", [y], {"shape": [-1, *extents[1:-1], layer.units]})
    return activate(capture, Planes(capture, last=y), layer.activation)


def _expect_last(op: Any) -> None:
    if getattr(op, "data_format", None) == "channels_first":
        raise UnsupportedArgument("data_format='channels_first'; use channels_last")


@operation("Conv")
def conv_operation(capture: Any, op: Any, inputs: Planes, kernel: Any) -> Planes:
    _expect_last(op)
    return convolve(capture, inputs, kernel, None, op.strides, op.padding, op.dilation_rate)


@operation("DepthwiseConv")
def depthwise_operation(capture: Any, op: Any, inputs: Planes, kernel: Any) -> Planes:
    _expect_last(op)
    return depthwise(capture, inputs, kernel, None, op.strides, op.padding, op.dilation_rate)


@operation("SeparableConv")
def separable_operation(capture: Any, op: Any, inputs: Planes, depthwise_kernel: Any, pointwise_kernel: Any) -> Planes:
    _expect_last(op)
    y = depthwise(capture, inputs, depthwise_kernel, None, op.strides, op.padding, op.dilation_rate)
    return convolve(capture, y, pointwise_kernel, None, 1, "valid", 1)


@operation("ConvTranspose")
def transposed_operation(capture: Any, op: Any, inputs: Planes, kernel: Any) -> Planes:
    _expect_last(op)
    return transposed(capture, inputs, kernel, None, op.strides, op.padding, op.dilation_rate, op.output_padding)


__all__ = ["convolve", "depthwise", "transposed"]
