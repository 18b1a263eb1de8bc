"""Activations: as layers, as operations, and as the `activation=` of other layers."""

from __future__ import annotations

from typing import Any

import keras

from keras_interoperability.handlers.arithmetic import join
from keras_interoperability.handlers.registry import operation, register_handler, without_keywords
from keras_interoperability.planes import Planes


def activate(capture: Any, x: Planes, activation: Any) -> Planes:
    """The layer's activation function on its result: Keras' own as operations of `keras.ops`, any other by following it."""
    if activation is None or activation is keras.activations.linear:
        return x
    return _RECORDS[activation](capture, x) if activation in _RECORDS else capture.inline(activation, x)


def softmax(capture: Any, x: Planes, axis: int = -1) -> Planes:
    """Softmax over one axis of Keras' order."""
    if axis % x.rank == x.rank - 1:
        return _last(capture, "Softmax", x, {"axis": -1})
    return Planes(capture, last=capture.node("Softmax", [x.last], {"axis": axis}))


def _sigmoid(capture: Any, x: Planes) -> Planes:
    return _last(capture, "Sigmoid", x, {})


def _last(capture: Any, op: str, x: Planes, attributes: dict[str, Any]) -> Planes:
    before = x.last
    after = Planes(capture, last=capture.node(op, [before], attributes))
    capture.mark_activation(op, before, after)
    return after


def relu(capture: Any, x: Planes, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0) -> Planes:
    """Keras' general ReLU: x from the threshold on and up to `max_value`, negative_slope * (x - threshold) below."""
    if threshold == 0 and max_value == 6 and not negative_slope:
        return x.map("Clip", {"min": 0.0, "max": 6.0, "edge_gradient": 0})
    if threshold == 0:
        y = x.map("LeakyRelu", {"alpha": float(negative_slope)}) if negative_slope else x.map("Relu")
    else:
        y = x.map("ThresholdedRelu", {"alpha": float(threshold)})
        if negative_slope:
            below = join(capture, "Sub", threshold, x).map("Relu")
            y = join(capture, "Sub", y, join(capture, "Mul", below, negative_slope))
    return y if max_value is None else y.map("Clip", {"max": float(max_value)} | ({} if negative_slope else {"min": 0.0}))


# Keras' functions that are one operator without attributes skip the tracing; the last two do not take symbolic tensors.
_RECORDS: dict[Any, Any] = {
    keras.activations.relu: relu,
    keras.activations.tanh: lambda capture, x: x.map("Tanh"),
    keras.activations.sigmoid: _sigmoid,
    keras.activations.softmax: softmax,
    keras.activations.hard_silu: lambda capture, x: x.map("HardSwish"),
    keras.activations.mish: lambda capture, x: x.map("Mish"),
}


@operation("ReLU")
def general_relu(capture: Any, op: Any, x: Any) -> Planes:
    return relu(capture, capture.value(x), op.negative_slope, op.max_value, op.threshold)


@operation("Relu")
def plain_relu(capture: Any, op: Any, x: Any) -> Planes:
    return capture.value(x).map("Relu")


@operation("Relu6")
def relu6(capture: Any, op: Any, x: Any) -> Planes:
    return capture.value(x).map("Clip", {"min": 0.0, "max": 6.0, "edge_gradient": 0})


@operation("Sigmoid")
def sigmoid(capture: Any, op: Any, x: Any) -> Planes:
    return _sigmoid(capture, capture.value(x))


@operation("Softmax")
def softmax_operation(capture: Any, op: Any, x: Any) -> Planes:
    return softmax(capture, capture.value(x), op.axis)


@operation("LogSoftmax")
def log_softmax(capture: Any, op: Any, x: Any) -> Planes:
    return Planes(capture, last=capture.node("LogSoftmax", [capture.value(x).last], {"axis": op.axis}))


@operation("LeakyRelu")
def leaky_relu(capture: Any, op: Any, x: Any) -> Planes:
    return relu(capture, capture.value(x), float(op.negative_slope))


@operation("Elu")
def elu(capture: Any, op: Any, x: Any) -> Planes:
    return capture.value(x).map("Elu", {"alpha": float(op.alpha)})


@operation("Celu")
def celu(capture: Any, op: Any, x: Any) -> Planes:
    """In Keras' own steps, both of which pass the gradient on at 0."""
    x = capture.value(x)
    below = join(capture, "Div", join(capture, "Min", x, 0.0), float(op.alpha)).map("Expm1")
    return join(capture, "Add", join(capture, "Max", x, 0.0), join(capture, "Mul", below, float(op.alpha)))


@operation("Selu")
def selu(capture: Any, op: Any, x: Any) -> Planes:
    """In steps, as TensorFlow's gradient at 0 is that of the upper branch and the operator's that of the lower one."""
    x = capture.value(x)
    below = join(capture, "Mul", join(capture, "Min", x, 0.0).map("Expm1"), 1.6732632423543772)
    return join(capture, "Mul", _choose(capture, join(capture, "Less", x, 0.0), below, x), 1.0507009873554805)


@operation("Softplus", "Softsign", "Mish")
def same_name(capture: Any, op: Any, x: Any) -> Planes:
    return capture.value(x).map(type(op).__name__)


@operation("Gelu")
def gelu(capture: Any, op: Any, x: Any) -> Planes:
    return capture.value(x).map("Gelu", {"approximate": "tanh" if op.approximate else "none"})


@operation("Silu")
def silu(capture: Any, op: Any, x: Any) -> Planes:
    return capture.value(x).map("Swish", {"alpha": 1.0})


@operation("HardSigmoid")
def hard_sigmoid(capture: Any, op: Any, x: Any) -> Planes:
    return capture.value(x).map("HardSigmoid", {"alpha": 1.0 / 6.0, "beta": 0.5})


@operation("SparseSigmoid")
def sparse_sigmoid(capture: Any, op: Any, x: Any) -> Planes:
    return capture.value(x).map("HardSigmoid", {"alpha": 0.5, "beta": 0.5})


@operation("HardSilu")
def hard_silu(capture: Any, op: Any, x: Any) -> Planes:
    return capture.value(x).map("HardSwish")


@operation("HardTanh")
def hard_tanh(capture: Any, op: Any, x: Any) -> Planes:
    return capture.value(x).map("Clip", {"min": -1.0, "max": 1.0})


@operation("SoftShrink", "HardShrink")
def shrink(capture: Any, op: Any, x: Any) -> Planes:
    bias = float(op.threshold) if type(op).__name__ == "SoftShrink" else 0.0
    return capture.value(x).map("Shrink", {"lambd": float(op.threshold), "bias": bias})


@operation("TanhShrink")
def tanh_shrink(capture: Any, op: Any, x: Any) -> Planes:
    x = capture.value(x)
    return join(capture, "Sub", x, x.map("Tanh"))


@operation("LogSigmoid")
def log_sigmoid(capture: Any, op: Any, x: Any) -> Planes:
    return capture.value(x).map("Neg").map("Softplus").map("Neg")


@operation("Threshold")
def threshold(capture: Any, op: Any, x: Any) -> Planes:
    return _choose(capture, join(capture, "Greater", x, op.threshold), x, op.default_value)


@operation("Squareplus")
def squareplus(capture: Any, op: Any, x: Any) -> Planes:
    x = capture.value(x)
    root = join(capture, "Add", join(capture, "Mul", x, x), float(op.b)).map("Sqrt")
    return join(capture, "Mul", join(capture, "Add", x, root), 0.5)


@operation("SparsePlus")
def sparse_plus(capture: Any, op: Any, x: Any) -> Planes:
    x = capture.value(x)
    more = join(capture, "Add", x, 1.0)
    middle = join(capture, "Mul", join(capture, "Mul", more, more), 0.25)
    upper = _choose(capture, join(capture, "Less", x, 1.0), middle, x)
    return _choose(capture, join(capture, "LessOrEqual", x, -1.0), 0.0, upper)


@operation("Glu")
def glu(capture: Any, op: Any, x: Any) -> Planes:
    x = capture.value(x)
    parts = capture.nodes("Split", [x.last], {"axis": op.axis % x.rank, "num_outputs": 2})
    return Planes(capture, last=capture.node("Mul", [parts[0], capture.node("Sigmoid", [parts[1]])]))


def _choose(capture: Any, condition: Planes, x: Any, y: Any) -> Planes:
    return Planes(capture, last=capture.node("Where", [capture.value(v).last for v in (condition, x, y)]))


@register_handler(keras.layers.Activation)
def activation_layer(capture: Any, layer: Any, x: Planes) -> Planes:
    return activate(capture, x, layer.activation)


@register_handler(keras.layers.ReLU)
def relu_layer(capture: Any, layer: Any, x: Planes) -> Planes:
    return relu(capture, x, float(layer.negative_slope), layer.max_value, float(layer.threshold))


@register_handler(keras.layers.LeakyReLU)
def leaky_relu_layer(capture: Any, layer: Any, x: Planes) -> Planes:
    return relu(capture, x, float(layer.negative_slope))


@register_handler(keras.layers.PReLU)
def prelu_layer(capture: Any, layer: Any, x: Planes) -> Planes:
    return Planes(capture, last=capture.node("PRelu", [x.last, capture.parameter(layer.alpha)]))


@register_handler(keras.layers.Softmax)
@without_keywords
def softmax_layer(capture: Any, layer: Any, x: Planes) -> Planes:
    axes = [layer.axis] if isinstance(layer.axis, int) else list(layer.axis)
    if len(axes) == 1:
        return softmax(capture, x, axes[0])
    total = capture.node("ReduceLogSumExp", [x.last], {"axes": sorted(a % x.rank for a in axes), "keepdims": 1})
    return Planes(capture, last=capture.node("Exp", [capture.node("Sub", [x.last, total])]))


__all__ = ["activate", "relu", "softmax"]
