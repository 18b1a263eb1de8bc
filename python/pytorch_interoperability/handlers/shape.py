"""Operators that rename, reorder or repeat axes. The shape of the result was found by the capture."""

from __future__ import annotations

from typing import Any

from pytorch_interoperability.handlers.axes import Moved, permuted, reshaped
from pytorch_interoperability.handlers.creation import Filled
from pytorch_interoperability.handlers.registry import UnsupportedArgument, handles, inner_axis


@handles(
    "flatten.using_ints",
    "view",
    "view_as",
    "reshape",
    "reshape_as",
    "_unsafe_view",
    "unflatten.int",
    "squeeze",
    "squeeze.dim",
    "squeeze.dims",
    "unsqueeze",
    moves="own",
)
def reshape(g: Any, x: Any, *arguments: Any) -> Any:
    return shaped(g, x, g.output_shape())


def shaped(g: Any, x: Any, extents: list[int]) -> Any:
    """The tensor under these extents."""
    if isinstance(x, Filled):
        return Filled(extents, x.number)
    if not isinstance(x, Moved):
        if list(x.shape) == extents:
            return x
        if min(x.shape, default=1) >= 0 or (extents and extents[0] < 0):
            return g.node("Reshape", [x], {"shape": [-1 if extent < 0 else extent for extent in extents]})
    return reshaped(g, x, extents)


@handles("permute", moves="own")
def permute(g: Any, x: Any, dims: Any) -> Any:
    return transposed(g, x, [d % len(x.shape) for d in dims])


@handles("transpose.int", "swapaxes", "swapdims", "t", "numpy_T", "mT", moves="own")
def transpose(g: Any, x: Any, dim0: int = -2, dim1: int = -1) -> Any:
    perm = list(range(len(x.shape)))
    if len(perm) > 1:
        perm[dim0], perm[dim1] = perm[dim1], perm[dim0]
    return transposed(g, x, perm)


@handles("movedim.int", "movedim.intlist", "moveaxis.int", "moveaxis.intlist", moves="own")
def movedim(g: Any, x: Any, source: Any, destination: Any) -> Any:
    rank = len(x.shape)
    sources = [s % rank for s in ([source] if isinstance(source, int) else source)]
    destinations = [d % rank for d in ([destination] if isinstance(destination, int) else destination)]
    others = iter(axis for axis in range(rank) if axis not in sources)
    perm = [sources[destinations.index(axis)] if axis in destinations else next(others) for axis in range(rank)]
    return transposed(g, x, perm)


def transposed(g: Any, x: Any, perm: list[int]) -> Any:
    """The tensor with torch's axes in another order; one without a batch, or whose batch stays in front, by an operator."""
    if perm == list(range(len(perm))):
        return x
    if not isinstance(x, Moved) and (min(x.shape) >= 0 or perm[0] == 0):
        return g.node("Transpose", [x], {"perm": perm})
    return permuted(g, x, perm)


@handles("cat", "concat", "concatenate", moves="axis")
def cat(g: Any, tensors: Any, dim: int = 0) -> Any:
    parts = [x for x in tensors if x.shape != [0]]  # torch lets an empty tensor of rank 1 pass
    axis = inner_axis(dim, parts[0].shape)
    return parts[0] if len(parts) == 1 else g.node("Concat", parts, {"axis": axis})


@handles("stack", moves="own")
def stack(g: Any, tensors: Any, dim: int = 0) -> Any:
    """Along a new axis. The new axis may come in front of the batch."""
    rank = len(tensors[0].shape)
    axis = dim % (rank + 1)
    if any(isinstance(x, Moved) for x in tensors):
        raise UnsupportedArgument("the batch on another axis than 0")
    batched = tensors[0].shape[0] < 0
    inner = max(axis, 1) if batched else axis
    whole = [*tensors[0].shape[:inner], 1, *tensors[0].shape[inner:]]
    joined = g.node("Concat", [shaped(g, x, whole) for x in tensors], {"axis": inner})
    return permuted(g, joined, [1, 0, *range(2, rank + 1)]) if batched and axis == 0 else joined


@handles("expand", "expand_as", "broadcast_to", moves="own")
def expand(g: Any, x: Any, *arguments: Any, **options: Any) -> Any:
    extents = g.output_shape()
    if isinstance(x, Filled):
        return Filled(extents, x.number)
    if list(x.shape) == extents:
        return x
    if isinstance(x, Moved):
        raise UnsupportedArgument("the batch on another axis than 0")
    return g.node("Expand", [x], {"shape": [-1 if extent < 0 else extent for extent in extents]})


@handles("broadcast_tensors")
def broadcast_tensors(g: Any, tensors: Any) -> list[Any]:
    shapes = [g.output_shape(i) for i in range(g.output_count())]
    return [
        x if list(x.shape) == shape else g.node("Expand", [x], {"shape": [-1 if extent < 0 else extent for extent in shape]})
        for x, shape in zip(tensors, shapes, strict=True)
    ]


@handles("repeat", "tile")
def repeat(g: Any, x: Any, repeats: Any) -> Any:
    rank = max(len(repeats), len(x.shape))
    counts = [1] * (rank - len(repeats)) + list(repeats)
    if any(not isinstance(n, int) for n in counts):
        return expand(g, x) if all(not isinstance(n, int) or n == 1 for n in counts) else _refuse_repeats(repeats)
    whole = [1] * (rank - len(x.shape)) + list(x.shape)
    if min(x.shape) < 0 and (rank > len(x.shape) or counts[0] != 1):
        raise UnsupportedArgument(f"repeats={list(repeats)}, which repeat the batch")
    return g.node("Tile", [shaped(g, x, whole)], {"repeats": counts})


def _refuse_repeats(repeats: Any) -> Any:
    raise UnsupportedArgument(f"repeats={list(repeats)}, which mix the batch with other repeats")


@handles("repeat_interleave.self_int")
def repeat_interleave(g: Any, x: Any, repeats: int, dim: int | None = None, **options: Any) -> Any:
    if dim is None:
        raise UnsupportedArgument("no dim; give it one")
    axis = inner_axis(dim, x.shape)
    shape = list(x.shape)
    spread = g.node(
        "Tile",
        [shaped(g, x, [*shape[: axis + 1], 1, *shape[axis + 1 :]])],
        {"repeats": [1] * (axis + 1) + [repeats] + [1] * (len(shape) - axis - 1)},
    )
    return shaped(g, spread, g.output_shape())


@handles("contiguous", "clone", "alias", "lift_fresh_copy", "positive", moves="own")
def same(g: Any, x: Any, **options: Any) -> Any:
    return x


@handles("detach", "detach_", moves="pointwise")
def detach(g: Any, x: Any) -> Any:
    return g.node("StopGradient", [x])


@handles("to.dtype", "to.dtype_layout", "to.device", "to.other", "_to_copy", "type_as", moves="own")
def cast(g: Any, x: Any, *arguments: Any, **options: Any) -> Any:
    """To float32 or bool; a mask is held as float32 already."""
    if x.dtype != "float32":
        return g.node("Cast", [x], {"to": "float32"})
    return x


@handles("pad")
def pad(g: Any, x: Any, pads: Any, mode: str = "constant", value: float | None = None) -> Any:
    names = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}
    number = 0.0 if value is None else float(value)
    if mode == "constant":
        return constant_pad(g, x, pads, number)
    return _pad(g, x, pads, {"mode": names[mode]})


@handles("constant_pad_nd")
def constant_pad(g: Any, x: Any, pads: Any, value: float = 0.0) -> Any:
    """Negative pads cut."""
    if min(pads, default=0) < 0:
        from pytorch_interoperability.handlers.split import sliced

        for i in range(len(pads) // 2):
            axis = len(x.shape) - 1 - i
            x = sliced(g, x, axis, max(0, -pads[2 * i]), x.shape[axis] - max(0, -pads[2 * i + 1]))
        pads = [max(0, number) for number in pads]
    return _pad(g, x, pads, {"value": float(value)})


@handles("reflection_pad1d", "reflection_pad2d", "reflection_pad3d")
def reflection_pad(g: Any, x: Any, pads: Any) -> Any:
    return _pad(g, x, pads, {"mode": "reflect"})


@handles("replication_pad1d", "replication_pad2d", "replication_pad3d")
def replication_pad(g: Any, x: Any, pads: Any) -> Any:
    return _pad(g, x, pads, {"mode": "edge"})


def _pad(g: Any, x: Any, pads: Any, attributes: dict[str, Any]) -> Any:
    rank = len(x.shape)
    begins, ends = [0] * rank, [0] * rank
    for i in range(len(pads) // 2):
        begins[rank - 1 - i], ends[rank - 1 - i] = pads[2 * i], pads[2 * i + 1]
    return g.node("Pad", [x], {"pads": begins + ends} | attributes) if any(begins + ends) else x


@handles("pixel_shuffle")
def pixel_shuffle(g: Any, x: Any, upscale_factor: int) -> Any:
    r = upscale_factor
    rows, channels, height, width = x.shape
    split = shaped(g, x, [rows, channels // (r * r), r, r, height, width])
    return shaped(g, transposed(g, split, [0, 1, 4, 2, 5, 3]), g.output_shape())


@handles("pixel_unshuffle")
def pixel_unshuffle(g: Any, x: Any, downscale_factor: int) -> Any:
    r = downscale_factor
    rows, channels, height, width = x.shape
    split = shaped(g, x, [rows, channels, height // r, r, width // r, r])
    return shaped(g, transposed(g, split, [0, 1, 3, 5, 2, 4]), g.output_shape())


@handles("channel_shuffle")
def channel_shuffle(g: Any, x: Any, groups: int) -> Any:
    rows, channels, *extents = x.shape
    split = shaped(g, x, [rows, groups, channels // groups, *extents])
    mixed = transposed(g, split, [0, 2, 1, *range(3, len(extents) + 3)])
    return shaped(g, mixed, g.output_shape())


@handles("roll")
def roll(g: Any, x: Any, shifts: Any, dims: Any = ()) -> Any:
    from pytorch_interoperability.handlers.split import sliced

    axes = [dims] if isinstance(dims, int) else list(dims)
    counts = [shifts] if isinstance(shifts, int) else list(shifts)
    if not axes:
        raise UnsupportedArgument("no dims; give it the axes")
    for shift, dim in zip(counts, axes, strict=True):
        axis = inner_axis(dim, x.shape)
        extent = x.shape[axis]
        cut = -shift % extent
        if cut:
            x = g.node("Concat", [sliced(g, x, axis, cut, extent), sliced(g, x, axis, 0, cut)], {"axis": axis})
    return x
