"""Matrix products: `matmul`, `dot`, `tensordot`, `einsum`, all as one contraction of two tensors."""

from __future__ import annotations

import math
from typing import Any

from keras_interoperability.handlers.registry import UnsupportedArgument, operation
from keras_interoperability.planes import Planes

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def contract(capture: Any, x: Any, y: Any, left: str, right: str, kept: str) -> Planes:
    """sum over the letters that are not in `kept` of x[left] * y[right], with one letter per axis, as in einsum.

    Letters in both that are kept number matrices; what remains is one matrix product.
    """
    x, y = capture.value(x), capture.value(y)
    extents = dict(zip(left, x.shape, strict=True)) | dict(zip(right, y.shape, strict=True))
    summed = [c for c in left if c in right and c not in kept]
    batch = [c for c in left if c in right and c in kept]
    rows = [c for c in left if c not in right]
    columns = [c for c in right if c not in left]
    if any(c not in kept for c in rows + columns):
        raise UnsupportedArgument(f"'{left},{right}->{kept}': an axis that is summed in one tensor alone")
    if any(extents[c] < 0 for c in summed) or (any(extents[c] < 0 for c in rows) and any(extents[c] < 0 for c in columns)):
        raise UnsupportedArgument(f"'{left},{right}->{kept}': a product between rows of the batch")
    if any(extents[c] < 0 for c in columns):
        return contract(capture, y, x, right, left, kept)

    def matrix(value: Planes, letters: str, groups: list[list[str]]) -> Any:
        """The axes in the order of the groups, those of one group merged; batch letters stay alone."""
        order = [letters.index(c) for group in groups for c in group]
        moved = value.last if order == sorted(order) else capture.node("Transpose", [value.last], {"perm": order})
        shape = [extents[c] for c in batch] + [_merged([extents[c] for c in group]) for group in groups[1:]]
        return moved if shape == list(moved.shape) else capture.node("Reshape", [moved], {"shape": [-1 if e < 0 else e for e in shape]})

    a = matrix(x, left, [batch, rows, summed])
    b = matrix(y, right, [batch, summed, columns])
    product = capture.node("MatMul", [a, b])
    found = batch + rows + columns
    shape = [-1 if extents[c] < 0 else extents[c] for c in found]
    if list(product.shape) != [extents[c] for c in found]:
        product = capture.node("Reshape", [product], {"shape": shape})
    order = [found.index(c) for c in kept]
    return Planes(capture, last=product if order == sorted(order) else capture.node("Transpose", [product], {"perm": order}))


def _merged(extents: list[int]) -> int:
    return -math.prod(abs(e) for e in extents) if any(e < 0 for e in extents) else math.prod(extents)


@operation("Matmul")
def matmul(capture: Any, op: Any, x1: Any, x2: Any) -> Planes:
    x, y = capture.value(x1), capture.value(x2)
    if x.rank < 2 or y.rank < 2:
        raise UnsupportedArgument(f"tensors of rank {x.rank} and {y.rank}; both need at least 2")
    return Planes(capture, last=capture.node("MatMul", [x.last, y.last]))


@operation("Dot")
def dot(capture: Any, op: Any, x1: Any, x2: Any) -> Planes:
    x, y = capture.value(x1), capture.value(x2)
    if y.rank != 2 or x.rank < 2:
        raise UnsupportedArgument(f"tensors of rank {x.rank} and {y.rank}; the second must be a matrix")
    return Planes(capture, last=capture.node("MatMul", [x.last, y.last]))


@operation("Tensordot")
def tensordot(capture: Any, op: Any, x1: Any, x2: Any) -> Planes:
    x, y = capture.value(x1), capture.value(x2)
    axes = [range(x.rank - op.axes, x.rank), range(op.axes)] if isinstance(op.axes, int) else op.axes
    first, second = ([a] if isinstance(a, int) else list(a) for a in axes)
    left = list(_LETTERS[: x.rank])
    right = list(_LETTERS[x.rank : x.rank + y.rank])
    for i, j in zip(first, second, strict=True):
        right[j % y.rank] = left[i % x.rank]
    kept = [c for c in left if c not in right] + [c for c in right if c not in left]
    return contract(capture, x, y, "".join(left), "".join(right), "".join(kept))


@operation("Einsum")
def einsum(capture: Any, op: Any, *operands: Any) -> Planes:
    inputs, arrow, kept = op.subscripts.replace(" ", "").partition("->")
    parts = inputs.split(",")
    if len(parts) != 2 or not arrow:
        raise UnsupportedArgument(f"'{op.subscripts}'; two tensors and an explicit result are supported")
    values = [capture.value(operand) for operand in operands]
    if "..." in op.subscripts:
        free = [c for c in _LETTERS if c not in op.subscripts]
        more = max(v.rank - len(part.replace("...", "")) for part, v in zip(parts, values, strict=True) if "..." in part)
        if any("..." in part and v.rank - len(part) + 3 != more for part, v in zip(parts, values, strict=True)):
            raise UnsupportedArgument(f"'{op.subscripts}' on tensors of different rank")
        dots = "".join(free[:more])
        parts, kept = [part.replace("...", dots) for part in parts], kept.replace("...", dots)
    if any(len(set(part)) != len(part) for part in (*parts, kept)):
        raise UnsupportedArgument(f"'{op.subscripts}': a letter twice in one tensor")
    return contract(capture, values[0], values[1], parts[0], parts[1], kept)


__all__ = ["contract"]
