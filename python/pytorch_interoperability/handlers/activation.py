"""Activations, softmax and dropout."""

from __future__ import annotations

from typing import Any

from pytorch_interoperability.handlers.registry import UnsupportedArgument, handles


@handles("aten.relu.default", "aten.relu_.default")
def relu(g: Any, x: Any) -> Any:
    return g.node("Relu", [x])


@handles("aten.leaky_relu.default", "aten.leaky_relu_.default")
def leaky_relu(g: Any, x: Any, negative_slope: float = 0.01) -> Any:
    return g.node("LeakyRelu", [x], {"alpha": float(negative_slope)})


@handles("aten.sigmoid.default", "aten.sigmoid_.default")
def sigmoid(g: Any, x: Any) -> Any:
    return g.node("Sigmoid", [x])


@handles("aten.tanh.default", "aten.tanh_.default")
def tanh(g: Any, x: Any) -> Any:
    return g.node("Tanh", [x])


@handles("aten.softmax.int")
def softmax(g: Any, x: Any, dim: int, dtype: Any = None) -> Any:
    return _softmax(g, "Softmax", x, dim, dtype)


@handles("aten.log_softmax.int")
def log_softmax(g: Any, x: Any, dim: int, dtype: Any = None) -> Any:
    return _softmax(g, "LogSoftmax", x, dim, dtype)


def _softmax(g: Any, op: str, x: Any, dim: int, dtype: Any) -> Any:
    if dtype is not None:
        raise UnsupportedArgument(f"dtype={dtype}; leave it out")
    return g.node(op, [x], {"axis": dim})


@handles("aten.dropout.default", "aten.dropout_.default", "aten.feature_dropout.default")
def dropout(g: Any, x: Any, p: float, train: bool) -> Any:
    if not train or p == 0:
        return x
    if g.target.startswith("aten.feature_dropout"):
        raise UnsupportedArgument("dropout of whole channels; use nn.Dropout")
    g.is_random = True
    return g.node("Dropout", [x], {"ratio": float(p), "training_mode": 1})
