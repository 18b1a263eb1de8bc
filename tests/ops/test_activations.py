"""Softmax, LogSoftmax and Dropout."""

from __future__ import annotations

import numpy as np
import pytest
import torch.nn.functional as F
from harness import Built, Case, check

from n2d2 import errors
from n2d2._engine import engine


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
@pytest.mark.parametrize(
    ("shape", "axis"),
    [(["N", 10], -1), (["N", 10], 1), (["N", 1], 1), (["N", 4, 6], 1), (["N", 4, 6], 2), (["N", 3, 5, 4], 1), (["N", 33], -1)],
)
def test_softmax(op, shape, axis):
    reference = F.softmax if op == "Softmax" else F.log_softmax
    check(op, Case([shape], lambda x: reference(x, axis), {"axis": axis}, draw=lambda g, s: 4 * g.standard_normal(s)))


@pytest.mark.parametrize("op", ["Softmax", "LogSoftmax"])
def test_softmax_of_large_numbers_and_nan(op):
    reference = F.softmax if op == "Softmax" else F.log_softmax
    x = np.array([[1000.0, 999.0, -1000.0], [np.nan, 1.0, 2.0], [-1e30, 0.0, 0.0]], "f4")
    check(op, Case([lambda rng, rows: x], lambda t: reference(t, 1), {"axis": 1}, rows=(3,)))


def test_softmax_over_the_batch_is_refused():
    g = engine.Graph()
    with pytest.raises(errors.UnsupportedError, match="axis of the batch"):
        g.node("Softmax", [g.input("x", [-1, 3])], {"axis": 0})
    with pytest.raises(errors.ValueError, match=r"axis 2 is outside \[-2, 1\]"):
        g.node("Softmax", [g.input("x", [-1, 3])], {"axis": 2})


def dropout(ratio, shape, rows, lanes, key):
    """Output and gradient for an input and an output gradient of ones."""
    case = Case([["N", *shape]], lambda x: x, {"ratio": ratio, "training_mode": 1})
    ones = np.ones((rows, *shape), "f4")
    built = Built("Dropout", case, [ones], lanes, rows)
    out, dx = np.zeros_like(ones), np.zeros_like(ones)
    state = built.network.forward([ones.ctypes.data], rows, [out.ctypes.data], train=True, keep=True, input_gradients=True, key=key)
    built.network.backward(state, [ones.ctypes.data], [dx.ctypes.data])
    return out, dx


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
