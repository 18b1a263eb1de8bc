"""Softmax and LogSoftmax."""

from __future__ import annotations

import numpy as np
import pytest
import torch.nn.functional as F
from harness import Case, check

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
