"""What Keras' words for windows mean: paddings "same", "valid" and "causal", strides, output padding."""

from __future__ import annotations

from typing import Any

from keras_interoperability.handlers.registry import UnsupportedArgument


def per_axis(number: Any, rank: int) -> list[int]:
    """One number for every spatial axis."""
    return [int(number)] * rank if isinstance(number, int) else [int(n) for n in number]


def same_pads(extents: list[int], kernel: list[int], strides: list[int], dilations: list[int]) -> list[int]:
    """TensorFlow's "same": ceil(extent / stride) places, the odd element of padding at the end."""
    begins, ends = [], []
    for extent, k, s, d in zip(extents, kernel, strides, dilations, strict=True):
        places = -(-extent // s)
        total = max((places - 1) * s + (k - 1) * d + 1 - extent, 0)
        begins.append(total // 2)
        ends.append(total - total // 2)
    return begins + ends


def pads_of(padding: str, extents: list[int], kernel: list[int], strides: list[int], dilations: list[int]) -> list[int]:
    """ONNX pads, all begins and then all ends, of a window that Keras pads in this way."""
    if padding == "valid":
        return [0] * (2 * len(kernel))
    if padding == "same":
        return same_pads(extents, kernel, strides, dilations)
    if padding == "causal" and len(kernel) == 1:
        return [dilations[0] * (kernel[0] - 1), 0]
    raise UnsupportedArgument(f"padding='{padding}'")


def transposed_pads(padding: str, reach: int, stride: int, output_padding: int | None) -> tuple[int, int, int]:
    """Begin, end and output padding of ONNX's ConvTranspose for one axis; `reach` is the extent of the dilated kernel.

    Without padding ONNX gives (n - 1) * stride + reach elements. Keras' "valid" adds what makes the last stride whole, its "same" keeps
    n * stride elements, and an output_padding makes them (n - 1) * stride + reach % 2 + output_padding; TensorFlow cuts the larger half
    at the end, as the gradient of the convolution that leads back would.
    """
    if padding == "valid":
        return 0, 0, max(stride - reach, 0) if output_padding is None else output_padding
    kept = stride if output_padding is None else reach % 2 + output_padding
    cut = reach - kept
    begin = max(cut // 2, 0)
    end = cut - begin
    return (begin, end, 0) if end >= 0 else (begin, 0, -end)


__all__ = ["pads_of", "per_axis", "same_pads", "transposed_pads"]
