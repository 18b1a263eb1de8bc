"""Conv in one, two and three dimensions, and ConvTranspose."""

from __future__ import annotations

import pytest
import torch.nn.functional as F
from harness import Case, check

from n2d2 import errors
from n2d2._engine import engine


def conv(x, w, b, strides=(1, 1), pads=(0, 0, 0, 0), dilations=(1, 1), group=1, order=None, rows=(1, 5)):
    """Shapes as ONNX has them; pads are top, left, bottom, right."""

    def reference(x, w, *bias):
        padded = F.pad(x, (pads[1], pads[3], pads[0], pads[2]))
        return F.conv2d(padded, w, bias[0] if bias else None, strides, 0, dilations, group)

    attributes = {"strides": list(strides), "pads": list(pads), "dilations": list(dilations), "group": group}
    inputs = [["N", *x], list(w), *([[w[0]]] if b else [])]
    return Case(inputs, reference, attributes, {} if order is None else {1: order}, rows)


CASES = {
    "tutorial": conv((3, 32, 32), (6, 3, 5, 5), True, rows=(4, 70)),
    "mnist": conv((1, 28, 28), (32, 1, 3, 3), True, order=[2, 3, 1, 0], rows=(1, 9)),
    "odd sizes, asymmetric pads": conv((5, 7, 9), (7, 5, 3, 2), True, pads=(1, 0, 2, 3)),
    "strides": conv((3, 11, 8), (17, 3, 3, 3), True, strides=(2, 3), pads=(1, 1, 1, 1)),
    "dilations": conv((4, 12, 13), (6, 4, 3, 3), False, dilations=(2, 3)),
    "groups": conv((6, 8, 8), (9, 2, 3, 3), True, group=3, pads=(1, 1, 1, 1)),
    "depthwise": conv((10, 9, 9), (10, 1, 3, 3), True, group=10, strides=(2, 2), pads=(1, 1, 1, 1), order=[2, 3, 1, 0]),
    "depthwise, few channels side by side": conv((3, 7, 12), (3, 1, 3, 3), True, group=3, pads=(1, 1, 1, 1)),
    "depthwise, dilated": conv((17, 9, 8), (17, 1, 3, 2), False, group=17, strides=(1, 2), pads=(2, 0, 1, 1), dilations=(2, 3)),
    "one channel": conv((1, 12, 12), (6, 1, 5, 5), True, pads=(2, 2, 2, 2)),
    "one output": conv((16, 8, 8), (1, 16, 3, 3), True, pads=(1, 1, 1, 1)),
    "unread border": conv((8, 8, 10), (8, 8, 3, 3), True, strides=(2, 3), order=[2, 3, 1, 0]),
    "one by one": conv((33, 5, 5), (18, 33, 1, 1), False, order=[2, 3, 1, 0]),
    "whole image": conv((2, 6, 7), (3, 2, 6, 7), True),
    "tiles, odd, asymmetric pads": conv((17, 9, 11), (19, 17, 3, 3), True, pads=(1, 0, 2, 1)),
    "tiles, one vector of channels": conv((16, 7, 15), (16, 16, 3, 3), True, pads=(1, 1, 1, 1), rows=(1, 9)),
    "tiles, many images": conv((16, 12, 10), (32, 16, 3, 3), False, order=[2, 3, 1, 0], rows=(1, 40)),
    "tiles of two": conv((32, 6, 6), (48, 32, 3, 3), True, pads=(1, 1, 1, 1), rows=(3,)),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name):
    check("Conv", CASES[name])


def flat_pads(pads):
    """ONNX's begins and ends in the order that F.pad wants: last axis first."""
    axes = len(pads) // 2
    return [p for axis in reversed(range(axes)) for p in (pads[axis], pads[axis + axes])]


def conv_of_rank(x, w, b, order=None, rows=(1, 5), **attributes):
    """Like conv, for any number of axes and with the defaults left out."""
    run = {3: F.conv1d, 4: F.conv2d, 5: F.conv3d}[len(w)]

    def reference(x, w, *bias):
        a = attributes
        padded = F.pad(x, flat_pads(a.get("pads", [0] * 2 * (w.ndim - 2))))
        return run(padded, w, bias[0] if bias else None, a.get("strides", 1), 0, a.get("dilations", 1), a.get("group", 1))

    inputs = [["N", *x], list(w), *([[w[0]]] if b else [])]
    return Case(inputs, reference, attributes, {} if order is None else {1: order}, rows)


RANKS = {
    "line": conv_of_rank((3, 20), (16, 3, 5), True, rows=(1, 9)),
    "line, odd, asymmetric pads": conv_of_rank((5, 13), (7, 5, 4), True, pads=[2, 1]),
    "line, strides": conv_of_rank((16, 23), (17, 16, 3), True, strides=[2], pads=[1, 1], order=[2, 1, 0]),
    "line, causal and dilated": conv_of_rank((4, 19), (6, 4, 3), False, dilations=[3], pads=[6, 0]),
    "line, groups": conv_of_rank((6, 11), (9, 2, 3), True, group=3, pads=[1, 1]),
    "line, depthwise": conv_of_rank((18, 12), (18, 1, 3), True, group=18, pads=[1, 1], order=[2, 1, 0]),
    "line, one tap": conv_of_rank((33, 6), (8, 33, 1), True),
    "volume": conv_of_rank((3, 6, 7, 5), (4, 3, 3, 3, 3), True),
    "volume, odd, asymmetric pads": conv_of_rank((5, 4, 5, 6), (7, 5, 2, 3, 1), True, pads=[1, 0, 2, 0, 3, 1]),
    "volume, strides": conv_of_rank((2, 7, 6, 9), (17, 2, 3, 3, 3), True, strides=[2, 1, 3], pads=[1] * 6, order=[2, 3, 4, 1, 0]),
    "volume, dilations": conv_of_rank((4, 7, 6, 8), (3, 4, 2, 2, 3), False, dilations=[3, 2, 2]),
    "volume, groups": conv_of_rank((6, 4, 5, 4), (4, 3, 3, 3, 3), True, group=2, pads=[1] * 6),
    "volume, one tap": conv_of_rank((16, 3, 4, 2), (16, 16, 1, 1, 1), True),
    "volume, depthwise": conv_of_rank((8, 3, 6, 5), (8, 1, 1, 3, 3), False, group=8),
}


@pytest.mark.parametrize("name", RANKS)
def test_one_and_three_dimensions(name):
    check("Conv", RANKS[name])


def test_relus_and_pools_behind_a_line():
    def build(graph, x, w, b, v):
        h = graph.node("Relu", graph.node("Conv", [x, w, b], {"pads": [1, 1]}))
        h = graph.node("MaxPool", h, {"kernel_shape": [2], "strides": [2]})[0]
        return graph.node("Conv", [h, v])[0]

    def reference(x, w, b, v):
        return F.conv1d(F.max_pool1d(F.relu(F.conv1d(x, w, b, padding=1)), 2), v)

    case = Case([["N", 5, 16], [18, 5, 3], [18], [4, 18, 3]], reference)
    check(build, case)
    check(build, Case(case.inputs, reference, orders={1: [2, 1, 0], 3: [2, 1, 0]}))


def transposed(x, w, b, order=None, rows=(1, 5), **attributes):
    """Shapes as ONNX has them: the weight is [C, M / group, ...]."""
    run = {3: F.conv_transpose1d, 4: F.conv_transpose2d, 5: F.conv_transpose3d}[len(w)]

    def reference(x, w, *bias):
        a, axes = attributes, w.ndim - 2
        y = run(x, w, None, a.get("strides", 1), 0, 0, a.get("group", 1), a.get("dilations", 1))
        y = F.pad(y, flat_pads([*[0] * axes, *a.get("output_padding", [0] * axes)]))
        y = F.pad(y, flat_pads([-p for p in a.get("pads", [0] * 2 * axes)]))
        return y + bias[0].reshape(-1, *[1] * axes) if bias else y

    inputs = [["N", *x], list(w), *([[w[1] * attributes.get("group", 1)]] if b else [])]
    return Case(inputs, reference, attributes, {} if order is None else {1: order}, rows)


TRANSPOSED = {
    "plain": transposed((3, 5, 6), (3, 4, 3, 3), True),
    "doubles": transposed((16, 7, 5), (16, 17, 2, 2), True, strides=[2, 2], rows=(1, 9)),
    "as in a generator": transposed((18, 4, 4), (18, 5, 4, 4), False, strides=[2, 2], pads=[1, 1, 1, 1], order=[2, 3, 1, 0]),
    "odd, asymmetric pads": transposed((5, 7, 4), (5, 7, 3, 2), True, pads=[1, 0, 2, 1], strides=[2, 3]),
    "output padding": transposed((3, 5, 6), (3, 2, 3, 3), True, strides=[2, 3], pads=[1, 1, 1, 1], output_padding=[1, 2]),
    "output padding beyond the stride": transposed((3, 5, 6), (3, 2, 3, 2), True, dilations=[3, 2], output_padding=[2, 1]),
    "kernel below the stride": transposed((4, 5, 3), (4, 6, 1, 2), True, strides=[3, 3], output_padding=[2, 0]),
    "groups": transposed((6, 5, 5), (6, 3, 3, 3), True, group=2, strides=[2, 1], pads=[1, 1, 1, 1]),
    "depthwise": transposed((10, 6, 5), (10, 1, 3, 3), True, group=10, strides=[2, 2], pads=[1, 1, 0, 0]),
    "many pads": transposed((2, 6, 6), (2, 3, 3, 3), True, pads=[3, 3, 3, 4]),
    "one by one": transposed((33, 4, 4), (33, 8, 1, 1), True),
    "line": transposed((5, 9), (5, 7, 4), True, strides=[2], pads=[1, 2], output_padding=[1]),
    "line, grouped": transposed((4, 6), (4, 3, 3), False, group=2, dilations=[2], order=[2, 1, 0]),
    "volume": transposed((3, 3, 4, 2), (3, 5, 2, 3, 3), True, strides=[2, 1, 2], pads=[0, 1, 1, 1, 1, 0], output_padding=[1, 0, 1]),
    "volume, grouped": transposed((4, 3, 3, 3), (4, 2, 3, 3, 3), True, group=2, pads=[1] * 6),
}


@pytest.mark.parametrize("name", TRANSPOSED)
def test_transposed(name):
    check("ConvTranspose", TRANSPOSED[name])


@pytest.mark.parametrize(
    ("x", "w", "b", "attributes", "match"),
    [
        ([-1, 4, 8, 8], [3, 16, 3, 3], None, {}, r"weight expects 3 input channels, input has 4 \(input \[N,4,8,8\], weight \[3,16,3,3\]"),
        ([-1, 4, 8, 8], [4, 16, 3, 3], None, {"group": 3}, "group 3 does not divide the 4 input channels"),
        ([-1, 4, 8, 8], [4, 16, 3, 3], [15], {}, r"bias has shape \[15\], expected \[16\]"),
        ([-1, 4, 8, 8], [4, 16, 3, 3], None, {"output_padding": [1, 1]}, "output_padding 1 is neither smaller than the stride 1"),
        ([-1, 4, 2, 2], [4, 16, 1, 1], None, {"pads": [1, 1, 1, 1]}, "pads 1 and 1 leave no output"),
    ],
)
def test_bad_transposed_shapes_are_named(x, w, b, attributes, match):
    g = engine.Graph()
    inputs = [g.input("x", x), g.parameter("w", w), None if b is None else g.parameter("b", b)]
    with pytest.raises((errors.ShapeError, errors.ValueError), match=match):
        g.node("ConvTranspose", inputs, attributes)


@pytest.mark.parametrize(
    ("x", "w", "b", "attributes", "match"),
    [
        ([-1, 4, 8, 8], [16, 3, 3, 3], None, {}, r"weight expects 3 input channels, input has 4 \(input \[N,4,8,8\], weight \[16,3,3,3\]"),
        ([-1, 3, 8], [16, 3, 3, 3], None, {}, "input W has rank 4, expected 3"),
        ([-1, 3], [16, 3], None, {}, "rank 2, expected 3, 4 or 5"),
        ([-1, 3, 8, 8], [16, 3, 3, 3], [15], {}, r"bias has shape \[15\], expected \[16\]"),
        ([-1, 3, 2, 8], [16, 3, 3, 3], None, {}, "window reaches over 3 elements, the padded input has 2"),
        ([-1, 3, 8, 8], [16, 3, 3, 3], None, {"group": 3}, "group 3 does not divide"),
        ([-1, 3, 8, 8], [16, 3, 3, 3], None, {"strides": [0, 1]}, "'strides' holds 0"),
        ([-1, 3, 8, 8], [16, 3, 3, 3], None, {"pads": [1, 1]}, "'pads' has 2 numbers, expected 4"),
        ([-1, 3, 8, 8], [16, 3, 3, 3], None, {"padding": 1}, "no attribute 'padding'"),
    ],
)
def test_bad_inputs(x, w, b, attributes, match):
    g = engine.Graph()
    bias = None if b is None else g.parameter("b", b)
    with pytest.raises((errors.ShapeError, errors.ValueError), match=match):
        g.node("Conv", [g.input("x", x), g.parameter("w", w), bias], attributes, path="conv1")
