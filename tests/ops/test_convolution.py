"""Conv."""

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
    "many channels": conv((32, 6, 6), (48, 32, 3, 3), True, pads=(1, 1, 1, 1), rows=(3,)),
}


@pytest.mark.parametrize("name", CASES)
def test_values_and_gradients(name):
    check("Conv", CASES[name])


@pytest.mark.parametrize(
    ("x", "w", "b", "attributes", "match"),
    [
        ([-1, 4, 8, 8], [16, 3, 3, 3], None, {}, r"weight expects 3 input channels, input has 4 \(input \[N,4,8,8\], weight \[16,3,3,3\]"),
        ([-1, 3, 8], [16, 3, 3, 3], None, {}, "rank 3, expected 4"),
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
