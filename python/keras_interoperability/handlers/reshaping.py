"""Layers that move or rename axes."""

from __future__ import annotations

from typing import Any

import keras

from keras_interoperability.handlers.registry import expect_channels_last, register_handler
from keras_interoperability.planes import Planes


@register_handler(keras.layers.Flatten)
def flatten(capture: Any, layer: Any, x: Planes) -> Planes:
    expect_channels_last(layer)
    return x if x.rank == 2 else Planes(capture, last=capture.node("Flatten", [x.last]))


@register_handler(keras.layers.Reshape)
def reshape(capture: Any, layer: Any, x: Planes) -> Planes:
    extents = layer.compute_output_shape((None, *x.last.shape[1:]))[1:]
    return Planes(capture, last=capture.node("Reshape", [x.last], {"shape": [-1, *extents]}))


@register_handler(keras.layers.Permute)
def permute(capture: Any, layer: Any, x: Planes) -> Planes:
    return Planes(capture, last=capture.node("Transpose", [x.last], {"perm": [0, *layer.dims]}))


@register_handler(keras.layers.ZeroPadding2D)
def zero_padding(capture: Any, layer: Any, x: Planes) -> Planes:
    expect_channels_last(layer)
    (top, bottom), (left, right) = layer.padding
    return Planes(capture, first=capture.node("Pad", [x.first], {"pads": [0, 0, top, left, 0, 0, bottom, right]}))
