"""Sums, means, extremes and norms over axes."""

from __future__ import annotations

from typing import Any

from pytorch_interoperability.handlers.axes import Moved, front, permuted
from pytorch_interoperability.handlers.registry import UnsupportedArgument, handles, inner_axis, refuse


def reduced(g: Any, op: str, x: Any, dim: Any, keepdim: bool, **more: Any) -> Any:
    """The operator over these axes of torch's, all when there are none."""
    rank = len(x.shape)
    axes = list(range(rank)) if dim in (None, [], ()) else sorted(d % rank for d in ([dim] if isinstance(dim, int) else dim))
    if not isinstance(x, Moved):
        return g.node(op, [x], {"axes": axes, "keepdims": int(keepdim)} | more)
    value, order = front(g, x)
    if order[0] in axes and len(axes) < rank:
        raise UnsupportedArgument("the batch among the axes, on another axis than 0")
    y = g.node(op, [value], {"axes": [order.index(axis) for axis in axes], "keepdims": int(keepdim)} | more)
    left = order if keepdim else [axis for axis in order if axis not in axes]
    return permuted(g, y, [left.index(axis) for axis in sorted(left)]) if left else y


@handles("mean.dim", "mean", moves="own")
def mean(g: Any, x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    refuse(dtype=dtype)
    return reduced(g, "ReduceMean", x, dim, keepdim)


@handles("sum.dim_IntList", "sum", moves="own")
def total(g: Any, x: Any, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    refuse(dtype=dtype)
    return reduced(g, "ReduceSum", x, dim, keepdim)


@handles("amax", moves="own")
def amax(g: Any, x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return reduced(g, "ReduceMax", x, dim, keepdim)


@handles("amin", moves="own")
def amin(g: Any, x: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return reduced(g, "ReduceMin", x, dim, keepdim)


@handles("max", "min")
def extreme_of_all(g: Any, x: Any) -> Any:
    return reduced(g, "ReduceMax" if "max" in g.target else "ReduceMin", x, None, False)


@handles("max.dim", "min.dim")
def extreme(g: Any, x: Any, dim: int, keepdim: bool = False) -> list[Any]:
    """The values, whose gradient goes to the first of equals, and their places."""
    kind = "Max" if "max" in g.target else "Min"
    places = g.node(f"Arg{kind}", [x], {"axis": dim % len(x.shape), "keepdims": int(keepdim)}) if g.is_read(1) else None
    return [reduced(g, f"Reduce{kind}", x, dim, keepdim, ties="first"), places]


@handles("prod.dim_int")
def prod(g: Any, x: Any, dim: int, keepdim: bool = False, *, dtype: Any = None) -> Any:
    refuse(dtype=dtype)
    return reduced(g, "ReduceProd", x, dim, keepdim)


@handles("logsumexp", moves="own")
def logsumexp(g: Any, x: Any, dim: Any, keepdim: bool = False) -> Any:
    return reduced(g, "ReduceLogSumExp", x, dim, keepdim)


@handles("linalg_vector_norm", moves="own")
def vector_norm(g: Any, x: Any, p: float = 2, dim: Any = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    refuse(dtype=dtype)
    return norm(g, x, p, dim, keepdim)


@handles("norm.ScalarOpt_dim", "norm.Scalar", moves="own")
def norm(g: Any, x: Any, p: float | None = 2, dim: Any = None, keepdim: bool = False) -> Any:
    p = 2 if p is None else p
    if p not in (1, 2):
        raise UnsupportedArgument(f"p={p}; 1 and 2 are supported")
    return reduced(g, f"ReduceL{int(p)}", x, dim, keepdim)


@handles("cosine_similarity")
def cosine_similarity(g: Any, a: Any, b: Any, dim: int = 1, eps: float = 1e-8) -> Any:
    lengths = [g.node("Clip", [reduced(g, "ReduceL2", x, dim, True)], {"min": float(eps)}) for x in (a, b)]
    directions = [g.node("Div", [x, length]) for x, length in zip((a, b), lengths, strict=True)]
    return reduced(g, "ReduceSum", g.node("Mul", directions), dim, False)


@handles("var.correction", "std.correction", moves="own")
def variance(g: Any, x: Any, dim: Any = None, *, correction: float | None = 1, keepdim: bool = False) -> Any:
    return _variance(g, x, dim, 1 if correction is None else correction, keepdim)


@handles("var.dim", "std.dim", moves="own")
def variance_of(g: Any, x: Any, dim: Any, unbiased: bool = True, keepdim: bool = False) -> Any:
    return _variance(g, x, dim, int(unbiased), keepdim)


def _variance(g: Any, x: Any, dim: Any, correction: float, keepdim: bool) -> Any:
    if isinstance(x, Moved):
        raise UnsupportedArgument("the batch on another axis than 0")
    rank = len(x.shape)
    axes = list(range(rank)) if dim in (None, []) else [d % rank for d in ([dim] if isinstance(dim, int) else dim)]
    count = 1
    for axis in axes:
        if x.shape[axis] < 0:
            raise UnsupportedArgument("the batch among the axes")
        count *= x.shape[axis]
    centred = g.node("Sub", [x, g.node("ReduceMean", [x], {"axes": axes, "keepdims": 1})])
    y = g.node("ReduceMean", [g.node("Mul", [centred, centred])], {"axes": axes, "keepdims": int(keepdim)})
    if correction:
        y = g.node("Mul", [y, count / (count - correction)])
    return g.node("Sqrt", [y]) if g.target.startswith("aten.std") else y


@handles("argmax", "argmin")
def place_of_extreme(g: Any, x: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    if dim is None:
        raise UnsupportedArgument("no dim; give it one")
    return g.node("ArgMax" if "argmax" in g.target else "ArgMin", [x], {"axis": dim % len(x.shape), "keepdims": int(keepdim)})


@handles("cumsum", moves="axis")
def cumsum(g: Any, x: Any, dim: int, *, dtype: Any = None) -> Any:
    refuse(dtype=dtype)
    axis = inner_axis(dim, x.shape)
    return g.node("CumSum", [x], {"axis": axis})
