"""The windows of an image as columns (nn.Unfold), and their sum (nn.Fold): convolutions with constant weights that pick one element each."""

from __future__ import annotations

from typing import Any

import torch

from pytorch_interoperability.handlers.registry import UnsupportedArgument, handles, numbers
from pytorch_interoperability.handlers.shape import shaped


@handles("im2col")
def unfold(g: Any, x: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    if len(x.shape) != 4:
        raise UnsupportedArgument(f"an input of rank {len(x.shape)}; give it with the batch in front, of rank 4")
    picks = _picks(x.shape[1], numbers(kernel_size, 2))
    windows = g.node("Conv", [x, picks, None], _attributes(x.shape[1], dilation, padding, stride))
    return shaped(g, windows, g.output_shape())


@handles("col2im")
def fold(g: Any, x: Any, output_size: Any, kernel_size: Any, dilation: Any, padding: Any, stride: Any) -> Any:
    if len(x.shape) != 3:
        raise UnsupportedArgument(f"an input of rank {len(x.shape)}; give it with the batch in front, of rank 3")
    rows, channels, *extents = g.output_shape()
    options = [numbers(option, 2) for option in (kernel_size, dilation, padding, stride)]
    spans = [extent + 2 * p - d * (k - 1) - 1 for extent, k, d, p in zip(extents, *options[:3], strict=True)]
    windows = shaped(g, x, [rows, x.shape[1], *[span // s + 1 for span, s in zip(spans, options[3], strict=True)]])
    rest = [span % s for span, s in zip(spans, options[3], strict=True)]  # what no window reaches
    attributes = {**_attributes(channels, dilation, padding, stride), "output_padding": rest}
    return g.node("ConvTranspose", [windows, _picks(channels, options[0]), None], attributes)


def _picks(channels: int, kernel: list[int]) -> torch.Tensor:
    """[channels * h * w, 1, h, w]: of each channel every element of the window once."""
    elements = kernel[0] * kernel[1]
    return torch.eye(elements).reshape(elements, 1, *kernel).repeat(channels, 1, 1, 1)


def _attributes(channels: int, dilation: Any, padding: Any, stride: Any) -> dict[str, Any]:
    pads = numbers(padding, 2)
    return {"strides": numbers(stride, 2), "pads": [*pads, *pads], "dilations": numbers(dilation, 2), "group": channels}
