"""Layers that move, cut, repeat or rename axes."""

from __future__ import annotations

from typing import Any

from keras import layers

from keras_interoperability.handlers.registry import UnsupportedArgument, operation, register_handler
from keras_interoperability.handlers.shapes import repeated, sliced
from keras_interoperability.planes import Planes


@register_handler(layers.Flatten)
def flatten(capture: Any, layer: Any, x: Planes) -> Planes:
    if x.rank == 1:
        return Planes(capture, last=capture.node("Reshape", [x.last], {"shape": [-1, 1]}))
    return x if x.rank == 2 else Planes(capture, last=capture.node("Flatten", [x.last]))


@register_handler(layers.Reshape)
def reshape(capture: Any, layer: Any, x: Planes) -> Planes:
    extents = layer.compute_output_shape((None, *x.shape[1:]))[1:]
    return Planes(capture, last=capture.node("Reshape", [x.last], {"shape": [-1, *extents]}))


@register_handler(layers.Permute)
def permute(capture: Any, layer: Any, x: Planes) -> Planes:
    return Planes(capture, last=capture.node("Transpose", [x.last], {"perm": [0, *layer.dims]}))


@register_handler(layers.RepeatVector)
def repeat_vector(capture: Any, layer: Any, x: Planes) -> Planes:
    return repeated(capture, Planes(capture, last=capture.node("Reshape", [x.last], {"shape": [-1, 1, x.shape[1]]})), 1, layer.n)


def _sides(given: Any, rank: int) -> list[tuple[int, int]]:
    """(begin, end) of every spatial axis."""
    pairs = [given] if rank == 1 and isinstance(given[0], int) else given
    return [(int(a), int(b)) for a, b in pairs]


@register_handler(layers.ZeroPadding1D, layers.ZeroPadding2D, layers.ZeroPadding3D)
def zero_padding(capture: Any, layer: Any, x: Planes) -> Planes:
    sides = _sides(layer.padding, x.rank - 2)
    pads = [0, 0, *(a for a, _ in sides), 0, 0, *(b for _, b in sides)]
    return Planes(capture, first=capture.node("Pad", [x.first], {"pads": pads}))


@register_handler(layers.Cropping1D, layers.Cropping2D, layers.Cropping3D)
def cropping(capture: Any, layer: Any, x: Planes) -> Planes:
    sides = _sides(layer.cropping, x.rank - 2)
    axes = list(range(2, x.rank))
    ends = [x.first.shape[axis] - b for axis, (_, b) in zip(axes, sides, strict=True)]
    attributes = {"axes": axes, "starts": [a for a, _ in sides], "ends": ends}
    return Planes(capture, first=capture.node("Slice", [x.first], attributes))


def resize(capture: Any, x: Planes, sizes: list[int], interpolation: str) -> Planes:
    """Spatial axes to other extents, as TensorFlow does it: half-pixel centres, without a filter for shrinking."""
    modes = {"nearest": "nearest", "bilinear": "linear", "bicubic": "cubic"}
    if interpolation not in modes:
        raise UnsupportedArgument(f"interpolation='{interpolation}'; nearest, bilinear and bicubic are supported")
    attributes: dict[str, Any] = {"sizes": sizes, "mode": modes[interpolation], "coordinate_transformation_mode": "half_pixel"}
    if interpolation == "nearest":
        attributes["nearest_mode"] = "round_prefer_ceil"
    elif interpolation == "bicubic":
        attributes |= {"cubic_coeff_a": -0.5, "exclude_outside": 1}
    return Planes(capture, first=capture.node("Resize", [x.first], attributes))


@register_handler(layers.UpSampling1D)
def up_sampling_1d(capture: Any, layer: Any, x: Planes) -> Planes:
    return resize(capture, x, [x.first.shape[2] * int(layer.size)], "nearest")


@register_handler(layers.UpSampling2D, layers.UpSampling3D)
def up_sampling(capture: Any, layer: Any, x: Planes) -> Planes:
    sizes = [extent * int(n) for extent, n in zip(x.first.shape[2:], layer.size, strict=True)]
    return resize(capture, x, sizes, getattr(layer, "interpolation", "nearest"))


@register_handler(layers.Resizing)
def resizing(capture: Any, layer: Any, x: Planes) -> Planes:
    if layer.crop_to_aspect_ratio or layer.pad_to_aspect_ratio or getattr(layer, "antialias", False):
        raise UnsupportedArgument("crop_to_aspect_ratio, pad_to_aspect_ratio or antialias")
    return resize(capture, x, [layer.height, layer.width], layer.interpolation)


@operation("Resize")
def resize_operation(capture: Any, op: Any, images: Any) -> Planes:
    if op.data_format == "channels_first" or op.antialias or op.crop_to_aspect_ratio or op.pad_to_aspect_ratio:
        raise UnsupportedArgument("channels_first, antialias, crop_to_aspect_ratio or pad_to_aspect_ratio")
    return resize(capture, capture.value(images), [int(n) for n in op.size], op.interpolation)


@register_handler(layers.CenterCrop)
def center_crop(capture: Any, layer: Any, x: Planes) -> Planes:
    _, height, width, _ = x.shape
    if height < layer.height or width < layer.width:
        raise UnsupportedArgument(f"an input of {height} x {width} for {layer.height} x {layer.width}; resize it first")
    top, left = (height - layer.height) // 2, (width - layer.width) // 2
    return sliced(capture, sliced(capture, x, 1, top, top + layer.height), 2, left, left + layer.width)


__all__ = ["resize"]
