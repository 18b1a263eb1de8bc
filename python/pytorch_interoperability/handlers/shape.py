"""Operators that move or rename axes. The shape of the result was found by the capture."""

from __future__ import annotations

from typing import Any

from pytorch_interoperability.handlers.registry import UnsupportedArgument, handles


@handles(
    "aten.flatten.using_ints",
    "aten.view.default",
    "aten.reshape.default",
    "aten._unsafe_view.default",
    "aten.unflatten.int",
    "aten.squeeze.default",
    "aten.squeeze.dim",
    "aten.squeeze.dims",
    "aten.unsqueeze.default",
)
def reshape(g: Any, x: Any, *arguments: Any) -> Any:
    return g.node("Reshape", [x], {"shape": [-1 if extent < 0 else extent for extent in g.output_shape()]})


@handles("aten.permute.default")
def permute(g: Any, x: Any, dims: Any) -> Any:
    return g.node("Transpose", [x], {"perm": [d % len(x.shape) for d in dims]})


@handles("aten.transpose.int", "aten.t.default")
def transpose(g: Any, x: Any, dim0: int = 0, dim1: int = 1) -> Any:
    perm = list(range(len(x.shape)))
    perm[dim0], perm[dim1] = perm[dim1], perm[dim0]
    return g.node("Transpose", [x], {"perm": perm})


@handles("aten.cat.default", "aten.concat.default")
def cat(g: Any, tensors: Any, dim: int = 0) -> Any:
    return g.node("Concat", list(tensors), {"axis": dim})


@handles("aten.pad.default")
def pad(g: Any, x: Any, pads: Any, mode: str = "constant", value: float | None = None) -> Any:
    if mode != "constant":
        raise UnsupportedArgument(f"padding mode {mode!r}; only zeros or another constant are supported")
    return constant_pad(g, x, pads, 0.0 if value is None else value)


@handles("aten.constant_pad_nd.default")
def constant_pad(g: Any, x: Any, pads: Any, value: float = 0.0) -> Any:
    rank = len(x.shape)
    begins, ends = [0] * rank, [0] * rank
    for i in range(len(pads) // 2):
        begins[rank - 1 - i], ends[rank - 1 - i] = pads[2 * i], pads[2 * i + 1]
    if min(begins + ends) < 0:
        raise UnsupportedArgument(f"negative padding {list(pads)}; slice instead")
    return g.node("Pad", [x], {"pads": begins + ends, "value": float(value)})


@handles("aten.slice.Tensor")
def cut(g: Any, x: Any, dim: int = 0, start: Any = None, end: Any = None, step: int = 1) -> Any:
    extent = x.shape[dim]
    whole = (start in (None, 0)) and (end is None or not isinstance(end, int) or end >= abs(extent))
    if whole and step == 1:
        return x
    if extent < 0 or step != 1 or not isinstance(end, int | None):
        raise UnsupportedArgument("a slice along the batch or with a step")
    first = 0 if start is None else start if start >= 0 else start + extent
    last = extent if end is None else min(end if end >= 0 else end + extent, extent)
    return g.node("Slice", [x], {"starts": [first], "ends": [last], "axes": [dim]})


@handles("aten.contiguous.default", "aten.clone.default", "aten.alias.default", "aten.lift_fresh_copy.default")
def same(g: Any, x: Any, **options: Any) -> Any:
    return x
