"""Normalisations that need no batch: Layer-, RMS-, Group-, Instance- and LpNormalization, LRN."""

from __future__ import annotations

import numpy as np
import pytest
import torch
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


GROUPS = {  # of one row, and the number of groups
    "vector": ((12,), 3),
    "line": ((6, 7), 2),
    "image": ((8, 5, 6), 4),
    "one group": ((5, 4, 3), 1),
    "one channel each": ((3, 7, 5), 3),
    "one number": ((4, 1, 1), 2),
    "many channels": ((70, 3, 4), 7),
    "whole vectors": ((32, 9, 9), 8),
    "volume": ((10, 3, 2, 5), 5),
}


def group_norm(shape, groups, scale=True, bias=True, **more):
    inputs = [["N", *shape], *([[shape[0]]] if scale else []), *([[shape[0]]] if bias else [])]
    reference = lambda x, s=None, b=None: F.group_norm(x, groups, s, b, 1e-3)  # noqa: E731
    return Case(inputs, reference, {"num_groups": groups, "epsilon": 1e-3}, **more)


@pytest.mark.parametrize("name", GROUPS)
def test_group_normalization(name):
    check("GroupNormalization", group_norm(*GROUPS[name], rows=(1, 5, 20)))


def test_group_normalization_without_scale_and_bias():
    check("GroupNormalization", group_norm((6, 5, 4), 3, scale=False, bias=False))
    check("GroupNormalization", group_norm((6, 5, 4), 3, bias=False))


@pytest.mark.parametrize("shape", [(3, 9), (16, 5, 6), (5, 1, 7), (33, 2, 2), (4, 3, 2, 5), (2, 30, 31)])
def test_instance_normalization(shape):
    reference = lambda x, s=None, b=None: F.instance_norm(x, None, None, s, b, True, 0.0, 1e-3)  # noqa: E731
    check("InstanceNormalization", Case([["N", *shape], [shape[0]], [shape[0]]], reference, {"epsilon": 1e-3}))
    check("InstanceNormalization", Case([["N", *shape]], reference, {"epsilon": 1e-3}))


@pytest.mark.parametrize("groups", [1, 2, 10])
def test_groups_far_from_zero_and_not_finite(groups):
    def far(rng, rows):
        x = rng.standard_normal((rows, 10, 6, 7)) + 300 * np.arange(10).reshape(-1, 1, 1)
        return x.astype("f4")

    def not_finite(rng, rows):
        x = rng.standard_normal((rows, 10, 6, 7)).astype("f4")
        x[0, 1, 2, 3] = np.nan
        x[-1, 9, 5, 6] = np.inf
        return x

    case = group_norm((10, 6, 7), groups)
    case.inputs[0] = far
    check("GroupNormalization", case)
    case.inputs[0] = not_finite
    case.differentiable = (0,)
    check("GroupNormalization", case)


def test_between_convolutions():
    def build(graph, x, w, scale, bias, v):
        h = graph.node("GroupNormalization", [*graph.node("Conv", [x, w]), scale, bias], {"num_groups": 3})[0]
        return graph.node("Conv", [*graph.node("Relu", [h]), v])[0]

    def reference(x, w, scale, bias, v):
        return F.conv2d(F.relu(F.group_norm(F.conv2d(x, w), 3, scale, bias)), v)

    check(build, Case([["N", 3, 8, 9], [6, 3, 3, 3], [6], [6], [4, 6, 2, 2]], reference, rows=(1, 7)))


LOCAL = {  # of one row, size, alpha, beta, bias
    "usual": ((6, 5, 4), 5, 1e-4, 0.75, 1.0),
    "strong": ((17, 3, 7), 3, 2.0, 0.75, 2.0),
    "one channel": ((1, 4, 4), 3, 0.5, 0.5, 1.0),
    "alone": ((5, 3, 3), 1, 1.0, 1.0, 0.5),
    "wide": ((4, 6, 5), 9, 3.0, 0.6, 1.0),
    "line": ((9, 7), 5, 1.5, 0.75, 1.0),
    "volume": ((8, 2, 3, 4), 3, 1.5, 0.75, 1.0),
}


@pytest.mark.parametrize("name", LOCAL)
def test_local_response_normalization(name):
    shape, size, alpha, beta, bias = LOCAL[name]
    attributes = {"size": size, "alpha": alpha, "beta": beta, "bias": bias}
    check("LRN", Case([["N", *shape]], lambda x: F.local_response_norm(x, size, alpha, beta, bias), attributes))


@pytest.mark.parametrize(("shape", "axis"), [((5,), -1), ((7, 9), 1), ((3, 5, 6), 1), ((3, 5, 6), 2), ((16, 1, 4), 3), ((33, 2, 2), 1)])
@pytest.mark.parametrize("p", [1, 2])
def test_lp_normalization(shape, axis, p):
    reference = lambda x: x / torch.linalg.vector_norm(x, p, dim=axis, keepdim=True)  # noqa: E731
    check("LpNormalization", Case([["N", *shape]], reference, {"axis": axis, "p": p}))


@pytest.mark.parametrize(
    ("op", "inputs", "attributes", "match"),
    [
        ("GroupNormalization", [[-1, 6, 8], [3]], {}, r"scale has shape \[3\], expected \[6\] \(input \[N,6,8\]\)"),
        ("GroupNormalization", [[-1, 6, 8], [6]], {"num_groups": 4}, "num_groups 4 does not divide the 6 channels"),
        ("GroupNormalization", [[-1, 6, 8], None, [6]], {}, "a bias needs a scale"),
        ("InstanceNormalization", [[-1, 6]], {}, "expected at least 3 axes"),
        ("LRN", [[-1, 6]], {}, "expected at least 3 axes"),
        ("LRN", [[-1, 6, 2]], {"size": 0}, "size 0, expected at least 1"),
        ("LpNormalization", [[-1, 6]], {"p": 3}, "p 3, expected 1 or 2"),
        ("LpNormalization", [[-1, 6]], {"axis": 0}, "over the axis of the batch"),
    ],
)
def test_bad_groups_are_named(op, inputs, attributes, match):
    g = engine.Graph()
    x = g.input("x", inputs[0])
    parameters = [None if s is None else g.parameter(f"p{i}", s) for i, s in enumerate(inputs[1:])]
    with pytest.raises((errors.ShapeError, errors.ValueError, errors.UnsupportedError), match=match):
        g.node(op, [x, *parameters], attributes)


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
