"""Operators behind each other, where passes fuse, reorder or expand them."""

from __future__ import annotations

import pytest
import torch.nn.functional as F
from harness import Case, check


def conv_pool(x, w, pads, kernel, strides, relu, bias=True, conv_strides=(1, 1), order=None):
    """Convolution, Relu or not, max-pool."""
    conv_attributes = {"pads": [*pads, *pads], "strides": list(conv_strides)}
    pool_attributes = {"kernel_shape": list(kernel), "strides": list(strides)}

    def build(graph, x, w, *b):
        h = graph.node("Conv", [x, w, *b], conv_attributes)
        h = graph.node("Relu", h) if relu else h
        return graph.node("MaxPool", h, pool_attributes)[0]

    def reference(x, w, *b):
        h = F.conv2d(x, w, b[0] if b else None, conv_strides, pads)
        return F.max_pool2d(F.relu(h) if relu else h, kernel, strides)

    inputs = [["N", *x], list(w), *([[w[0]]] if bias else [])]
    return build, Case(inputs, reference, orders={} if order is None else {1: order})


CASES = {
    "mnist": conv_pool((1, 28, 28), (32, 1, 3, 3), (0, 0), (2, 2), (2, 2), True, order=[2, 3, 1, 0]),
    "mnist, second": conv_pool((32, 13, 13), (64, 32, 3, 3), (0, 0), (2, 2), (2, 2), True, order=[2, 3, 1, 0]),
    "tutorial": conv_pool((3, 32, 32), (6, 3, 5, 5), (0, 0), (2, 2), (2, 2), True),
    "tutorial, second": conv_pool((6, 14, 14), (16, 6, 5, 5), (0, 0), (2, 2), (2, 2), True),
    "pads, no relu": conv_pool((5, 9, 8), (7, 5, 3, 3), (1, 1), (2, 2), (2, 2), False),
    "pads, no bias": conv_pool((17, 7, 9), (20, 17, 3, 5), (1, 2), (3, 2), (3, 2), True, bias=False),
    "strided": conv_pool((8, 15, 13), (9, 8, 3, 3), (1, 1), (2, 2), (2, 2), True, conv_strides=(2, 1)),
    "overlapping windows": conv_pool((8, 12, 12), (9, 8, 3, 3), (1, 1), (3, 3), (2, 2), True),
    "gaps between windows": conv_pool((8, 12, 12), (9, 8, 3, 3), (1, 1), (2, 2), (3, 3), True),
    "few inputs, many outputs": conv_pool((3, 13, 19), (37, 3, 3, 5), (0, 0), (2, 2), (2, 2), True),
    "two inputs": conv_pool((2, 13, 11), (19, 2, 3, 3), (1, 0), (2, 2), (2, 2), False),
    "one input, small kernel": conv_pool((1, 12, 9), (9, 1, 2, 2), (0, 0), (2, 2), (2, 2), True, bias=False),
    "forty outputs": conv_pool((16, 8, 10), (40, 16, 3, 3), (1, 1), (2, 2), (2, 2), False),
    "many small images": conv_pool((8, 6, 6), (20, 8, 3, 3), (0, 0), (2, 2), (2, 2), True),
    "wide windows": conv_pool((4, 16, 16), (5, 4, 3, 3), (1, 1), (4, 4), (4, 4), False),
}


@pytest.mark.parametrize("name", CASES)
def test_convolution_relu_pool(name):
    check(*CASES[name])


@pytest.mark.parametrize("relu", [True, False])
def test_a_normalisation_between_convolutions(relu):
    def build(graph, x, w, scale, shift, v):
        h = graph.node("Conv", [x, w])[0]
        state = [graph.buffer("mean", [6]), graph.buffer("var", [6])]
        h = graph.node("BatchNormalization", [h, scale, shift, *state], {"training_mode": 1})[0]
        return graph.node("Conv", [graph.node("Relu", [h])[0] if relu else h, v])[0]

    def reference(x, w, scale, shift, v):
        h = F.batch_norm(F.conv2d(x, w), None, None, scale, shift, True)
        return F.conv2d(F.relu(h) if relu else h, v)

    check(build, Case([["N", 3, 7, 6], [6, 3, 3, 3], [6], [6], [4, 6, 2, 2]], reference, rows=(2, 9)))


def test_a_relu_that_others_read_too():
    def build(graph, x, w):
        h = graph.node("Relu", graph.node("Conv", [x, w]))
        pooled = graph.node("MaxPool", h, {"kernel_shape": [2, 2], "strides": [2, 2]})
        total = graph.node("GlobalAveragePool", h)
        return graph.node("Add", [pooled[0], total[0]])[0]

    def reference(x, w):
        h = F.relu(F.conv2d(x, w))
        return F.max_pool2d(h, 2) + h.mean((2, 3), keepdim=True)

    check(build, Case([["N", 3, 8, 8], [4, 3, 3, 3]], reference))


def test_two_convolutions_behind_one_input_and_a_residual():
    def build(graph, x, a, b):
        pads = {"pads": [1, 1, 1, 1]}
        left, right = graph.node("Conv", [x, a], pads), graph.node("Conv", [x, b], pads)
        return graph.node("Relu", graph.node("Add", [*left, *graph.node("Mul", [*right, x])]))[0]

    def reference(x, a, b):
        return F.relu(F.conv2d(x, a, padding=1) + F.conv2d(x, b, padding=1) * x)

    check(build, Case([["N", 6, 5, 7], [6, 6, 3, 3], [6, 6, 3, 3]], reference))
