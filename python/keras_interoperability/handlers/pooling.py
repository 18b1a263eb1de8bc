"""Pools: local, global and adaptive, of one to three spatial axes."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from keras_interoperability.handlers.registry import operation, register_handler, without_keywords
from keras_interoperability.handlers.windows import pads_of, per_axis
from keras_interoperability.planes import Planes


def _pool(capture: Any, x: Planes, op: str, size: Any, strides: Any, padding: str) -> Planes:
    rank = x.rank - 2
    kernel = per_axis(size, rank)
    steps = kernel if strides is None else per_axis(strides, rank)
    pads = pads_of(padding, x.first.shape[2:], kernel, steps, [1] * rank)
    return Planes(capture, first=capture.node(op, [x.first], {"kernel_shape": kernel, "strides": steps, "pads": pads}))


@register_handler(layers.MaxPooling1D, layers.MaxPooling2D, layers.MaxPooling3D)
def max_pooling(capture: Any, layer: Any, x: Planes) -> Planes:
    return _pool(capture, x, "MaxPool", layer.pool_size, layer.strides, layer.padding)


@register_handler(layers.AveragePooling1D, layers.AveragePooling2D, layers.AveragePooling3D)
def average_pooling(capture: Any, layer: Any, x: Planes) -> Planes:
    return _pool(capture, x, "AveragePool", layer.pool_size, layer.strides, layer.padding)


@operation("MaxPool", "AveragePool")
def pool_operation(capture: Any, op: Any, inputs: Planes) -> Planes:
    x = Planes(capture, first=inputs.last) if op.data_format == "channels_first" else inputs
    y = _pool(capture, x, type(op).__name__, op.pool_size, op.strides, op.padding)
    return Planes(capture, last=y.first) if op.data_format == "channels_first" else y


def _global(capture: Any, layer: Any, x: Planes, op: str) -> Planes:
    pooled = capture.node(op, [x.first])
    return Planes(capture, first=pooled) if layer.keepdims else Planes(capture, last=capture.node("Flatten", [pooled]))


@register_handler(layers.GlobalAveragePooling1D, layers.GlobalAveragePooling2D, layers.GlobalAveragePooling3D)
@without_keywords
def global_average_pooling(capture: Any, layer: Any, x: Planes) -> Planes:
    return _global(capture, layer, x, "GlobalAveragePool")


@register_handler(layers.GlobalMaxPooling1D, layers.GlobalMaxPooling2D, layers.GlobalMaxPooling3D)
def global_max_pooling(capture: Any, layer: Any, x: Planes) -> Planes:
    return _global(capture, layer, x, "GlobalMaxPool")


def _adaptive(capture: Any, x: Planes, op: str, size: Any) -> Planes:
    return Planes(capture, first=capture.node(op, [x.first], {"output_size": per_axis(size, x.rank - 2)}))


@operation("AdaptiveAveragePool", "AdaptiveMaxPool")
def adaptive_operation(capture: Any, op: Any, inputs: Planes) -> Planes:
    return _adaptive(capture, inputs, type(op).__name__, op.output_size)


def _register_adaptive() -> None:
    """Keras has these layers since 3.13."""
    for kind in ("Average", "Max"):
        for rank in (1, 2, 3):
            cls = getattr(keras.layers, f"Adaptive{kind}Pooling{rank}D", None)
            if cls is not None:
                register_handler(cls)(lambda capture, layer, x, op=f"Adaptive{kind}Pool": _adaptive(capture, x, op, layer.output_size))


_register_adaptive()
