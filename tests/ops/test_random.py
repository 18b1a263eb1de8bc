"""Operators that draw random numbers: Dropout in its forms and RandomNormal."""

from __future__ import annotations

from math import erf, sqrt

import numpy as np
import pytest
from harness import Built, Case, check

from n2d2 import errors
from n2d2._engine import engine


def drawn(op, attributes, x, key, lanes=1):
    """Output, and gradient for an output gradient of ones."""
    rows, shape = len(x), x.shape[1:]
    built = Built(op, Case([["N", *shape]], lambda x: x, attributes), [x], lanes, rows)
    ones, out, dx = np.ones_like(x), np.zeros_like(x), np.zeros_like(x)
    state = built.network.forward([x.ctypes.data], rows, [out.ctypes.data], train=True, keep=True, input_gradients=True, key=key)
    built.network.backward(state, [ones.ctypes.data], [dx.ctypes.data])
    return out, dx


def dropout(ratio, shape, rows, lanes, key):
    return drawn("Dropout", {"ratio": ratio, "training_mode": 1}, np.ones((rows, *shape), "f4"), key, lanes)


@pytest.mark.parametrize("ratio", [0.0, 0.1, 0.3, 0.5, 0.9, 1.0])
@pytest.mark.parametrize("shape", [(200,), (4, 9, 11)])
def test_dropout(ratio, shape):
    out, dx = dropout(ratio, shape, 40, 1, key=7)
    assert np.array_equal(out, dx)  # the gradient goes through the same mask
    kept = out != 0
    if ratio < 1:
        assert np.allclose(out[kept], 1 / (1 - ratio))
    assert abs(kept.mean() - (1 - ratio)) < 4 * np.sqrt(max(ratio * (1 - ratio), 1e-9) / out.size) + 1e-9
    assert np.array_equal(out, dropout(ratio, shape, 40, 3, key=7)[0])  # lanes don't matter
    if 0 < ratio < 1:
        assert not np.array_equal(out, dropout(ratio, shape, 40, 1, key=8)[0])
        assert np.array_equal(out[:10], dropout(ratio, shape, 10, 1, key=7)[0])  # nor the size of the batch


def test_dropout_outside_training_and_bad_ratios():
    check("Dropout", Case([["N", 3, 4, 5]], lambda x: x, {"ratio": 0.7}))
    g = engine.Graph()
    with pytest.raises(errors.ValueError, match="'ratio' is 1.5, expected 0 to 1"):
        g.node("Dropout", [g.input("x", [-1, 3])], {"ratio": 1.5})


def test_dropout_masks_of_two_nodes_differ():
    g = engine.Graph()
    x = g.input("x", [-1, 100])
    for _ in range(2):
        g.output(g.node("Dropout", [x], {"ratio": 0.5, "training_mode": 1})[0])
    n = engine.Network(4)
    n.set_graph("train", g)
    ones = np.ones((4, 100), "f4")
    a, b = np.zeros_like(ones), np.zeros_like(ones)
    n.forward([ones.ctypes.data], 4, [a.ctypes.data, b.ctypes.data], train=True, key=1)
    assert not np.array_equal(a, b)


@pytest.mark.parametrize(
    ("shape", "shared"), [((4, 9, 11), [2, 3]), ((4, 9, 11), [1]), ((7, 30), [2]), ((6, 5, 4), [-1]), ((3, 8), [1, 2]), ((50,), [])]
)
@pytest.mark.parametrize("op", ["Dropout", "AlphaDropout"])
def test_masks_shared_along_axes(op, shape, shared):
    attributes = {"ratio": 0.4, "training_mode": 1, "shared_axes": shared}
    ones = np.ones((60, *shape), "f4")
    out, dx = drawn(op, attributes, ones, key=5)
    axes = tuple(axis % ones.ndim for axis in shared)
    first = out[tuple(slice(0, 1) if axis in axes else slice(None) for axis in range(ones.ndim))]
    assert np.array_equal(out, np.broadcast_to(first, out.shape))
    assert np.array_equal(dx != 0, out == out.max())
    kept = (first == first.max()).mean()
    assert abs(kept - 0.6) < 4 * np.sqrt(0.24 / first.size)
    assert np.array_equal(out, drawn(op, attributes, ones, key=5, lanes=3)[0])


def test_shared_masks_do_not_depend_on_memory_order():
    """Behind a convolution the channels lie last."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal((6, 3, 5, 4)).astype("f4")
    attributes = {"ratio": 0.5, "training_mode": 1, "shared_axes": [2, 3]}
    outs = []
    for has_convolution in (False, True):
        g = engine.Graph()
        h = g.input("x", [-1, 3, 5, 4])
        if has_convolution:
            h = g.node("Conv", [h, g.constant(np.eye(3, dtype="f4").reshape(3, 3, 1, 1))])[0]
        drop = g.node("Dropout", [h], attributes)[0]
        g.output(drop)
        n = engine.Network(6, 1)
        n.set_graph("train", g)
        outs.append(np.zeros_like(x))
        n.forward([x.ctypes.data], 6, [outs[-1].ctypes.data], train=True, key=3)
    # The sequence belongs to the node, whose number differs: the same kind of mask, whole channels.
    for out in outs:
        dropped = (out == 0).all((2, 3))
        assert np.allclose(out, np.where(dropped[:, :, None, None], 0, 2 * x), atol=1e-6)
        assert 0 < dropped.mean() < 1


@pytest.mark.parametrize("ratio", [0.05, 0.3, 0.5, 0.8])
def test_alpha_dropout_keeps_mean_and_variance(ratio):
    x = np.random.default_rng(1).standard_normal((400, 200)).astype("f4")
    out, dx = drawn("AlphaDropout", {"ratio": ratio, "training_mode": 1}, x, key=2)
    limit = -1.7580993408473766
    a = 1 / np.sqrt((1 - ratio) * (1 + ratio * limit**2))
    b = -a * limit * ratio
    kept = dx != 0
    assert np.allclose(dx[kept], a)
    assert np.allclose(out, np.where(kept, a * x + b, a * limit + b), atol=1e-5)
    assert abs(kept.mean() - (1 - ratio)) < 0.01
    assert abs(out.mean()) < 0.02
    assert abs(out.var() - 1) < 0.03


def test_normal_noise():
    zeros = np.zeros((300, 7, 11), "f4")
    out, dx = drawn("RandomNormal", {"stddev": 2.0}, zeros, key=4)
    assert np.array_equal(dx, np.ones_like(dx))
    z = np.sort(out.ravel().astype("f8") / 2)
    n = z.size
    assert abs(z.mean()) < 4 / np.sqrt(n)
    assert abs(z.var() - 1) < 4 * np.sqrt(2 / n)
    assert abs((z**3).mean()) < 4 * np.sqrt(15 / n)
    assert abs((z**4).mean() - 3) < 4 * np.sqrt(96 / n)
    steps = np.array([normal_share(v) for v in z[:: n // 200]])
    assert np.abs(steps - np.arange(0, n, n // 200) / n).max() < 1.95 / np.sqrt(n)  # Kolmogorov and Smirnov, 1 in 1000
    assert len(np.unique(z)) > 0.99 * n
    assert np.array_equal(out, drawn("RandomNormal", {"stddev": 2.0}, zeros, key=4, lanes=3)[0])  # lanes don't matter
    assert np.array_equal(out[:9], drawn("RandomNormal", {"stddev": 2.0}, zeros[:9], key=4)[0])  # nor the size of the batch
    assert not np.array_equal(out, drawn("RandomNormal", {"stddev": 2.0}, zeros, key=5)[0])
    shifted = drawn("RandomNormal", {"stddev": 2.0}, zeros + 3, key=4)[0]
    assert np.allclose(shifted, out + 3, atol=1e-5)
    neighbours = np.corrcoef(out.ravel()[:-1], out.ravel()[1:])[0, 1]
    assert abs(neighbours) < 4 / np.sqrt(n)


def normal_share(x):
    return 0.5 * (1 + erf(x / sqrt(2)))


@pytest.mark.parametrize("ratio", [0.1, 0.5, 0.9])
def test_gaussian_dropout(ratio):
    x = np.full((100, 300), 2.0, "f4")
    attributes = {"ratio": ratio, "training_mode": 1}
    out, dx = drawn("GaussianDropout", attributes, x, key=6)
    assert np.allclose(out, 2 * dx, rtol=1e-6)  # the gradient takes the same noise
    variance = ratio / (1 - ratio)
    assert abs(dx.mean() - 1) < 4 * np.sqrt(variance / dx.size)
    assert abs(dx.var() / variance - 1) < 4 * np.sqrt(2 / dx.size)
    assert np.array_equal(out, drawn("GaussianDropout", attributes, x, key=6, lanes=3)[0])


@pytest.mark.parametrize("op", ["AlphaDropout", "GaussianDropout"])
def test_outside_training(op):
    check(op, Case([["N", 3, 4, 5]], lambda x: x, {"ratio": 0.7}))


def test_bad_attributes():
    g = engine.Graph()
    x = g.input("x", [-1, 3])
    with pytest.raises(errors.ValueError, match="'ratio' is 1, expected less"):
        g.node("GaussianDropout", [x], {"ratio": 1.0})
    with pytest.raises(errors.ValueError, match="'stddev' is -1"):
        g.node("RandomNormal", [x], {"stddev": -1.0})
    with pytest.raises(errors.UnsupportedError, match="shared_axes holds the axis of the batch"):
        g.node("Dropout", [x], {"shared_axes": [0]})
