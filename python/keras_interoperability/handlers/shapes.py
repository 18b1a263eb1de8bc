"""Operations of `keras.ops` that move, cut, repeat or rename axes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from keras_interoperability.handlers.arithmetic import as_indices
from keras_interoperability.handlers.merging import concatenated
from keras_interoperability.handlers.registry import UnsupportedArgument, inner_axis, operation
from keras_interoperability.planes import Planes


def reshaped(capture: Any, x: Planes) -> Planes:
    """The same elements in the shape that Keras has found for the result."""
    extents = list(capture.outputs[0].shape)
    if extents.count(None) > 1:
        raise UnsupportedArgument(f"the shape {tuple(extents)}; only the batch may be open")
    wanted = [-1 if extent is None else extent for extent in extents]
    return x if wanted == x.shape else Planes(capture, last=capture.node("Reshape", [x.last], {"shape": wanted}))


def permuted(capture: Any, x: Planes, axes: list[int]) -> Planes:
    """Axes in another order; the batch stays first."""
    if x.shape[0] < 0 and axes[0] != 0:
        raise UnsupportedArgument(f"axes {tuple(axes)}; the batch must stay on axis 0")
    return x if axes == list(range(x.rank)) else Planes(capture, last=capture.node("Transpose", [x.last], {"perm": axes}))


def sliced(capture: Any, x: Planes, axis: int, start: int, end: int) -> Planes:
    """Elements start to end of one axis."""
    if (start, end) == (0, x.shape[axis]):
        return x
    return Planes(capture, last=capture.node("Slice", [x.last], {"axes": [axis], "starts": [start], "ends": [end]}))


def repeated(capture: Any, x: Planes, axis: int, times: int) -> Planes:
    """Every element of an axis `times` times, one behind the other."""
    extents = x.shape
    parts = capture.node("Reshape", [x.last], {"shape": [*_open(extents[: axis + 1]), 1, *extents[axis + 1 :]]})
    spread = capture.node("Expand", [parts], {"shape": [*_open(extents[: axis + 1]), times, *extents[axis + 1 :]]})
    return Planes(
        capture, last=capture.node("Reshape", [spread], {"shape": [*_open(extents[:axis]), extents[axis] * times, *extents[axis + 1 :]]})
    )


def _open(extents: list[int]) -> list[int]:
    return [-1 if extent < 0 else extent for extent in extents]


def flipped(capture: Any, x: Planes, axis: int) -> Planes:
    """One axis behind the batch backwards."""
    return _cut(capture, x, axis, slice(None, None, -1))


@operation("Reshape", "ExpandDims", "Squeeze", "Ravel")
def reshape(capture: Any, op: Any, x: Any) -> Planes:
    return reshaped(capture, capture.value(x))


@operation("Transpose")
def transpose(capture: Any, op: Any, x: Any) -> Planes:
    x = capture.value(x)
    return permuted(capture, x, [a % x.rank for a in (op.axes or reversed(range(x.rank)))])


@operation("Swapaxes")
def swapaxes(capture: Any, op: Any, x: Any) -> Planes:
    x = capture.value(x)
    order = list(range(x.rank))
    a, b = op.axis1 % x.rank, op.axis2 % x.rank
    order[a], order[b] = order[b], order[a]
    return permuted(capture, x, order)


@operation("Moveaxis")
def moveaxis(capture: Any, op: Any, x: Any) -> Planes:
    x = capture.value(x)
    source, destination = ([a % x.rank for a in axes] for axes in (op.source, op.destination))
    order = [axis for axis in range(x.rank) if axis not in source]
    for to, axis in sorted(zip(destination, source, strict=True)):
        order.insert(to, axis)
    return permuted(capture, x, order)


@operation("Concatenate")
def concatenate(capture: Any, op: Any, xs: Any) -> Planes:
    return concatenated(capture, [capture.value(x) for x in xs], op.axis)


@operation("Stack")
def stack(capture: Any, op: Any, xs: Any) -> Planes:
    axis = op.axis % len(capture.outputs[0].shape)
    if axis == 0:
        raise UnsupportedArgument("axis=0, the batch")
    values = [capture.value(x) for x in xs]
    ones = [capture.node("Reshape", [v.last], {"shape": [*_open(v.shape[:axis]), 1, *v.shape[axis:]]}) for v in values]
    return Planes(capture, last=capture.node("Concat", ones, {"axis": axis}))


@operation("Split")
def split(capture: Any, op: Any, x: Any) -> list[Planes]:
    x = capture.value(x)
    axis = inner_axis(op.axis, x.shape)
    given = op.indices_or_sections
    edges = range(0, x.shape[axis], x.shape[axis] // given) if isinstance(given, int) else [0, *(int(i) for i in given)]
    sizes = [end - start for start, end in pairwise([*edges, x.shape[axis]])]
    return [Planes(capture, last=part) for part in capture.nodes("Split", [x.last], {"axis": axis, "split": sizes})]


@operation("Unstack")
def unstack(capture: Any, op: Any, x: Any) -> list[Planes]:
    x = capture.value(x)
    axis = inner_axis(op.axis, x.shape)
    parts = capture.nodes("Split", [x.last], {"axis": axis, "num_outputs": x.shape[axis]})
    shape = _open([*x.shape[:axis], *x.shape[axis + 1 :]])
    return [Planes(capture, last=capture.node("Reshape", [part], {"shape": shape})) for part in parts]


@operation("GetItem")
def get_item(capture: Any, op: Any, x: Any, key: Any) -> Planes:
    x = capture.value(x)
    keys = list(key) if isinstance(key, tuple) else [key]
    if any(not (k is None or k is Ellipsis or isinstance(k, int | slice)) for k in keys):
        raise UnsupportedArgument("an index that is neither a number nor a slice; use keras.ops.take")
    named = sum(k is not None and k is not Ellipsis for k in keys)
    if Ellipsis not in keys:
        keys.append(Ellipsis)
    at = keys.index(Ellipsis)
    keys[at : at + 1] = [slice(None)] * (x.rank - named)
    y = x
    for axis, k in enumerate(k for k in keys if k is not None):
        y = _cut(capture, y, axis, k)
    return reshaped(capture, y)


def _cut(capture: Any, x: Planes, axis: int, key: Any) -> Planes:
    if key == slice(None):
        return x
    if x.shape[axis] < 0:
        raise UnsupportedArgument("an index into the batch")
    extent = x.shape[axis]
    chosen = range(extent)[key if isinstance(key, slice) else slice(key % extent, key % extent + 1)]
    if len(chosen) == 0:
        raise UnsupportedArgument("an index that takes nothing")
    if chosen.step == 1:
        return sliced(capture, x, axis, chosen[0], chosen[-1] + 1)
    end = chosen[-1] + chosen.step
    attributes = {"axes": [axis], "starts": [chosen[0]], "ends": [end if end >= 0 else -extent - 1], "steps": [chosen.step]}
    return Planes(capture, last=capture.node("Slice", [x.last], attributes))


def taken(capture: Any, x: Planes, axis: int, places: Any) -> Planes:
    """Elements of an axis at fixed places."""
    indices = capture.constant(np.asarray(places, np.int64))
    return Planes(capture, last=capture.node("Gather", [x.last, indices], {"axis": axis}))


@operation("Take")
def take(capture: Any, op: Any, x: Any, indices: Any) -> Planes:
    x = capture.value(x)
    axis = 0 if op.axis is None and x.rank == 1 else op.axis
    if axis is None:
        raise UnsupportedArgument("axis=None")
    if isinstance(indices, Planes):
        return Planes(capture, last=capture.node("Gather", [x.last, as_indices(capture, indices).last], {"axis": axis % x.rank}))
    places, axis = np.asarray(indices), inner_axis(axis, x.shape)
    return taken(capture, x, axis, np.where(places < 0, places + x.shape[axis], places))


@operation("Flip")
def flip(capture: Any, op: Any, x: Any) -> Planes:
    x = capture.value(x)
    axes = range(x.rank) if op.axis is None else [op.axis] if isinstance(op.axis, int) else op.axis
    for axis in axes:
        x = flipped(capture, x, axis % x.rank)
    return x


@operation("Roll")
def roll(capture: Any, op: Any, x: Any) -> Planes:
    x = capture.value(x)
    if op.axis is None:
        raise UnsupportedArgument("axis=None")
    axes, shifts = ([op.axis], [op.shift]) if isinstance(op.axis, int) else (list(op.axis), list(op.shift))
    for axis, shift in zip((inner_axis(a, x.shape) for a in axes), shifts, strict=True):
        split_at = -shift % x.shape[axis]
        if split_at:
            parts = [sliced(capture, x, axis, split_at, x.shape[axis]), sliced(capture, x, axis, 0, split_at)]
            x = Planes(capture, last=capture.node("Concat", [part.last for part in parts], {"axis": axis}))
    return x


@operation("Repeat")
def repeat(capture: Any, op: Any, x: Any) -> Planes:
    x = capture.value(x)
    if op.axis is None or not isinstance(op.repeats, int) or x.shape[op.axis] < 0:
        raise UnsupportedArgument(f"repeats={op.repeats}, axis={op.axis}; one number and an axis behind the batch are supported")
    return repeated(capture, x, op.axis % x.rank, op.repeats)


@operation("Tile")
def tile(capture: Any, op: Any, x: Any) -> Planes:
    x = capture.value(x)
    times = [op.repeats] if isinstance(op.repeats, int) else list(op.repeats)
    times = [1] * (x.rank - len(times)) + times
    if len(times) > x.rank or (times[0] != 1 and x.shape[0] < 0):
        raise UnsupportedArgument(f"repeats={op.repeats}; axes behind the batch are supported")
    return Planes(capture, last=capture.node("Tile", [x.last], {"repeats": times}))


@operation("Pad")
def pad(capture: Any, op: Any, x: Any, constant_values: Any = None) -> Planes:
    x = capture.value(x)
    widths = [op.pad_width] * x.rank if isinstance(op.pad_width[0], int) else list(op.pad_width) * (x.rank if len(op.pad_width) == 1 else 1)
    pads = [int(w[0]) for w in widths] + [int(w[1]) for w in widths]
    attributes: dict[str, Any] = {"pads": pads, "value": float(constant_values or 0)}
    if op.mode != "constant":
        attributes["mode"] = {"reflect": "reflect", "edge": "edge", "wrap": "wrap"}.get(op.mode) or _refuse_mode(op.mode)
    return Planes(capture, last=capture.node("Pad", [x.last], attributes))


def _refuse_mode(mode: str) -> str:
    raise UnsupportedArgument(f"mode='{mode}'")


@operation("BroadcastTo")
def broadcast_to(capture: Any, op: Any, x: Any) -> Planes:
    x = capture.value(x)
    wanted = [-1 if extent is None else extent for extent in op.shape]
    return Planes(capture, last=capture.node("Expand", [x.last], {"shape": wanted}))


__all__ = ["flipped", "permuted", "repeated", "reshaped", "sliced", "taken"]
