"""Sums, products and means."""

from __future__ import annotations

from typing import Any

from pytorch_interoperability.handlers.registry import UnsupportedArgument, handles


@handles("aten.add.Tensor", "aten.add_.Tensor", "aten.add.Scalar")
def add(g: Any, a: Any, b: Any, *, alpha: float = 1) -> Any:
    return g.node("Add", [g.tensor(a), _scaled(g, b, alpha)])


@handles("aten.sub.Tensor", "aten.sub_.Tensor", "aten.sub.Scalar")
def sub(g: Any, a: Any, b: Any, *, alpha: float = 1) -> Any:
    return g.node("Sub", [g.tensor(a), _scaled(g, b, alpha)])


@handles("aten.rsub.Scalar", "aten.rsub.Tensor")
def rsub(g: Any, a: Any, b: Any, alpha: float = 1) -> Any:
    return g.node("Sub", [g.tensor(b), _scaled(g, a, alpha)])


@handles("aten.mul.Tensor", "aten.mul_.Tensor", "aten.mul.Scalar")
def mul(g: Any, a: Any, b: Any) -> Any:
    return g.node("Mul", [g.tensor(a), g.tensor(b)])


@handles("aten.div.Tensor", "aten.div_.Tensor", "aten.div.Scalar")
def div(g: Any, a: Any, b: Any) -> Any:
    return g.node("Div", [g.tensor(a), g.tensor(b)])


@handles("aten.neg.default")
def neg(g: Any, a: Any) -> Any:
    return g.node("Mul", [a, g.tensor(-1.0)])


@handles("aten.mean.dim")
def mean(g: Any, x: Any, dim: Any, keepdim: bool = False, *, dtype: Any = None) -> Any:
    return _reduce(g, "ReduceMean", x, dim, keepdim, dtype)


@handles("aten.sum.dim_IntList")
def total(g: Any, x: Any, dim: Any, keepdim: bool = False, *, dtype: Any = None) -> Any:
    return _reduce(g, "ReduceSum", x, dim, keepdim, dtype)


@handles("aten.mean.default")
def mean_all(g: Any, x: Any, *, dtype: Any = None) -> Any:
    return _reduce(g, "ReduceMean", x, None, False, dtype)


@handles("aten.sum.default")
def total_all(g: Any, x: Any, *, dtype: Any = None) -> Any:
    return _reduce(g, "ReduceSum", x, None, False, dtype)


def _scaled(g: Any, value: Any, alpha: float) -> Any:
    return g.tensor(value) if alpha == 1 else g.node("Mul", [g.tensor(value), g.tensor(alpha)])


def _reduce(g: Any, op: str, x: Any, dim: Any, keepdim: bool, dtype: Any) -> Any:
    if dtype is not None:
        raise UnsupportedArgument(f"dtype={dtype}; leave it out")
    axes = [] if dim is None else [dim] if isinstance(dim, int) else list(dim)
    return g.node(op, [x], {"axes": axes, "keepdims": int(keepdim)})
