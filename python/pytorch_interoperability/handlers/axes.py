"""Tensors whose batch lies elsewhere than on axis 0 in torch: the engine keeps them with the batch in front.

Attention and recurrent layers put time in front of the batch, or merge the batch with heads or time. A `Moved` tensor says which axes of
an engine's value make up each of torch's axes, so such a transpose costs nothing until an operator needs torch's own order.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from pytorch_interoperability.handlers.registry import UnsupportedArgument

Groups = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Moved:
    """A value with the batch on axis 0, and for each of torch's axes the value's axes it consists of, the outer one first."""

    value: Any
    groups: Groups

    @property
    def shape(self) -> list[int]:
        """Torch's extents; -k is k times the rows."""
        return [product([self.value.shape[axis] for axis in group]) for group in self.groups]


def product(extents: Sequence[int]) -> int:
    """Of extents, where -k is k times the rows."""
    result = 1
    for extent in extents:
        if result < 0 and extent < 0:
            raise UnsupportedArgument("an extent that grows with the square of the batch")
        result *= extent
    return result


def as_moved(x: Any) -> Moved:
    """Any batched value in this form."""
    return x if isinstance(x, Moved) else Moved(x, tuple((axis,) for axis in range(len(x.shape))))


def permuted(g: Any, x: Any, perm: Sequence[int]) -> Any:
    """The tensor with torch's axes in another order."""
    moved = as_moved(x)
    return settled(g, Moved(moved.value, tuple(moved.groups[axis] for axis in perm)))


def reshaped(g: Any, x: Any, extents: Sequence[int]) -> Any:
    """The tensor under other extents, elements in torch's order."""
    moved = as_moved(x)
    atoms = [(axis, moved.value.shape[axis]) for group in moved.groups for axis in group]
    parts: list[list[int]] = [[] for _ in moved.value.shape]
    groups = []
    for extent in extents:
        group = []
        while extent != 1:
            axis, size = atoms.pop(0) if atoms else (0, 1)
            if size == 1:
                if not atoms:
                    raise UnsupportedArgument(f"a reshape of {moved.shape} to {list(extents)}")
                continue
            part = _outer_part(extent, size, moved.shape, extents)
            if part != size:
                atoms.insert(0, (axis, size // part))
            extent //= part
            parts[axis].append(part)
            group.append((axis, len(parts[axis]) - 1))
        groups.append(group)
    places: dict[tuple[int, int], int] = {}
    for axis, sizes in enumerate(parts):
        for i in range(len(sizes)):
            places[axis, i] = len(places)
    shape = [size for sizes in parts for size in sizes]
    value = moved.value if shape == moved.value.shape else _reshape(g, moved.value, shape)
    return settled(g, Moved(value, tuple(tuple(places[key] for key in group) for group in groups)))


def _outer_part(extent: int, size: int, shape: Sequence[int], extents: Sequence[int]) -> int:
    """How much of an axis goes into an extent that is still open: all of it, or its outer part."""
    if (size > 0 or extent < 0) and extent % size == 0:
        return size
    if (extent > 0) == (size > 0) and size % extent == 0:
        return extent
    raise UnsupportedArgument(f"a reshape of {list(shape)} to {list(extents)}, which tears the batch apart")


def settled(g: Any, moved: Moved) -> Any:
    """A plain value when the batch is in front, else the same."""
    if not moved.groups or moved.groups[0][:1] != (0,):
        return moved
    flat = [axis for group in moved.groups for axis in group]
    value = _transpose(g, moved.value, flat)
    return value if len(flat) == len(moved.groups) and all(moved.groups) else _reshape(g, value, moved.shape)


def front(g: Any, x: Any) -> tuple[Any, list[int]]:
    """A value with one axis for each of torch's, the batch in front, and the order: axis i is torch's axis order[i]."""
    if not isinstance(x, Moved):
        return x, list(range(len(x.shape)))
    batch = next(i for i, group in enumerate(x.groups) if 0 in group)
    if x.groups[batch][0] != 0:
        raise UnsupportedArgument(f"a tensor of shape {x.shape}, where other axes are merged in front of the batch")
    order = [batch, *[i for i in range(len(x.groups)) if i != batch]]
    return settled(g, Moved(x.value, tuple(x.groups[i] for i in order))), order


def back(g: Any, value: Any, order: Sequence[int]) -> Any:
    """Torch's tensor again from what `front` gave, or from one like it."""
    return permuted(g, value, [order.index(i) for i in range(len(order))])


def last_axis_behind(g: Any, x: Moved) -> tuple[Any, Groups]:
    """A value whose last axis is torch's last axis, and the groups for it; the others keep their places."""
    last = x.groups[-1]
    if 0 in last:
        raise UnsupportedArgument(f"a tensor of shape {x.shape} with the batch on its last axis")
    others = [axis for axis in range(len(x.value.shape)) if axis not in last]
    value = _transpose(g, x.value, [*others, *last])
    if len(last) != 1:
        value = _reshape(g, value, [*[x.value.shape[axis] for axis in others], x.shape[-1]])
    return value, (*[tuple(others.index(axis) for axis in group) for group in x.groups[:-1]], (len(others),))


def _transpose(g: Any, value: Any, perm: Sequence[int]) -> Any:
    return value if list(perm) == sorted(perm) else g.node("Transpose", [value], {"perm": list(perm)})


def _reshape(g: Any, value: Any, shape: Sequence[int]) -> Any:
    return g.node("Reshape", [value], {"shape": [-1 if extent < 0 else extent for extent in shape]})


__all__ = ["Moved", "as_moved", "back", "front", "last_axis_behind", "permuted", "product", "reshaped", "settled"]
