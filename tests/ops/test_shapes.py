"""Flatten, Reshape, Transpose, Concat, Slice, Split, Expand, Tile and Pad."""

from __future__ import annotations

import numpy as np
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
    ("shape", "cuts"),
    [
        (["N", 9], {1: (0, 9, 2)}),
        (["N", 9], {1: (7, 1, -3)}),
        (["N", 9], {-1: (-1, -(2**62), -1)}),
        (["N", 5, 6, 7], {1: (-2, 2**62, 1), 3: (1, -1, 2)}),
        (["N", 5, 6, 7], {2: (5, 0, -2), 3: (-100, 100, 3)}),
        (["N", 20, 2, 2], {1: (4, 5, 10)}),
        ([7, 4], {0: (1, 7, 2), 1: (2, 0, -1)}),
    ],
)
def test_slice_with_steps(shape, cuts):
    def reference(x, *batch):
        for axis, (start, end, step) in cuts.items():
            x = x.index_select(axis, torch.arange(x.shape[axis])[torch.from_numpy(np.arange(x.shape[axis])[start:end:step].copy())])
        return batch[0] * x if batch else x

    attributes = {"axes": list(cuts), **{name: [c[i] for c in cuts.values()] for i, name in enumerate(["starts", "ends", "steps"])}}

    def op(g, x, *batch):
        (y,) = g.node("Slice", [x], attributes)
        return g.node("Mul", [*batch, y])[0] if batch else y

    check(op, Case([shape, *([] if "N" in shape else [["N", 1, 1]])], reference))


@pytest.mark.parametrize(
    ("shape", "attributes", "used"),
    [
        (["N", 9], {"axis": 1, "split": [2, 3, 4]}, (0, 1, 2)),
        (["N", 9], {"axis": -1, "split": [2, 3, 4]}, (1,)),
        (["N", 6, 5], {"axis": 1, "num_outputs": 3}, (0, 1, 2)),
        (["N", 7, 5], {"axis": 1, "num_outputs": 3}, (0, 2)),
        (["N", 3, 4, 5], {"axis": 3, "split": [4, 1]}, (0, 1)),
        (["N", 4, 2], {"axis": 2, "num_outputs": 1}, (0,)),
    ],
    ids=str,
)
def test_split(shape, attributes, used):
    """The parts that are used, each by a factor of its own."""
    axis = attributes["axis"]

    def op(g, x):
        parts = g.node("Split", [x], attributes)
        scaled = [g.node("Mul", [parts[i], g.constant(np.float32(i + 1))])[0] for i in used]
        return g.node("Concat", scaled, {"axis": axis})[0]

    def reference(x):
        size = x.shape[axis]
        parts = x.split(attributes.get("split") or -(-size // attributes["num_outputs"]), axis)
        return torch.cat([parts[i] * (i + 1) for i in used], axis)

    check(op, Case([shape], reference))


@pytest.mark.parametrize(
    ("shape", "to"),
    [
        (["N", 1, 4], [-1, 3, 4]),
        (["N", 1], [1, 5]),
        (["N", 3, 1, 5], [1, 3, 6, 1]),
        (["N", 1, 1, 2], [3, 4, 2]),
        ([4], [-1, 3, 4]),
        ([1, 3, 1], [-1, 3, 2]),
    ],
    ids=str,
)
def test_expand(shape, to):
    def op(g, x, *batch):
        (y,) = g.node("Expand", [x], {"shape": to})
        return g.node("Mul", [*batch, y])[0] if batch else y

    def reference(x, *batch):
        extents = [len(batch[0]) if d < 0 else d for d in to] if batch else [len(x) if d < 0 else d for d in to]
        y = x.expand(torch.broadcast_shapes(x.shape, tuple(extents)))
        return batch[0] * y if batch else y

    check(op, Case([shape, *([] if "N" in shape else [["N", *([1] * (len(to) - 1))]])], reference))


@pytest.mark.parametrize(
    ("shape", "repeats"),
    [
        (["N", 5], [1, 3]),
        (["N", 3, 4], [1, 2, 1]),
        (["N", 3, 4], [1, 2, 3]),
        (["N", 3, 4, 5], [1, 3, 1, 2]),
        (["N", 3, 4, 5], [1, 1, 1, 1]),
        (["N", 1, 2, 1], [1, 4, 1, 5]),
    ],
    ids=str,
)
def test_tile(shape, repeats):
    check("Tile", Case([shape], lambda x: x.repeat(repeats), {"repeats": repeats}))


@pytest.mark.parametrize("layout", ["image", "sequence"])
def test_parts_of_images(layout):
    """Behind a convolution, whose channels lie last in memory."""

    def op(g, x, w):
        (y,) = g.node("Conv", [x, w])
        parts = [y, *g.node("Split", [y], {"axis": 1, "split": [2, 4]})]
        parts[0] = g.node("Slice", [y], {"axes": [1, 3], "starts": [0, 4], "ends": [6, -9], "steps": [2, -1]})[0]
        (tiled,) = g.node("Tile", [parts[0]], {"repeats": [1, 2, 1, 1]})
        (joined,) = g.node("Concat", [tiled, *parts[1:]], {"axis": 1})
        return g.node("Transpose", [joined], {"perm": [0, 2, 3, 1]})[0] if layout == "sequence" else joined

    def reference(x, w):
        y = F.conv2d(x, w)
        y = torch.cat([y[:, ::2].flip(-1).repeat(1, 2, 1, 1), y], 1)
        return y.permute(0, 2, 3, 1) if layout == "sequence" else y

    check(op, Case([["N", 3, 6, 7], [6, 3, 3, 3]], reference))


def test_parts_of_integers():
    def op(g, i, x):
        parts = g.node("Split", [i], {"axis": 1, "split": [2, 3]})
        (turned,) = g.node("Slice", [parts[1]], {"axes": [1], "starts": [-1], "ends": [-9], "steps": [-1]})
        (joined,) = g.node("Concat", [turned, parts[0]], {"axis": 1})
        (repeated,) = g.node("Tile", [joined], {"repeats": [1, 2]})
        return g.node("Mul", [g.node("Cast", [repeated], {"to": "float32"})[0], x])[0]

    def reference(i, x):
        return torch.cat([i[:, 2:].flip(1), i[:, :2]], 1).repeat(1, 2) * x

    for dtype in (np.int32, np.int64):
        check(op, Case([lambda rng, rows, t=dtype: rng.integers(-9, 2**20, (rows, 5)).astype(t), ["N", 10]], reference))


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
        ("Slice", [[-1, 3]], {"axes": [1], "starts": [2], "ends": [2]}, "takes nothing of axis 1"),
        ("Slice", [[-1, 3]], {"axes": [1], "starts": [0], "ends": [2], "steps": [-1]}, "takes nothing of axis 1"),
        ("Slice", [[-1, 3]], {"axes": [1], "starts": [0], "ends": [2], "steps": [0]}, "steps holds 0"),
        ("Split", [[-1, 3]], {"axis": 1, "split": [1, 1]}, "parts have 2 elements together"),
        ("Split", [[-1, 3]], {"axis": 1, "num_outputs": 4}, "expected 1 to 3"),
        ("Split", [[-1, 3]], {"axis": 0, "num_outputs": 1}, "axis of the batch"),
        ("Expand", [[-1, 3]], {"shape": [2, -1, 3]}, "the batch must be axis 0"),
        ("Expand", [[-1, 3]], {"shape": [4]}, "do not broadcast"),
        ("Tile", [[-1, 3]], {"repeats": [2, 1]}, "axis of the batch"),
        ("Tile", [[-1, 3]], {"repeats": [1]}, "expected 2"),
        ("Slice", [[-1, 3]], {"axes": [0], "starts": [0], "ends": [1]}, "axis of the batch"),
        ("Pad", [[-1, 3]], {"pads": [1, 0, 0, 0]}, "axis of the batch"),
        ("Pad", [[-1, 3]], {"pads": [0, 0]}, "expected 4"),
    ],
)
def test_bad_inputs(op, shapes, attributes, match):
    g = engine.Graph()
    with pytest.raises((errors.ShapeError, errors.ValueError, errors.UnsupportedError), match=match):
        g.node(op, [g.input(f"x{i}", shape) for i, shape in enumerate(shapes)], attributes)
