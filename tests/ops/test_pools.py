"""MaxPool, AveragePool and the pools over everything, in one, two and three dimensions."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from harness import Case, check

from n2d2 import errors
from n2d2._engine import engine

MAX_CASES = {
    "2 of even": ((16, 8, 8), 2, 2, 0, 1, False),
    "2 of odd": ((5, 7, 9), 2, 2, 0, 1, False),
    "overlapping": ((7, 9, 8), 3, 2, 1, 1, False),
    "stride 1": ((20, 5, 6), (3, 2), 1, (1, 0), 1, False),
    "ceil": ((3, 8, 7), 3, 2, 0, 1, True),
    "ceil with pads": ((3, 6, 7), 3, 2, 1, 1, True),
    "dilated": ((4, 9, 9), 2, 1, 0, 3, False),
    "gaps": ((33, 9, 9), 2, 4, 0, 1, False),
    "whole": ((6, 4, 5), (4, 5), 1, 0, 1, False),
    "large": ((3, 25, 30), (17, 20), (2, 3), (3, 4), 1, True),
}


def window(kernel, stride, padding, **more):
    pair = lambda v: [v, v] if isinstance(v, int) else list(v)  # noqa: E731
    return {"kernel_shape": pair(kernel), "strides": pair(stride), "pads": pair(padding) * 2, **more}


@pytest.mark.parametrize("name", MAX_CASES)
def test_max_pool(name):
    shape, kernel, stride, padding, dilation, ceil = MAX_CASES[name]
    attributes = window(kernel, stride, padding, dilations=[dilation, dilation], ceil_mode=int(ceil))
    check("MaxPool", Case([["N", *shape]], lambda x: F.max_pool2d(x, kernel, stride, padding, dilation, ceil), attributes))


@pytest.mark.parametrize("channels", [1, 16, 19])
def test_max_pool_ties_go_to_the_first_and_nan_wins(channels):
    def tied(rng, rows):
        x = rng.integers(0, 2, (rows, channels, 6, 6)).astype("f4")
        x[0, 0, 1, 1] = np.nan
        x[0, 0, 4, 5] = -np.inf
        return x

    check("MaxPool", Case([tied], lambda x: F.max_pool2d(x, 2, 2), window(2, 2, 0)))
    check("MaxPool", Case([tied], lambda x: F.max_pool2d(x, 3, 1, 1), window(3, 1, 1)))

    def large(rng, rows):
        x = rng.integers(0, 2, (rows, channels, 20, 19)).astype("f4")
        x[0, 0, 18, 3] = np.nan
        return x

    check("MaxPool", Case([large], lambda x: F.max_pool2d(x, 18, 1), window(18, 1, 0)))


@pytest.mark.parametrize("channels", [3, 16])
def test_max_pool_behind_a_relu_is_fused_and_right(channels):
    """A whole chain, so that the pool and the Relu meet the fusing pass."""
    g = engine.Graph()
    x = g.input("x", [-1, channels, 6, 8])
    g.output(g.node("MaxPool", g.node("Relu", [x]), window(2, 2, 0))[0])
    n = engine.Network(5, 2)
    n.set_graph("train", g)
    rng = np.random.default_rng(0)
    a = rng.integers(-2, 3, (5, channels, 6, 8)).astype("f4")
    out, dy, dx = np.zeros((5, channels, 3, 4), "f4"), rng.standard_normal((5, channels, 3, 4)).astype("f4"), np.zeros_like(a)
    state = n.forward([a.ctypes.data], 5, [out.ctypes.data], train=True, keep=True, input_gradients=True)
    n.backward(state, [dy.ctypes.data], [dx.ctypes.data])
    t = torch.from_numpy(a).requires_grad_()
    expected = F.max_pool2d(F.relu(t), 2)
    expected.backward(torch.from_numpy(dy))
    assert np.array_equal(out, expected.detach().numpy())
    assert np.array_equal(dx, t.grad.numpy())
    assert "MaxPoolRelu" in n.plan_text()
    assert "MaxPoolReluGrad" in n.plan_text()


AVERAGE_CASES = {
    "2": ((16, 8, 8), 2, 2, 0, False, True),
    "pads counted": ((5, 7, 9), 3, 2, 1, False, True),
    "pads not counted": ((5, 7, 9), 3, 2, 1, False, False),
    "ceil": ((3, 8, 7), 3, 2, 0, True, False),
    "ceil and pads counted": ((3, 8, 7), 3, 2, 1, True, True),
    "stride 1": ((18, 5, 6), (3, 2), 1, (1, 0), False, False),
    "whole": ((6, 4, 5), (4, 5), 1, 0, False, True),
}


@pytest.mark.parametrize("name", AVERAGE_CASES)
def test_average_pool(name):
    shape, kernel, stride, padding, ceil, counted = AVERAGE_CASES[name]
    attributes = window(kernel, stride, padding, ceil_mode=int(ceil), count_include_pad=int(counted))
    check("AveragePool", Case([["N", *shape]], lambda x: F.avg_pool2d(x, kernel, stride, padding, ceil, counted), attributes))


@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 7, 5), (16, 4, 4), (33, 2, 9), (5, 1, 8), (64, 8, 8)])
def test_global_average_pool(shape):
    check("GlobalAveragePool", Case([["N", *shape]], lambda x: x.mean((2, 3), keepdim=True)))


@pytest.mark.parametrize("shape", [(3, 7), (17, 1), (5, 3, 4, 2), (16, 2, 2, 2)])
def test_global_average_pool_in_one_and_three_dimensions(shape):
    check("GlobalAveragePool", Case([["N", *shape]], lambda x: x.mean(tuple(range(2, x.ndim)), keepdim=True)))


@pytest.mark.parametrize("shape", [(3, 7), (17, 255), (1, 1, 1), (16, 20, 20), (5, 3, 9), (2, 5, 1), (4, 3, 4, 5)])
@pytest.mark.parametrize("ties", [False, True])
def test_global_max_pool(shape, ties):
    pool = {2: F.adaptive_max_pool1d, 3: F.adaptive_max_pool2d, 4: F.adaptive_max_pool3d}[len(shape)]

    def tied(rng, rows):
        return rng.integers(0, 3, (rows, *shape)).astype("f4")

    check("GlobalMaxPool", Case([tied if ties else ["N", *shape]], lambda x: pool(x, 1)))


def test_asymmetric_pads():
    attributes = {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [0, 0, 1, 1]}
    padded = lambda x, v: F.pad(x, (0, 1, 0, 1), value=v)  # noqa: E731
    check("MaxPool", Case([["N", 4, 5, 7]], lambda x: F.max_pool2d(padded(x, -torch.inf), 2), attributes))
    count = lambda x: F.avg_pool2d(padded(torch.ones_like(x), 0.0), 2)  # noqa: E731
    check("AveragePool", Case([["N", 4, 5, 7]], lambda x: F.avg_pool2d(padded(x, 0.0), 2) / count(x), attributes))


RANKS = {  # input, kernel, stride, padding, ceil
    "line": ((5, 11), (3,), (2,), (1,), False),
    "line, ceil": ((17, 12), (3,), (2,), (0,), True),
    "line, whole": ((3, 6), (6,), (1,), (0,), False),
    "line, stride 1": ((3, 7), (2,), (1,), (1,), False),
    "volume": ((4, 6, 8, 4), (2, 2, 2), (2, 2, 2), (0, 0, 0), False),
    "volume, odd": ((17, 5, 7, 6), (3, 2, 3), (2, 1, 2), (1, 0, 1), False),
    "volume, ceil": ((3, 6, 5, 8), (3, 3, 3), (2, 2, 2), (1, 1, 1), True),
    "volume, whole": ((2, 3, 4, 5), (3, 4, 5), (1, 1, 1), (0, 0, 0), False),
}


@pytest.mark.parametrize("name", RANKS)
def test_one_and_three_dimensions(name):
    shape, kernel, stride, padding, ceil = RANKS[name]
    largest, mean = (F.max_pool1d, F.avg_pool1d) if len(shape) == 2 else (F.max_pool3d, F.avg_pool3d)
    attributes = window(kernel, stride, padding, ceil_mode=int(ceil))
    x = ["N", *shape]
    check("MaxPool", Case([x], lambda x: largest(x, kernel, stride, padding, 1, ceil), attributes))
    for counted in (False, True):
        more = {**attributes, "count_include_pad": int(counted)}
        check("AveragePool", Case([x], lambda x, c=counted: mean(x, kernel, stride, padding, ceil, c), more))


def test_dilated_and_asymmetric_in_one_and_three_dimensions():
    attributes = window((2, 1, 3), (1, 2, 1), (1, 0, 1), dilations=[2, 1, 2])
    check("MaxPool", Case([["N", 5, 6, 4, 7]], lambda x: F.max_pool3d(x, (2, 1, 3), (1, 2, 1), (1, 0, 1), (2, 1, 2)), attributes))
    padded = lambda x: F.pad(x, (0, 2), value=-torch.inf)  # noqa: E731
    attributes = {"kernel_shape": [3], "strides": [2], "pads": [0, 2], "dilations": [2]}
    check("MaxPool", Case([["N", 5, 10]], lambda x: F.max_pool1d(padded(x), 3, 2, 0, 2), attributes))


def test_ties_in_three_dimensions_go_to_the_first():
    def tied(rng, rows):
        return rng.integers(0, 2, (rows, 5, 4, 4, 6)).astype("f4")

    check("MaxPool", Case([tied], lambda x: F.max_pool3d(x, 2), window((2, 2, 2), (2, 2, 2), (0, 0, 0))))


def test_volumes_between_convolutions():
    def build(graph, x, w, v):
        h = graph.node("Relu", graph.node("Conv", [x, w]))
        h = graph.node("MaxPool", h, window((2, 2, 2), (2, 2, 2), (0, 0, 0)))
        return graph.node("Conv", [h[0], v])[0]

    def reference(x, w, v):
        return F.conv3d(F.max_pool3d(F.relu(F.conv3d(x, w)), 2), v)

    check(build, Case([["N", 2, 6, 7, 6], [16, 2, 3, 3, 3], [3, 16, 1, 2, 1]], reference))


@pytest.mark.parametrize(
    ("attributes", "match"),
    [
        ({}, "'kernel_shape' has 0 numbers, expected 2"),
        (window(9, 1, 0), "window reaches over 9 elements"),
        (window(2, 1, 2), "pads 2 and 2 are not smaller than the window"),
        (window((1, 257), 1, 0), "window 1x257 has more than 256 elements along an axis"),
        (window(2, 0, 0), "'strides' holds 0"),
    ],
)
def test_bad_attributes(attributes, match):
    g = engine.Graph()
    with pytest.raises((errors.ValueError, errors.ShapeError, errors.UnsupportedError), match=match):
        g.node("MaxPool", [g.input("x", [-1, 3, 8, 8])], attributes)
