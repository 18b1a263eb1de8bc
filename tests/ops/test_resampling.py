"""Resize, adaptive pools, DepthToSpace and SpaceToDepth, and Pad with what is not constant."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from harness import Case, check

from n2d2 import errors
from n2d2._engine import engine

NEAREST = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
EXACT = {"nearest_mode": "round_prefer_ceil"}
MODES = {2: {"linear": "linear"}, 3: {"linear": "bilinear", "cubic": "bicubic"}, 4: {"linear": "trilinear"}}

SIZES = {  # of one row, and what becomes of it
    "line": ((5, 7), (12,)),
    "line, shorter": ((17, 9), (4,)),
    "doubled": ((16, 5, 6), (10, 12)),
    "odd": ((3, 7, 5), (10, 13)),
    "smaller": ((18, 9, 8), (4, 3)),
    "one up, one down": ((4, 3, 11), (8, 5)),
    "to one": ((3, 5, 4), (1, 1)),
    "from one": ((3, 1, 1), (3, 4)),
    "the same": ((3, 4, 5), (4, 5)),
    "volume": ((3, 3, 4, 5), (5, 4, 3)),
}


@pytest.mark.parametrize("name", SIZES)
def test_sizes(name):
    shape, sizes = SIZES[name]
    x = ["N", *shape]
    check("Resize", Case([x], lambda x: F.interpolate(x, sizes), {"sizes": list(sizes), **NEAREST}))
    check("Resize", Case([x], lambda x: F.interpolate(x, sizes, mode="nearest-exact"), {"sizes": list(sizes), **EXACT}))
    for mode, theirs in MODES[len(shape)].items():
        for way in ("half_pixel", "align_corners"):
            attributes = {"sizes": list(sizes), "mode": mode, "coordinate_transformation_mode": way}
            corners = way == "align_corners"
            check("Resize", Case([x], lambda x, t=theirs, c=corners: F.interpolate(x, sizes, mode=t, align_corners=c), attributes))


@pytest.mark.parametrize("factors", [(2.0, 3.0), (1.7, 0.6), (0.55, 1.0)])
def test_factors(factors):
    x = ["N", 5, 6, 7]
    scale = {"scales": list(factors)}
    check("Resize", Case([x], lambda x: F.interpolate(x, scale_factor=factors), {**scale, **NEAREST}))
    check("Resize", Case([x], lambda x: F.interpolate(x, scale_factor=factors, mode="bilinear"), {**scale, "mode": "linear"}))
    check("Resize", Case([x], lambda x: F.interpolate(x, scale_factor=factors, mode="bicubic"), {**scale, "mode": "cubic"}))


@pytest.mark.parametrize("extent", [3, 7, 10, 12, 30, 49, 224])
def test_nearest_neighbours_are_those_of_the_framework(extent):
    """Places halfway between two pixels depend on the last bit of a float."""
    for to in (1, 3, 5, 7, 10, 13, 31, 60, 100):
        x = np.arange(extent, dtype="f4").reshape(1, 1, 1, extent)
        for attributes, mode in ((NEAREST, "nearest"), (EXACT, "nearest-exact")):
            g = engine.Graph()
            g.output(g.node("Resize", [g.input("x", [-1, *x.shape[1:]])], {"sizes": [1, to], **attributes})[0])
            n = engine.Network(1, 1)
            n.set_graph("train", g)
            out = np.zeros((1, 1, 1, to), "f4")
            n.forward([x.ctypes.data], 1, [out.ctypes.data], train=True, keep=False)
            assert np.array_equal(out, F.interpolate(torch.from_numpy(x), (1, to), mode=mode).numpy())


def test_what_is_outside_can_be_left_out():
    """TensorFlow's bicubic: weights of pixels beyond the border are shared out to the others."""
    a = -0.5

    def weights(to, extent):
        matrix = torch.zeros(to, extent, dtype=torch.float64)
        for i in range(to):
            at = (i + 0.5) * extent / to - 0.5
            for j in range(extent):
                d = abs(at - j)
                near, far = ((a + 2) * d - (a + 3)) * d * d + 1, ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
                matrix[i, j] = near if d <= 1 else far if d < 2 else 0
        return matrix / matrix.sum(1, keepdim=True)

    def reference(x):
        return weights(9, 4).to(x.dtype) @ x @ weights(7, 5).to(x.dtype).T

    attributes = {"sizes": [9, 7], "mode": "cubic", "cubic_coeff_a": a, "exclude_outside": 1}
    check("Resize", Case([["N", 3, 4, 5]], reference, attributes))


def test_between_convolutions():
    def build(graph, x, w, v):
        h = graph.node("Resize", graph.node("Conv", [x, w]), {"scales": [2, 2], "mode": "linear"})
        return graph.node("Conv", [*h, v])[0]

    def reference(x, w, v):
        return F.conv2d(F.interpolate(F.conv2d(x, w), scale_factor=2, mode="bilinear"), v)

    check(build, Case([["N", 3, 6, 7], [18, 3, 3, 3], [4, 18, 3, 3]], reference))


ADAPTIVE = {  # of one row, and the extents
    "line": ((5, 12), (4,)),
    "line, uneven": ((17, 10), (4,)),
    "even": ((16, 8, 6), (4, 2)),
    "uneven": ((5, 7, 9), (3, 4)),
    "one": ((3, 6, 5), (1, 1)),
    "larger": ((4, 3, 2), (5, 4)),
    "one axis even": ((18, 6, 7), (3, 5)),
    "large windows": ((2, 40, 38), (2, 3)),
    "volume": ((3, 5, 4, 7), (2, 2, 3)),
}


@pytest.mark.parametrize("name", ADAPTIVE)
def test_adaptive_pools(name):
    shape, sizes = ADAPTIVE[name]
    rank = len(shape) - 1
    mean = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}[rank]
    largest = {1: F.adaptive_max_pool1d, 2: F.adaptive_max_pool2d, 3: F.adaptive_max_pool3d}[rank]

    def tied(rng, rows):
        return rng.integers(0, 4, (rows, *shape)).astype("f4")

    check("AdaptiveAveragePool", Case([["N", *shape]], lambda x: mean(x, sizes), {"output_size": list(sizes)}))
    for x in (["N", *shape], tied):
        check("AdaptiveMaxPool", Case([x], lambda x: largest(x, sizes), {"output_size": list(sizes)}))


@pytest.mark.parametrize(("shape", "block"), [((8, 3, 5), 2), ((18, 2, 3), 3), ((5, 4, 4), 1), ((64, 2, 1), 4), ((4, 1, 7), 2)])
def test_depth_and_space(shape, block):
    c, h, w = shape

    def to_space(x):  # ONNX' formula for DCR
        x = x.reshape(-1, block, block, c // block**2, h, w).permute(0, 3, 4, 1, 5, 2)
        return x.reshape(-1, c // block**2, h * block, w * block)

    def to_depth(x):
        x = x.reshape(-1, c, h, block, w, block).permute(0, 3, 5, 1, 2, 4)
        return x.reshape(-1, c * block**2, h, w)

    large = ["N", c, h * block, w * block]
    check("DepthToSpace", Case([["N", *shape]], to_space, {"blocksize": block}))
    check("DepthToSpace", Case([["N", *shape]], lambda x: F.pixel_shuffle(x, block), {"blocksize": block, "mode": "CRD"}))
    check("SpaceToDepth", Case([large], to_depth, {"blocksize": block}))
    check("SpaceToDepth", Case([large], lambda x: F.pixel_unshuffle(x, block), {"blocksize": block, "mode": "CRD"}))


PADS = {  # of one row, and begins and ends of its axes
    "line": ((3, 5), [0, 2, 0, 3]),
    "image": ((5, 6, 7), [0, 1, 2, 0, 4, 3]),
    "one side": ((17, 4, 3), [0, 0, 2, 0, 1, 0]),
    "nothing": ((3, 4, 3), [0, 0, 0, 0, 0, 0]),
    "as far as it goes": ((2, 4, 4), [0, 3, 3, 0, 3, 3]),
    "volume": ((2, 3, 4, 5), [0, 1, 2, 3, 0, 2, 0, 1]),
}


@pytest.mark.parametrize("name", PADS)
@pytest.mark.parametrize(("mode", "theirs"), [("reflect", "reflect"), ("edge", "replicate"), ("wrap", "circular")])
def test_pad_modes(name, mode, theirs):
    shape, pads = PADS[name]
    axes = len(shape)
    flat = [p for axis in reversed(range(1, axes)) for p in (pads[axis], pads[axis + axes])]
    attributes = {"pads": [0, *pads[:axes], 0, *pads[axes:]], "mode": mode}
    check("Pad", Case([["N", *shape]], lambda x: F.pad(x, flat, mode=theirs), attributes))


@pytest.mark.parametrize(
    ("op", "attributes", "match"),
    [
        ("Resize", {}, "expected 2 sizes or scales, got 0 and 0"),
        ("Resize", {"sizes": [4]}, "expected 2 sizes or scales, got 1 and 0"),
        ("Resize", {"scales": [0.1, 1.0]}, "axis 2 of extent 6 would be left with 0 elements"),
        ("Resize", {"scales": [-1.0, 1.0]}, "scales holds -1"),
        ("Resize", {"sizes": [4, 4], "mode": "area"}, "mode 'area', expected one of nearest, linear, cubic"),
        ("AdaptiveAveragePool", {"output_size": [3]}, "'output_size' has 1 numbers, expected 2"),
        ("DepthToSpace", {"blocksize": 2}, r"3 channels are no multiple of 4 \(input \[N,3,6,7\]\)"),
        ("SpaceToDepth", {"blocksize": 2}, r"extents are no multiples of 2 \(input \[N,3,6,7\]\)"),
        ("DepthToSpace", {"blocksize": 1, "mode": "XYZ"}, "mode 'XYZ', expected DCR or CRD"),
        ("Pad", {"pads": [0, 0, 0, 0, 0, 0, 6, 0], "mode": "reflect"}, "mode reflect cannot add 6 elements to an axis of extent 6"),
        ("Pad", {"pads": [0, 0, 0, 0, 0, 0, 6, 8], "mode": "wrap"}, "mode wrap cannot add 8 elements to an axis of extent 7"),
        ("Pad", {"pads": [0] * 8, "mode": "symmetric"}, "mode 'symmetric', expected one of constant"),
        ("Resample", {"offsets": [0, 1], "indices": [3], "weights": [1.0, 2.0]}, "do not describe sums"),
        ("Resample", {"axis": 0, "offsets": [0, 1], "indices": [0], "weights": [1.0]}, "axis of the batch"),
    ],
)
def test_bad_attributes_are_named(op, attributes, match):
    g = engine.Graph()
    with pytest.raises((errors.ShapeError, errors.ValueError, errors.UnsupportedError), match=match):
        g.node(op, [g.input("x", [-1, 3, 6, 7])], attributes)
