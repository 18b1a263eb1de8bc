"""Elementwise operations of `keras.ops` on one or two tensors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from keras_interoperability.handlers.registry import UnsupportedArgument, operation
from keras_interoperability.planes import Planes

_UNARY = {
    "Absolute": "Abs",
    "Ceil": "Ceil",
    "Cos": "Cos",
    "Erf": "Erf",
    "Exp": "Exp",
    "Expm1": "Expm1",
    "Floor": "Floor",
    "Log": "Log",
    "Log1p": "Log1p",
    "LogicalNot": "Not",
    "Negative": "Neg",
    "Reciprocal": "Reciprocal",
    "Round": "Round",
    "Sign": "Sign",
    "Sin": "Sin",
    "Sqrt": "Sqrt",
    "StopGradient": "StopGradient",
    "Tanh": "Tanh",
}
_BINARY = {
    "Add": "Add",
    "Subtract": "Sub",
    "Multiply": "Mul",
    "Divide": "Div",
    "TrueDivide": "Div",
    "Maximum": "Max",
    "Minimum": "Min",
    "Equal": "Equal",
    "Greater": "Greater",
    "GreaterEqual": "GreaterOrEqual",
    "Less": "Less",
    "LessEqual": "LessOrEqual",
    "LogicalAnd": "And",
    "LogicalOr": "Or",
}
TIES = {"Max": {"ties": "first"}, "Min": {"ties": "first"}}
"""TensorFlow gives the gradient to the first of two equal elements."""


def is_number(x: Any) -> bool:
    """Whether an argument is a single number."""
    return np.ndim(x) == 0 if isinstance(x, int | float | bool | np.generic | np.ndarray) else False


def join(capture: Any, op: str, a: Any, b: Any, attributes: dict[str, Any] | None = None) -> Planes:
    """A binary operator with broadcasting on tensors, weights, numbers or arrays."""
    attributes = attributes or TIES.get(op)
    if is_number(b):
        return as_floats(capture, a).map(op, attributes, capture.constant(np.float32(b)))
    if is_number(a):
        x = as_floats(capture, b)
        form = "first" if x.has_first else "last"
        return Planes(capture, **{form: capture.node(op, [capture.constant(np.float32(a)), getattr(x, form)], attributes)})
    x, y = as_floats(capture, a), as_floats(capture, b)
    form = "first" if x.has_first and y.has_first and x.rank == y.rank else "last"
    return Planes(capture, **{form: capture.node(op, [getattr(x, form), getattr(y, form)], attributes)})


def as_floats(capture: Any, x: Any) -> Planes:
    """Integers become float32, which holds them exactly up to 2^24: what is computed from indices stays right."""
    x = capture.value(x)
    return x if x.dtype == "float32" else x.map("Cast", {"to": "float32"})


def as_indices(capture: Any, x: Any) -> Planes:
    """Indices that were computed, or come as floats, become int32 as Keras makes them."""
    x = capture.value(x)
    return x if x.dtype in ("int32", "int64") else x.map("Cast", {"to": "int32"})


@operation(*_UNARY)
def unary(capture: Any, op: Any, x: Any) -> Planes:
    return capture.value(x).map(_UNARY[type(op).__name__])


@operation(*_BINARY)
def binary(capture: Any, op: Any, x1: Any, x2: Any) -> Planes:
    return join(capture, _BINARY[type(op).__name__], x1, x2)


@operation("NotEqual")
def not_equal(capture: Any, op: Any, x1: Any, x2: Any) -> Planes:
    return join(capture, "Equal", x1, x2).map("Not")


@operation("Square")
def square(capture: Any, op: Any, x: Any) -> Planes:
    x = capture.value(x)
    return join(capture, "Mul", x, x)


@operation("Rsqrt")
def rsqrt(capture: Any, op: Any, x: Any) -> Planes:
    return capture.value(x).map("Sqrt").map("Reciprocal")


@operation("Log2", "Log10")
def log_of_base(capture: Any, op: Any, x: Any) -> Planes:
    base = {"Log2": 2.0, "Log10": 10.0}[type(op).__name__]
    return join(capture, "Mul", capture.value(x).map("Log"), 1.0 / math.log(base))


@operation("Power")
def power(capture: Any, op: Any, x1: Any, x2: Any) -> Planes:
    if is_number(x2) and x2 in (1, 2, 0.5):
        x = capture.value(x1)
        return {1: lambda: x, 2: lambda: join(capture, "Mul", x, x), 0.5: lambda: x.map("Sqrt")}[x2]()
    return join(capture, "Pow", x1, x2)


@operation("Clip")
def clip(capture: Any, op: Any, x: Any) -> Planes:
    if not (is_number(op.x_min) and is_number(op.x_max)):
        raise UnsupportedArgument("bounds that are no numbers")
    return capture.value(x).map("Clip", {"min": float(op.x_min), "max": float(op.x_max)})


@operation("Where")
def where(capture: Any, op: Any, condition: Any, x1: Any = None, x2: Any = None) -> Planes:
    if x1 is None or x2 is None:
        raise UnsupportedArgument("the condition alone")
    return Planes(capture, last=capture.node("Where", [as_floats(capture, v).last for v in (condition, x1, x2)]))


@operation("Cast", "SaturateCast", "ConvertToTensor", "Copy")
def cast(capture: Any, op: Any, x: Any) -> Planes:
    x = capture.value(x)
    wanted = capture.outputs[0].dtype
    if wanted == "bool":
        return join(capture, "Equal", x, 0.0).map("Not")
    if x.dtype == wanted:
        return x
    if wanted not in ("float32", "int32", "int64"):
        raise UnsupportedArgument(f"the type {wanted}; float32, int32 and int64 are supported")
    return x.map("Cast", {"to": wanted})


__all__ = ["as_floats", "as_indices", "is_number", "join"]
