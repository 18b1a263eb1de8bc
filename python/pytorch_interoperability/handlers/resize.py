"""Interpolation."""

from __future__ import annotations

from typing import Any

from pytorch_interoperability.handlers.registry import handles


@handles("upsample_nearest1d.vec", "upsample_nearest2d.vec", "upsample_nearest3d.vec")
def nearest(g: Any, x: Any, output_size: Any, scale_factors: Any) -> Any:
    attributes = {"mode": "nearest", "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return _resize(g, x, scale_factors, attributes)


@handles("_upsample_nearest_exact1d.vec", "_upsample_nearest_exact2d.vec", "_upsample_nearest_exact3d.vec")
def nearest_exact(g: Any, x: Any, output_size: Any, scale_factors: Any) -> Any:
    attributes = {"mode": "nearest", "coordinate_transformation_mode": "half_pixel", "nearest_mode": "round_prefer_ceil"}
    return _resize(g, x, scale_factors, attributes)


@handles("upsample_linear1d.vec", "upsample_bilinear2d.vec", "upsample_trilinear3d.vec")
def linear(g: Any, x: Any, output_size: Any, align_corners: bool, scale_factors: Any) -> Any:
    return _resize(g, x, scale_factors, {"mode": "linear", "coordinate_transformation_mode": _corners(align_corners)})


@handles("upsample_bicubic2d.vec")
def cubic(g: Any, x: Any, output_size: Any, align_corners: bool, scale_factors: Any) -> Any:
    attributes = {"mode": "cubic", "coordinate_transformation_mode": _corners(align_corners), "cubic_coeff_a": -0.75}
    return _resize(g, x, scale_factors, attributes)


def _corners(align_corners: bool) -> str:
    return "align_corners" if align_corners else "half_pixel"


def _resize(g: Any, x: Any, scale_factors: Any, attributes: dict[str, Any]) -> Any:
    """Torch takes coordinates from the factors where they are given, else from the extents."""
    attributes["sizes"] = g.output_shape()[2:]
    if scale_factors is not None:
        attributes["scales"] = [float(factor) for factor in scale_factors]
    return g.node("Resize", [x], attributes)
