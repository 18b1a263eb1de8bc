"""Arithmetic and functions of one or two numbers."""

from __future__ import annotations

import math
from typing import Any

from pytorch_interoperability.handlers.creation import Drawn
from pytorch_interoperability.handlers.registry import UnsupportedArgument, handles

PLAIN = {
    "abs": "Abs",
    "absolute": "Abs",
    "neg": "Neg",
    "negative": "Neg",
    "exp": "Exp",
    "log": "Log",
    "expm1": "Expm1",
    "log1p": "Log1p",
    "sqrt": "Sqrt",
    "reciprocal": "Reciprocal",
    "erf": "Erf",
    "sin": "Sin",
    "cos": "Cos",
    "floor": "Floor",
    "ceil": "Ceil",
    "round": "Round",
    "sign": "Sign",
}


@handles(*PLAIN, *[f"{name}_" for name in PLAIN], moves="pointwise")
def plain(g: Any, x: Any) -> Any:
    return g.node(PLAIN[g.target.split(".")[1].removesuffix("_")], [x])


@handles("add.Tensor", "add_.Tensor", "add.Scalar", moves="pointwise")
def add(g: Any, a: Any, b: Any, alpha: float = 1) -> Any:
    return g.node("Add", [a, _scaled(g, b, alpha)])


@handles("sub.Tensor", "sub_.Tensor", "sub.Scalar", "subtract.Tensor", moves="pointwise")
def sub(g: Any, a: Any, b: Any, alpha: float = 1) -> Any:
    return g.node("Sub", [a, _scaled(g, b, alpha)])


@handles("rsub.Scalar", "rsub.Tensor", moves="pointwise")
def rsub(g: Any, a: Any, b: Any, alpha: float = 1) -> Any:
    return g.node("Sub", [b, _scaled(g, a, alpha)])


@handles("mul.Tensor", "mul_.Tensor", "mul.Scalar", "multiply.Tensor", moves="pointwise")
def mul(g: Any, a: Any, b: Any) -> Any:
    for x, drawn in ((a, b), (b, a)):
        if isinstance(drawn, Drawn):
            return drawn.times(g, x)
    return g.node("Mul", [a, b])


@handles("div.Tensor", "div_.Tensor", "div.Scalar", "divide.Tensor", "true_divide.Tensor", moves="pointwise")
def div(g: Any, a: Any, b: Any) -> Any:
    if isinstance(a, Drawn):
        return a.scaled(1.0 / _number(b))
    return g.node("Div", [a, b])


@handles("div.Tensor_mode", moves="pointwise")
def div_mode(g: Any, a: Any, b: Any, *, rounding_mode: str | None = None) -> Any:
    if rounding_mode == "trunc":
        raise UnsupportedArgument('rounding_mode="trunc"; use "floor"')
    y = g.node("Div", [a, b])
    return y if rounding_mode is None else g.node("Floor", [y])


@handles("pow.Tensor_Scalar", "pow_.Scalar", "square", moves="pointwise")
def power(g: Any, x: Any, exponent: float = 2) -> Any:
    if exponent == 1:
        return x
    if exponent == 2:
        return g.node("Mul", [x, x])
    if exponent == 0.5:
        return g.node("Sqrt", [x])
    if exponent == -1:
        return g.node("Reciprocal", [x])
    return g.node("Pow", [x, float(exponent)])


@handles("pow.Tensor_Tensor", "pow.Scalar", moves="pointwise")
def power_of(g: Any, x: Any, exponent: Any) -> Any:
    return g.node("Pow", [x, exponent])


@handles("rsqrt", "rsqrt_", moves="pointwise")
def rsqrt(g: Any, x: Any) -> Any:
    return g.node("Reciprocal", [g.node("Sqrt", [x])])


@handles("log2", "log10", moves="pointwise")
def log_base(g: Any, x: Any) -> Any:
    base = 2.0 if "log2" in g.target else 10.0
    return g.node("Mul", [g.node("Log", [x]), 1.0 / math.log(base)])


@handles("addcmul", moves="pointwise")
def addcmul(g: Any, x: Any, a: Any, b: Any, *, value: float = 1) -> Any:
    return g.node("Add", [x, _scaled(g, g.node("Mul", [a, b]), value)])


@handles("addcdiv", moves="pointwise")
def addcdiv(g: Any, x: Any, a: Any, b: Any, *, value: float = 1) -> Any:
    return g.node("Add", [x, _scaled(g, g.node("Div", [a, b]), value)])


@handles("lerp.Scalar", "lerp.Tensor", moves="pointwise")
def lerp(g: Any, a: Any, b: Any, weight: Any) -> Any:
    return g.node("Add", [a, g.node("Mul", [weight, g.node("Sub", [b, a])])])


def _scaled(g: Any, value: Any, alpha: float) -> Any:
    return value if alpha == 1 else g.node("Mul", [value, float(alpha)])


def _number(value: Any) -> float:
    if isinstance(value, int | float):
        return float(value)
    raise UnsupportedArgument("a random mask divided by a tensor; divide by a number")
