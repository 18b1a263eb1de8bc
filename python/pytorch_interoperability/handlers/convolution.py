"""Convolutions of one to three axes."""

from __future__ import annotations

from typing import Any

from pytorch_interoperability.handlers.registry import UnsupportedArgument, handles, numbers


@handles("conv1d", "conv2d", "conv3d")
def conv(g: Any, x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Any:
    pads = numbers(padding, len(weight.shape) - 2)
    return _conv(g, x, weight, bias, stride, [*pads, *pads], dilation, groups)


@handles("conv1d.padding", "conv2d.padding", "conv3d.padding")
def conv_padding(
    g: Any, x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: str = "valid", dilation: Any = 1, groups: int = 1
) -> Any:
    axes = len(weight.shape) - 2
    totals = [0] * axes
    if padding == "same":
        totals = [d * (k - 1) for d, k in zip(numbers(dilation, axes), weight.shape[2:], strict=True)]
    pads = [total // 2 for total in totals] + [total - total // 2 for total in totals]
    return _conv(g, x, weight, bias, stride, pads, dilation, groups)


def _conv(g: Any, x: Any, weight: Any, bias: Any, stride: Any, pads: list[int], dilation: Any, groups: int) -> Any:
    axes = _axes(x, weight)
    attributes = {"strides": numbers(stride, axes), "pads": pads, "dilations": numbers(dilation, axes), "group": groups}
    return g.node("Conv", [x, weight, bias], attributes)


@handles("conv_transpose1d", "conv_transpose2d.input", "conv_transpose3d.input")
def conv_transpose(
    g: Any,
    x: Any,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Any:
    axes = _axes(x, weight)
    pads = numbers(padding, axes)
    attributes = {
        "strides": numbers(stride, axes),
        "pads": [*pads, *pads],
        "output_padding": numbers(output_padding, axes),
        "dilations": numbers(dilation, axes),
        "group": groups,
    }
    return g.node("ConvTranspose", [x, weight, bias], attributes)


def _axes(x: Any, weight: Any) -> int:
    if len(x.shape) != len(weight.shape):
        raise UnsupportedArgument(f"an input of rank {len(x.shape)}; give it with the batch in front, of rank {len(weight.shape)}")
    return len(weight.shape) - 2
