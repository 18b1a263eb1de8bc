"""MaxPool, AveragePool and GlobalAveragePool."""

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


def test_asymmetric_pads():
    attributes = {"kernel_shape": [2, 2], "strides": [2, 2], "pads": [0, 0, 1, 1]}
    padded = lambda x, v: F.pad(x, (0, 1, 0, 1), value=v)  # noqa: E731
    check("MaxPool", Case([["N", 4, 5, 7]], lambda x: F.max_pool2d(padded(x, -torch.inf), 2), attributes))
    count = lambda x: F.avg_pool2d(padded(torch.ones_like(x), 0.0), 2)  # noqa: E731
    check("AveragePool", Case([["N", 4, 5, 7]], lambda x: F.avg_pool2d(padded(x, 0.0), 2) / count(x), attributes))


@pytest.mark.parametrize(
    ("attributes", "match"),
    [
        ({}, "'kernel_shape' has 0 numbers, expected 2"),
        (window(9, 1, 0), "window reaches over 9 elements"),
        (window(2, 1, 2), "pads 2 and 2 are not smaller than the window"),
        (window(17, 1, 0), "more than 256 elements"),
        (window(2, 0, 0), "'strides' holds 0"),
    ],
)
def test_bad_attributes(attributes, match):
    g = engine.Graph()
    with pytest.raises((errors.ValueError, errors.ShapeError, errors.UnsupportedError), match=match):
        g.node("MaxPool", [g.input("x", [-1, 3, 8, 8])], attributes)
