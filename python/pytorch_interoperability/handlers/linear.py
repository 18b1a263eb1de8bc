"""Matrix products."""

from __future__ import annotations

from typing import Any

from pytorch_interoperability.handlers.axes import Moved, last_axis_behind, settled
from pytorch_interoperability.handlers.registry import UnsupportedArgument, handles


@handles("linear", moves="own")
def linear(g: Any, x: Any, weight: Any, bias: Any = None) -> Any:
    if isinstance(x, Moved):
        value, groups = last_axis_behind(g, x)
        return settled(g, Moved(linear(g, value, weight, bias), groups))
    if len(x.shape) == 2:
        return g.node("Gemm", [x, weight, bias], {"transB": 1})
    matrix = g.node("Reshape", [x], {"shape": [-1, x.shape[-1]] if x.shape[0] < 0 else [_product(x.shape[:-1]), x.shape[-1]]})
    product = g.node("Gemm", [matrix, weight, bias], {"transB": 1})
    return g.node("Reshape", [product], {"shape": [-1 if extent < 0 else extent for extent in [*x.shape[:-1], weight.shape[0]]]})


@handles("addmm")
def addmm(g: Any, c: Any, a: Any, b: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    return g.node("Gemm", [a, b, c], {"alpha": float(alpha), "beta": float(beta)})


@handles("mm", moves="own")
def mm(g: Any, a: Any, b: Any) -> Any:
    (left, trans_a), (right, trans_b) = _matrix(a), _matrix(b)
    return g.node("Gemm", [left, right], {"transA": trans_a, "transB": trans_b})


def _matrix(x: Any) -> tuple[Any, int]:
    """A matrix, and whether it stands for its transpose."""
    if not isinstance(x, Moved):
        return x, 0
    if x.groups != ((1,), (0,)):
        raise UnsupportedArgument(f"a matrix of shape {x.shape}")
    return x.value, 1


@handles("bmm")
def bmm(g: Any, a: Any, b: Any) -> Any:
    return g.node("MatMul", [a, b])


@handles("baddbmm")
def baddbmm(g: Any, c: Any, a: Any, b: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    product = g.node("MatMul", [a, b])
    product = product if alpha == 1 else g.node("Mul", [product, float(alpha)])
    if beta == 0:
        return product
    return g.node("Add", [c if beta == 1 else g.node("Mul", [c, float(beta)]), product])


@handles("matmul", "mv", "dot", "vdot", moves="own")
def matmul(g: Any, a: Any, b: Any) -> Any:
    if isinstance(a, Moved) or isinstance(b, Moved):
        if len(a.shape) > 2 and len(b.shape) == 2 and not isinstance(b, Moved):
            value, groups = last_axis_behind(g, a)
            return settled(g, Moved(g.node("MatMul", [value, b]), groups))
        return mm(g, a, b)
    if len(b.shape) == 1:  # a vector is a matrix with one column
        column = g.node("Reshape", [b], {"shape": [b.shape[0], 1]})
        return _dropped(g, matmul(g, a, column), -1)
    if len(a.shape) == 1:
        return _dropped(g, matmul(g, g.node("Reshape", [a], {"shape": [1, a.shape[0]]}), b), -2)
    if len(a.shape) == 2 and len(b.shape) == 2:
        return g.node("Gemm", [a, b])
    return g.node("MatMul", [a, b])


def _dropped(g: Any, x: Any, axis: int) -> Any:
    extents = list(x.shape)
    del extents[axis]
    return g.node("Reshape", [x], {"shape": [-1 if extent < 0 else extent for extent in extents]})


def _product(extents: Any) -> int:
    result = 1
    for extent in extents:
        result *= extent
    return result
