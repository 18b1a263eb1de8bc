"""Activations and softmax."""

from __future__ import annotations

from typing import Any

from pytorch_interoperability.handlers.registry import UnsupportedArgument, handles, refuse

PLAIN = {
    "relu": "Relu",
    "relu_": "Relu",
    "sigmoid": "Sigmoid",
    "sigmoid_": "Sigmoid",
    "tanh": "Tanh",
    "tanh_": "Tanh",
    "silu": "Swish",
    "silu_": "Swish",
    "mish": "Mish",
    "mish_": "Mish",
    "hardswish": "HardSwish",
    "hardswish_": "HardSwish",
    "selu": "Selu",
    "selu_": "Selu",
}


@handles(*PLAIN, moves="pointwise")
def plain(g: Any, x: Any) -> Any:
    return g.node(PLAIN[g.target.split(".")[1]], [x])


@handles("leaky_relu", "leaky_relu_", moves="pointwise")
def leaky_relu(g: Any, x: Any, negative_slope: float = 0.01) -> Any:
    return g.node("LeakyRelu", [x], {"alpha": float(negative_slope)})


@handles("rrelu", "rrelu_", moves="pointwise")
def rrelu(g: Any, x: Any, lower: float = 1 / 8, upper: float = 1 / 3, training: bool = False, generator: Any = None) -> Any:
    if training:
        raise UnsupportedArgument("random slopes in training; use leaky_relu")
    return leaky_relu(g, x, (lower + upper) / 2)


@handles("relu6", "relu6_", "hardtanh", "hardtanh_", moves="pointwise")
def hardtanh(g: Any, x: Any, min_val: float = -1.0, max_val: float = 1.0) -> Any:
    low, high = (0.0, 6.0) if "relu6" in g.target else (float(min_val), float(max_val))
    return g.node("Clip", [x], {"min": low, "max": high, "edge_gradient": 0})


@handles("hardsigmoid", "hardsigmoid_", moves="pointwise")
def hardsigmoid(g: Any, x: Any) -> Any:
    return g.node("HardSigmoid", [x], {"alpha": 1 / 6, "beta": 0.5})


@handles("elu", "elu_", moves="pointwise")
def elu(g: Any, x: Any, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0) -> Any:
    if scale != 1 or input_scale != 1:
        raise UnsupportedArgument(f"scale={scale} and input_scale={input_scale}")
    return g.node("Elu", [x], {"alpha": float(alpha)})


@handles("celu", "celu_", moves="pointwise")
def celu(g: Any, x: Any, alpha: float = 1.0) -> Any:
    return g.node("Celu", [x], {"alpha": float(alpha)})


@handles("gelu", "gelu_", moves="pointwise")
def gelu(g: Any, x: Any, *, approximate: str = "none") -> Any:
    return g.node("Gelu", [x], {"approximate": approximate})


@handles("softplus", moves="pointwise")
def softplus(g: Any, x: Any, beta: float = 1.0, threshold: float = 20.0) -> Any:
    scaled = x if beta == 1 else g.node("Mul", [x, float(beta)])
    y = g.node("Softplus", [scaled])
    if beta != 1:
        y = g.node("Div", [y, float(beta)])
    if threshold >= 17:  # there log(1 + exp(x)) is x in float32
        return y
    return g.node("Where", [g.node("Greater", [scaled, float(threshold)]), x, y])


@handles("log_sigmoid", moves="pointwise")
def log_sigmoid(g: Any, x: Any) -> Any:
    return g.node("Neg", [g.node("Softplus", [g.node("Neg", [x])])])


@handles("softshrink", moves="pointwise")
def softshrink(g: Any, x: Any, lambd: float = 0.5) -> Any:
    return g.node("Shrink", [x], {"lambd": float(lambd), "bias": float(lambd)})


@handles("hardshrink", moves="pointwise")
def hardshrink(g: Any, x: Any, lambd: float = 0.5) -> Any:
    return g.node("Shrink", [x], {"lambd": float(lambd), "bias": 0.0})


@handles("threshold", "threshold_", moves="pointwise")
def threshold(g: Any, x: Any, threshold: float, value: float) -> Any:
    return g.node("Where", [g.node("Greater", [x, float(threshold)]), x, float(value)])


@handles("prelu")
def prelu(g: Any, x: Any, weight: Any) -> Any:
    channels, rank = weight.shape[0], len(x.shape)
    slope = weight if channels == 1 or rank < 3 else g.node("Reshape", [weight], {"shape": [channels, *[1] * (rank - 2)]})
    return g.node("PRelu", [x, slope])


@handles("glu")
def glu(g: Any, x: Any, dim: int = -1) -> Any:
    axis = dim % len(x.shape)
    half = x.shape[axis] // 2
    if half < 0:
        raise UnsupportedArgument("halves of the batch")
    value, gate = g.nodes("Split", [x], {"axis": axis, "split": [half, half]})
    return g.node("Mul", [value, g.node("Sigmoid", [gate])])


@handles("softmax.int", moves="axis")
def softmax(g: Any, x: Any, dim: int, dtype: Any = None) -> Any:
    refuse(dtype=dtype)
    return g.node("Softmax", [x], {"axis": dim})


@handles("log_softmax.int", moves="axis")
def log_softmax(g: Any, x: Any, dim: int, dtype: Any = None) -> Any:
    refuse(dtype=dtype)
    return g.node("LogSoftmax", [x], {"axis": dim})
