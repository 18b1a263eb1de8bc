"""Add, Sub, Mul and Div with broadcasting."""

from __future__ import annotations

import numpy as np
import pytest
from harness import Case, check

from n2d2 import errors
from n2d2._engine import engine

REFERENCES = {"Add": lambda a, b: a + b, "Sub": lambda a, b: a - b, "Mul": lambda a, b: a * b, "Div": lambda a, b: a / b}
SHAPES = {
    "same": (["N", 7], ["N", 7]),
    "same images": (["N", 3, 5, 4], ["N", 3, 5, 4]),
    "per channel": (["N", 3, 5, 4], [3, 1, 1]),
    "last axis": (["N", 6, 5], [5]),
    "scalar": (["N", 9], []),
    "per row": (["N", 4, 3], ["N", 1, 1]),
    "squeeze and excite": (["N", 3, 5, 4], ["N", 3, 1, 1]),
    "left is smaller": ([4], ["N", 4]),
    "both grow": (["N", 1, 4], [3, 1]),
    "left per channel": (["N", 2, 1, 1], ["N", 2, 3, 3]),
}


def away_from_zero(rng, shape):
    return rng.uniform(0.5, 2.0, shape) * rng.choice([-1.0, 1.0], shape)


@pytest.mark.parametrize("op", REFERENCES)
@pytest.mark.parametrize("shapes", SHAPES)
def test_values_and_gradients(op, shapes):
    check(op, Case(list(SHAPES[shapes]), REFERENCES[op], draw=away_from_zero))


def test_division_by_zero_and_nan_are_as_everywhere():
    g = engine.Graph()
    g.output(g.node("Div", [g.input("a", [-1, 4]), g.input("b", [-1, 4])])[0])
    n = engine.Network(1)
    n.set_graph("evaluate", g)
    a, b = np.array([[1, -1, 0, np.nan]], "f4"), np.array([[0, 0, 0, 1]], "f4")
    out = np.zeros((1, 4), "f4")
    n.forward([a.ctypes.data, b.ctypes.data], 1, [out.ctypes.data])
    assert out[0, 0] == np.inf
    assert out[0, 1] == -np.inf
    assert np.isnan(out[0, 2:]).all()


def test_shapes_that_do_not_broadcast():
    g = engine.Graph()
    with pytest.raises(errors.ShapeError, match=r"\[N,4\] and \[3\] do not broadcast"):
        g.node("Add", [g.input("a", [-1, 4]), g.parameter("b", [3])])
