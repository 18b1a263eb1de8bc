"""LayerNormalization and RMSNormalization."""

from __future__ import annotations

import numpy as np
import pytest
import torch.nn.functional as F
from harness import Case, check

from n2d2 import errors
from n2d2._engine import engine

SHAPES = {  # of one row, and the axis from which it is normalised
    "vector": ((10,), -1),
    "one number": ((1,), 1),
    "sequence": ((7, 33), -1),
    "wide": ((3, 515), 2),
    "last two axes": ((4, 5, 9), 2),
    "whole image": ((3, 7, 5), 1),
    "narrow": ((2, 3, 2), 3),
}


def layer_norm(shape, axis, scale=True, bias=True, **more):
    count = len(shape) + 1 - axis if axis > 0 else -axis
    normalized = shape[len(shape) - count :]

    def reference(x, scale=None, bias=None):
        return F.layer_norm(x, normalized, scale, bias, 1e-3)

    inputs = [["N", *shape], *([list(normalized)] if scale else []), *([list(normalized)] if bias else [])]
    return Case(inputs, reference, {"axis": axis, "epsilon": 1e-3}, **more)


def rms_norm(shape, axis, scale=True, **more):
    case = layer_norm(shape, axis, scale, bias=False, **more)
    count = len(case.inputs[1]) if scale else 1
    case.reference = lambda x, *s: F.rms_norm(x, x.shape[x.dim() - count :], s[0] if s else None, 1e-3)
    return case


@pytest.mark.parametrize("name", SHAPES)
def test_layer_normalization(name):
    check("LayerNormalization", layer_norm(*SHAPES[name], rows=(1, 5, 40)))


@pytest.mark.parametrize("name", SHAPES)
def test_rms_normalization(name):
    check("RMSNormalization", rms_norm(*SHAPES[name], rows=(1, 5, 40)))


def test_without_scale_and_bias():
    check("LayerNormalization", layer_norm((6, 21), -1, scale=False, bias=False))
    check("LayerNormalization", layer_norm((6, 21), -1, bias=False))
    check("RMSNormalization", rms_norm((6, 21), -1, scale=False))


@pytest.mark.parametrize("op", [layer_norm, rms_norm])
def test_far_from_zero_and_not_finite(op):
    def far(rng, rows):
        return (rng.standard_normal((rows, 3, 70)) + 300).astype("f4")

    def not_finite(rng, rows):
        x = rng.standard_normal((rows, 3, 70)).astype("f4")
        x[0, 1, 2] = np.nan
        x[-1, 2, 69] = np.inf
        return x

    name = "LayerNormalization" if op is layer_norm else "RMSNormalization"
    for draw in (far, not_finite):
        case = op((3, 70), -1)
        case.inputs[0] = draw
        if draw is not_finite:
            case.differentiable = (0,)
        check(name, case)


def test_behind_a_convolution_in_another_order():
    """Normalised over the channels, as images with the channels last."""

    def build(graph, x, w, scale, bias):
        h = graph.node("Transpose", graph.node("Conv", [x, w]), {"perm": [0, 2, 3, 1]})
        return graph.node("Transpose", [graph.node("LayerNormalization", [*h, scale, bias])[0]], {"perm": [0, 3, 1, 2]})[0]

    def reference(x, w, scale, bias):
        return F.layer_norm(F.conv2d(x, w).permute(0, 2, 3, 1), (5,), scale, bias).permute(0, 3, 1, 2)

    check(build, Case([["N", 4, 6, 7], [5, 4, 3, 3], [5], [5]], reference))


@pytest.mark.parametrize(
    ("inputs", "attributes", "match"),
    [
        ([[-1, 3, 8], [3]], {}, r"Scale has shape \[3\], expected \[8\] \(input \[N,3,8\], axis -1\)"),
        ([[-1, 3, 8], [8], [3]], {}, r"B has shape \[3\], expected \[8\]"),
        ([[-1, 3, 8], None, [8]], {}, "a bias needs a scale"),
        ([[-1, 3, 8], [8]], {"axis": 0}, "over the axis of the batch"),
        ([[-1, 3, 8], [8]], {"axis": 3}, "axis"),
    ],
)
def test_bad_shapes_are_named(inputs, attributes, match):
    g = engine.Graph()
    x = g.input("x", inputs[0])
    parameters = [None if s is None else g.parameter(f"p{i}", s) for i, s in enumerate(inputs[1:])]
    with pytest.raises((errors.ShapeError, errors.ValueError, errors.UnsupportedError), match=match):
        g.node("LayerNormalization", [x, *parameters], attributes)
