"""Comparisons, masks and choices. A mask is a float32 value of zeros and ones."""

from __future__ import annotations

from typing import Any

from pytorch_interoperability.handlers.registry import handles

COMPARED = {"eq": "Equal", "lt": "Less", "gt": "Greater", "le": "LessOrEqual", "ge": "GreaterOrEqual"}


@handles(*[f"{name}.{kind}" for name in COMPARED for kind in ("Scalar", "Tensor")], moves="pointwise")
def compare(g: Any, a: Any, b: Any) -> Any:
    return g.node(COMPARED[g.target.split(".")[1]], [a, b])


@handles("ne.Scalar", "ne.Tensor", moves="pointwise")
def differ(g: Any, a: Any, b: Any) -> Any:
    return g.node("Not", [g.node("Equal", [a, b])])


@handles("logical_not", "bitwise_not", moves="pointwise")
def negate(g: Any, a: Any) -> Any:
    return g.node("Not", [a])


@handles("logical_and", "bitwise_and.Tensor", "__and__.Tensor", moves="pointwise")
def both(g: Any, a: Any, b: Any) -> Any:
    return g.node("And", [a, b])


@handles("logical_or", "bitwise_or.Tensor", "__or__.Tensor", moves="pointwise")
def either(g: Any, a: Any, b: Any) -> Any:
    return g.node("Or", [a, b])


@handles("where.self", "where.ScalarSelf", "where.ScalarOther", "where.Scalar", moves="pointwise")
def where(g: Any, condition: Any, x: Any, y: Any) -> Any:
    return g.node("Where", [condition, x, y])


@handles("masked_fill.Scalar", "masked_fill_.Scalar", "masked_fill.Tensor", moves="pointwise")
def masked_fill(g: Any, x: Any, mask: Any, value: Any) -> Any:
    return g.node("Where", [mask, value, x])


@handles("maximum", "max.other", moves="pointwise")
def maximum(g: Any, a: Any, b: Any) -> Any:
    return g.node("Max", [a, b], {"ties": "half"})


@handles("minimum", "min.other", moves="pointwise")
def minimum(g: Any, a: Any, b: Any) -> Any:
    return g.node("Min", [a, b], {"ties": "half"})


@handles("clamp", "clamp_", "clip", moves="pointwise")
def clamp(g: Any, x: Any, min: float | None = None, max: float | None = None) -> Any:
    attributes = {name: float(bound) for name, bound in (("min", min), ("max", max)) if bound is not None}
    return g.node("Clip", [x], attributes)


@handles("clamp_min", "clamp_min_", moves="pointwise")
def clamp_min(g: Any, x: Any, min: float) -> Any:
    return g.node("Clip", [x], {"min": float(min)})


@handles("clamp_max", "clamp_max_", moves="pointwise")
def clamp_max(g: Any, x: Any, max: float) -> Any:
    return g.node("Clip", [x], {"max": float(max)})
