"""Parts of a tensor: slices, chunks, single elements of an axis."""

from __future__ import annotations

from typing import Any

from pytorch_interoperability.handlers.axes import Moved, back, front, permuted
from pytorch_interoperability.handlers.registry import UnsupportedArgument, handles, inner_axis
from pytorch_interoperability.handlers.shape import shaped


def sliced(g: Any, x: Any, axis: int, start: int, end: int, step: int = 1) -> Any:
    """Elements start to end of an axis that is not the batch."""
    if start == 0 and end == x.shape[axis] and step == 1:
        return x
    steps = {} if step == 1 else {"steps": [step]}
    return g.node("Slice", [x], {"starts": [start], "ends": [end], "axes": [axis]} | steps)


@handles("slice.Tensor", moves="own")
def cut(g: Any, x: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    axis = dim % len(x.shape)
    extent = x.shape[axis]
    whole = start in (None, 0) and (end is None or not isinstance(end, int) or end >= abs(extent))
    if whole and step == 1:
        return x
    if extent < 0 or not isinstance(end, int | None):
        raise UnsupportedArgument("a part of the batch")
    first = _place(0 if start is None else start, extent)
    last = _place(extent if end is None else end, extent)
    if first >= last:
        raise UnsupportedArgument(f"no elements: {start} to {end} of {extent}")
    value, order = front(g, x)
    return back(g, sliced(g, value, order.index(axis), first, last, step), order)


def _place(index: int, extent: int) -> int:
    return min(max(index + extent if index < 0 else index, 0), extent)


@handles("narrow", moves="own")
def narrow(g: Any, x: Any, dim: int, start: int, length: int) -> Any:
    return cut(g, x, dim, start, start + length)


@handles("select.int", moves="own")
def select(g: Any, x: Any, dim: int, index: int) -> Any:
    axis = dim % len(x.shape)
    extent = x.shape[axis]
    if extent < 0 or not isinstance(index, int):
        raise UnsupportedArgument("a row of the batch")
    value, order = front(g, x)
    place = order.index(axis)
    at = index % extent
    part = sliced(g, value, place, at, at + 1)
    return _without(g, part, order, place)


def _without(g: Any, part: Any, order: list[int], place: int) -> Any:
    """The part with one of its axes, of extent 1, dropped."""
    extents = [extent for i, extent in enumerate(part.shape) if i != place]
    left = [axis for i, axis in enumerate(order) if i != place]
    value = shaped(g, part, extents)
    ranks = sorted(left)
    if left == ranks:
        return value
    return permuted(g, value, [left.index(axis) for axis in ranks])


@handles("split.Tensor", moves="own")
def split(g: Any, x: Any, split_size: int, dim: int = 0) -> list[Any]:
    extent = x.shape[dim]
    return parts(g, x, [min(split_size, extent - start) for start in range(0, extent, split_size)], dim)


@handles("split_with_sizes", "split.sizes", moves="own")
def split_with_sizes(g: Any, x: Any, sizes: Any, dim: int = 0) -> list[Any]:
    return parts(g, x, list(sizes), dim)


@handles("chunk", "tensor_split.sections", moves="own")
def chunk(g: Any, x: Any, chunks: int, dim: int = 0) -> list[Any]:
    return parts(g, x, [g.output_shape(i)[dim] for i in range(g.output_count())], dim)


@handles("unbind.int", moves="own")
def unbind(g: Any, x: Any, dim: int = 0) -> list[Any]:
    axis = dim % len(x.shape)
    order = front(g, x)[1] if isinstance(x, Moved) else list(range(len(x.shape)))
    return [_without(g, front(g, part)[0], order, order.index(axis)) for part in parts(g, x, [1] * x.shape[axis], axis)]


def parts(g: Any, x: Any, sizes: list[int], dim: int) -> list[Any]:
    """The tensor cut into pieces along one of torch's axes."""
    axis = inner_axis(dim, x.shape)
    value, order = front(g, x)
    if len(sizes) == 1:
        return [x]
    pieces = g.nodes("Split", [value], {"axis": order.index(axis), "split": sizes})
    return [back(g, piece, order) for piece in pieces]
