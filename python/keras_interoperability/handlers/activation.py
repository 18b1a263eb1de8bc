"""Activations, as layers and as the `activation=` of other layers."""

from __future__ import annotations

from typing import Any

import keras

from keras_interoperability.handlers.registry import UnsupportedArgument, register_handler
from keras_interoperability.planes import Planes


def activate(capture: Any, x: Planes, activation: Any) -> Planes:
    """The layer's activation function on its result."""
    name = getattr(activation, "__name__", str(activation)) if activation is not None else "linear"
    if name == "linear":
        return x
    if name == "relu":
        return x.map("Relu")
    if name == "tanh":
        return x.map("Tanh")
    if name == "sigmoid":
        return _last(capture, "Sigmoid", x, {})
    if name == "softmax":
        return _last(capture, "Softmax", x, {"axis": -1})
    if name == "log_softmax":
        return Planes(capture, last=capture.node("LogSoftmax", [x.last], {"axis": -1}))
    if name == "leaky_relu":
        return x.map("LeakyRelu", {"alpha": 0.2})
    raise UnsupportedArgument(f"activation '{name}'")


def _last(capture: Any, op: str, x: Planes, attributes: dict[str, Any]) -> Planes:
    before = x.last
    after = Planes(capture, last=capture.node(op, [before], attributes))
    capture.mark_activation(op, before, after)
    return after


@register_handler(keras.layers.Activation)
def activation_layer(capture: Any, layer: Any, x: Planes) -> Planes:
    return activate(capture, x, layer.activation)


@register_handler(keras.layers.ReLU)
def relu_layer(capture: Any, layer: Any, x: Planes) -> Planes:
    if layer.max_value is not None or layer.threshold != 0:
        raise UnsupportedArgument(f"max_value={layer.max_value}, threshold={layer.threshold}; only the plain ReLU is supported")
    return x.map("LeakyRelu", {"alpha": float(layer.negative_slope)}) if layer.negative_slope else x.map("Relu")


@register_handler(keras.layers.LeakyReLU)
def leaky_relu_layer(capture: Any, layer: Any, x: Planes) -> Planes:
    return x.map("LeakyRelu", {"alpha": float(layer.negative_slope)})


@register_handler(keras.layers.Softmax)
def softmax_layer(capture: Any, layer: Any, x: Planes) -> Planes:
    if not isinstance(layer.axis, int) or layer.axis % x.rank != x.rank - 1:
        raise UnsupportedArgument(f"axis={layer.axis}; only the last axis is supported")
    return _last(capture, "Softmax", x, {"axis": -1})


__all__ = ["activate"]
