"""Normalisation: over the batch, over features, over groups of channels, and by adapted statistics."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

from keras_interoperability.handlers.arithmetic import join
from keras_interoperability.handlers.registry import UnsupportedArgument, operation, register_handler
from keras_interoperability.planes import Planes


def _axes(axis: Any, rank: int) -> list[int]:
    return sorted(a % rank for a in ([axis] if isinstance(axis, int) else axis))


@register_handler(keras.layers.BatchNormalization)
def batch_normalization(capture: Any, layer: Any, x: Planes) -> Planes:
    (axis,) = _axes(layer.axis, x.rank)
    if getattr(layer, "renorm", False):
        raise UnsupportedArgument("renorm=True; leave it out")
    value = Planes(capture, first=x.last) if axis == 1 else x
    if axis not in (1, x.rank - 1):
        raise UnsupportedArgument(f"axis={axis}; the first and the last axis behind the batch are supported")
    channels = layer.moving_mean.shape[0]
    inputs = [
        value.first,
        capture.parameter(layer.gamma) if layer.scale else capture.constant(np.ones(channels)),
        capture.parameter(layer.beta) if layer.center else capture.constant(np.zeros(channels)),
        capture.buffer(layer.moving_mean),
        capture.buffer(layer.moving_variance),
    ]
    trains = capture.training and layer.trainable
    if trains:
        capture.expect_training()
    attributes = {"epsilon": float(layer.epsilon), "momentum": float(layer.momentum), "training_mode": int(trains)}
    y = capture.node("BatchNormalization", inputs, attributes)
    return Planes(capture, last=y) if axis == 1 else Planes(capture, first=y)


def layer_norm(capture: Any, x: Planes, gamma: Any, beta: Any, axis: Any, epsilon: float, op: str = "LayerNormalization") -> Planes:
    """Normalisation over trailing axes, then gamma and beta of their shape (None: 1 and 0)."""
    axes = _axes(axis, x.rank)
    if axes != list(range(axes[0], x.rank)):
        raise UnsupportedArgument(f"axis={axis}; only trailing axes are supported")
    if gamma is None and beta is not None:
        gamma = np.ones(x.shape[axes[0] :], np.float32)
    scales = [None if given is None else capture.value(given).last for given in (gamma, beta)]
    inputs = [x.last, *scales[: 2 if op == "LayerNormalization" else 1]]
    return Planes(capture, last=capture.node(op, inputs, {"axis": axes[0], "epsilon": float(epsilon)}))


@register_handler(keras.layers.LayerNormalization)
def layer_normalization(capture: Any, layer: Any, x: Planes) -> Planes:
    if getattr(layer, "rms_scaling", False):
        raise UnsupportedArgument("rms_scaling=True; use RMSNormalization")
    return layer_norm(capture, x, layer.gamma, layer.beta, layer.axis, layer.epsilon)


@operation("LayerNorm")
def layer_norm_operation(capture: Any, op: Any, x: Any, gamma: Any = None, beta: Any = None) -> Planes:
    if op.rms_scaling:
        raise UnsupportedArgument("rms_scaling=True")
    return layer_norm(capture, capture.value(x), gamma, beta, op.axis, op.epsilon)


@register_handler(keras.layers.RMSNormalization)
def rms_normalization(capture: Any, layer: Any, x: Planes) -> Planes:
    return layer_norm(capture, x, layer.scale, None, layer.axis, layer.epsilon, "RMSNormalization")


@operation("RMSNorm")
def rms_norm_operation(capture: Any, op: Any, x: Any, scale: Any = None) -> Planes:
    return layer_norm(capture, capture.value(x), scale, None, op.axis, op.epsilon, "RMSNormalization")


@register_handler(keras.layers.GroupNormalization)
def group_normalization(capture: Any, layer: Any, x: Planes) -> Planes:
    if layer.axis % x.rank not in (1, x.rank - 1):
        raise UnsupportedArgument(f"axis={layer.axis}; the first and the last axis behind the batch are supported")
    is_first = layer.axis % x.rank == 1
    value = x.last if is_first else x.first
    channels = value.shape[1]
    gamma = capture.parameter(layer.gamma) if layer.scale else capture.constant(np.ones(channels))
    beta = capture.parameter(layer.beta) if layer.center else capture.constant(np.zeros(channels))
    attributes = {"num_groups": layer.groups, "epsilon": float(layer.epsilon)}
    y = capture.node("GroupNormalization", [value, gamma, beta], attributes)
    return Planes(capture, last=y) if is_first else Planes(capture, first=y)


def unit_norm(capture: Any, x: Planes, axis: Any, epsilon: float) -> Planes:
    """x / sqrt(max(sum of x^2 over the axes, epsilon^2))."""
    squares = capture.node("Mul", [x.last, x.last])
    total = capture.node("ReduceSum", [squares], {"axes": _axes(axis, x.rank), "keepdims": 1})
    bounded = capture.node("Max", [total, capture.constant(np.float32(epsilon) ** 2)], {"ties": "first"})
    return join(capture, "Mul", x, Planes(capture, last=bounded).map("Sqrt").map("Reciprocal"))


@register_handler(keras.layers.UnitNormalization)
def unit_normalization(capture: Any, layer: Any, x: Planes) -> Planes:
    return unit_norm(capture, x, layer.axis, 1e-12)


@operation("Normalize")
def normalize(capture: Any, op: Any, x: Any) -> Planes:
    if op.order != 2 or op.axis is None:
        raise UnsupportedArgument(f"order={op.order}, axis={op.axis}; order 2 over given axes is supported")
    return unit_norm(capture, capture.value(x), op.axis, op.epsilon)


@register_handler(keras.layers.Normalization)
def normalization(capture: Any, layer: Any, x: Planes) -> Planes:
    """By statistics that were given or adapted; these are read from the layer's weights, so a loaded file counts."""
    if layer.input_mean is not None:
        mean, variance = (Planes(capture, last=capture.constant(np.asarray(v))) for v in (layer.mean, layer.variance))
    else:
        kept = list(layer._broadcast_shape)
        mean, variance = (
            Planes(capture, last=capture.node("Reshape", [capture.buffer(v)], {"shape": kept}))
            for v in (layer.adapt_mean, layer.adapt_variance)
        )
    deviation = join(capture, "Max", variance.map("Sqrt"), keras.backend.epsilon())
    if layer.invert:
        return join(capture, "Add", join(capture, "Mul", x, deviation), mean)
    return join(capture, "Div", join(capture, "Sub", x, mean), deviation)


@operation("BatchNorm")
def batch_norm_operation(capture: Any, op: Any, x: Any, mean: Any, variance: Any, offset: Any = None, scale: Any = None) -> Planes:
    x = capture.value(x)
    if op.axis % x.rank != x.rank - 1:
        raise UnsupportedArgument(f"axis={op.axis}; only the last axis is supported")
    factor = join(capture, "Add", variance, float(op.epsilon)).map("Sqrt").map("Reciprocal")
    factor = factor if scale is None else join(capture, "Mul", factor, scale)
    y = join(capture, "Mul", join(capture, "Sub", x, mean), factor)
    return y if offset is None else join(capture, "Add", y, offset)


__all__ = ["layer_norm", "unit_norm"]
