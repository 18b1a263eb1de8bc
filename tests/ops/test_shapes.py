"""Flatten, Reshape, Transpose, Concat, Slice and Pad."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from harness import Case, check

from n2d2 import errors
from n2d2._engine import engine


@pytest.mark.parametrize("shape", [["N", 5], ["N", 3, 4], ["N", 3, 4, 5], ["N", 1, 1, 7], ["N", 16, 2, 2], ["N", 2, 3, 4, 5]], ids=str)
def test_flatten(shape):
    check("Flatten", Case([shape], lambda x: x.flatten(1)))


@pytest.mark.parametrize(
    ("shape", "to", "reference"),
    [
        (["N", 12], [-1, 3, 4], lambda x: x.reshape(-1, 3, 4)),
        (["N", 12], [0, 2, 6], lambda x: x.reshape(-1, 2, 6)),
        (["N", 3, 4], [0, -1], lambda x: x.reshape(-1, 12)),
        (["N", 3, 4], [-1, 4], lambda x: x.reshape(-1, 4)),
        (["N", 2, 3, 4], [0, 0, 12], lambda x: x.reshape(-1, 2, 12)),
        (["N", 6, 2, 2], [-1, 4, 3, 2], lambda x: x.reshape(-1, 4, 3, 2)),
    ],
)
def test_reshape(shape, to, reference):
    check("Reshape", Case([shape], reference, {"shape": to}))


@pytest.mark.parametrize(
    ("shape", "perm"),
    [
        (["N", 3, 4], [0, 2, 1]),
        (["N", 3, 4, 5], [0, 2, 3, 1]),
        (["N", 3, 4, 5], [0, 3, 1, 2]),
        (["N", 3, 4, 5], [0, 1, 3, 2]),
        (["N", 7], [0, 1]),
        (["N", 2, 3, 4, 5], [0, 4, 2, 1, 3]),
    ],
)
def test_transpose(shape, perm):
    check("Transpose", Case([shape], lambda x: x.permute(perm), {"perm": perm}))


@pytest.mark.parametrize(
    ("shapes", "axis"),
    [
        ((["N", 3], ["N", 5]), 1),
        ((["N", 3, 4, 5], ["N", 2, 4, 5]), 1),
        ((["N", 3, 4, 5], ["N", 3, 1, 5], ["N", 3, 2, 5]), 2),
        ((["N", 3, 4, 5], ["N", 3, 4, 17]), -1),
        ((["N", 4],), 1),
        ((["N", 16, 2, 2], ["N", 16, 2, 2]), 1),
    ],
)
def test_concat(shapes, axis):
    check("Concat", Case(list(shapes), lambda *xs: torch.cat(xs, axis), {"axis": axis}))


@pytest.mark.parametrize(
    ("shape", "cuts"),
    [
        (["N", 9], {1: (2, 7)}),
        (["N", 9], {1: (0, 1)}),
        (["N", 5, 6, 7], {1: (1, 4)}),
        (["N", 5, 6, 7], {2: (0, 6), 3: (3, 7)}),
        (["N", 5, 6, 7], {1: (4, 5), 2: (1, 3), 3: (0, 2)}),
        (["N", 20, 2, 2], {1: (3, 19)}),
    ],
)
def test_slice(shape, cuts):
    def reference(x):
        for axis, (start, end) in cuts.items():
            x = x.narrow(axis, start, end - start)
        return x

    attributes = {"axes": list(cuts), "starts": [c[0] for c in cuts.values()], "ends": [c[1] for c in cuts.values()]}
    check("Slice", Case([shape], reference, attributes))


@pytest.mark.parametrize(
    ("shape", "begins", "ends", "value"),
    [
        (["N", 5], [0, 2], [0, 1], 0.0),
        (["N", 3, 4, 5], [0, 0, 1, 2], [0, 0, 3, 0], 0.0),
        (["N", 3, 4, 5], [0, 2, 0, 0], [0, 1, 0, 0], 0.0),
        (["N", 3, 4], [0, 0, 1], [0, 1, 0], -1.5),
        (["N", 16, 2, 2], [0, 0, 1, 1], [0, 0, 1, 1], 0.0),
        (["N", 3, 4, 5], [0, 0, 0, 0], [0, 0, 0, 0], 7.0),
    ],
)
def test_pad(shape, begins, ends, value):
    pairs = [p for b, e in zip(begins[::-1], ends[::-1], strict=True) for p in (b, e)]
    check("Pad", Case([shape], lambda x: F.pad(x, pairs, value=value), {"pads": begins + ends, "value": value}))


@pytest.mark.parametrize("shape", [["N", 5], ["N", 3, 4, 5]])
def test_stop_gradient(shape):
    def chain(g, x, w):
        kept = g.node("Mul", [x, g.node("StopGradient", [g.node("Tanh", [x])[0]])[0]])[0]
        return g.node("Mul", [kept, g.node("StopGradient", [w])[0]])[0]

    check(chain, Case([shape, shape[1:]], lambda x, w: x * torch.tanh(x).detach() * w.detach(), differentiable=(0,)))


@pytest.mark.parametrize(
    ("op", "shapes", "attributes", "match"),
    [
        ("Reshape", [[-1, 12]], {"shape": [-1, 5]}, "do not fit shape"),
        ("Reshape", [[-1, 12]], {"shape": [-1, -1]}, "holds -1 twice"),
        ("Reshape", [[-1, 12]], {"shape": [3, 4]}, "fixes the number of rows"),
        ("Transpose", [[-1, 3]], {"perm": [0, 0]}, "no permutation"),
        ("Transpose", [[-1, 3]], {}, "no permutation"),
        ("Concat", [[-1, 3], [-1, 3, 1]], {"axis": 1}, "differ beside axis 1"),
        ("Concat", [[-1, 3], [-1, 3]], {"axis": 0}, "axis of the batch"),
        ("Slice", [[-1, 3]], {"axes": [1], "starts": [2], "ends": [2]}, "is empty or outside"),
        ("Slice", [[-1, 3]], {"axes": [0], "starts": [0], "ends": [1]}, "axis of the batch"),
        ("Pad", [[-1, 3]], {"pads": [1, 0, 0, 0]}, "axis of the batch"),
        ("Pad", [[-1, 3]], {"pads": [0, 0]}, "expected 4"),
    ],
)
def test_bad_inputs(op, shapes, attributes, match):
    g = engine.Graph()
    with pytest.raises((errors.ShapeError, errors.ValueError, errors.UnsupportedError), match=match):
        g.node(op, [g.input(f"x{i}", shape) for i, shape in enumerate(shapes)], attributes)
