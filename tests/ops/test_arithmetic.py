"""Elementwise operators of two and three tensors with broadcasting: arithmetic, Pow, Max, Min, comparisons, PRelu and Where."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest
import torch
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


def positive(rng, shape):
    return rng.uniform(0.3, 3.0, shape)


def with_ties(rng, shape):
    return rng.integers(-2, 3, shape)


def truth(function):
    return lambda a, b: function(a, b).to(a.dtype)


@pytest.mark.parametrize("shapes", SHAPES)
def test_powers(shapes):
    check("Pow", Case(list(SHAPES[shapes]), torch.pow, draw=positive))


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 2.0, 3.0, -1.0, -2.5, 7.0])
def test_constant_powers(exponent):
    def chain(g, x):
        return g.node("Pow", [x, g.constant(np.array(exponent, "f4"))])[0]

    draw = away_from_zero if exponent.is_integer() else positive
    check(chain, Case([["N", 3, 7]], lambda x: x**exponent, draw=draw))


BASES = np.array([[0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 1e30, inf, -inf, nan]], "f4")


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 2.0, 3.0, -1.0, -2.0, inf, -inf, nan])
def test_powers_of_extremes(exponent):
    bases = BASES[:, BASES[0] != np.float32(1e30)] if np.isfinite(exponent) and exponent > 1 else BASES  # its power overflows
    chain = lambda g, x: g.node("Pow", [x, g.constant(np.array(exponent, "f4"))])[0]  # noqa: E731
    check(chain, Case([lambda rng, rows: np.repeat(bases, rows, 0)], lambda x: torch.pow(x, torch.full_like(x, exponent))))


TIES = {
    "Max": ("Max", "half", torch.maximum),
    "Min": ("Min", "half", torch.minimum),
    # TensorFlow's rule: all of it to the first
    "Max first": ("Max", "first", lambda a, b: torch.where(a >= b, a, b)),
    "Min first": ("Min", "first", lambda a, b: torch.where(a <= b, a, b)),
    "Max second": ("Max", "second", lambda a, b: torch.where(a > b, a, b)),
    "Min second": ("Min", "second", lambda a, b: torch.where(a < b, a, b)),
}


@pytest.mark.parametrize("name", TIES)
def test_larger_and_smaller(name):
    op, ties, reference = TIES[name]
    for shapes in SHAPES.values():
        check(op, Case(list(shapes), reference, {"ties": ties}, draw=with_ties))


def test_larger_and_smaller_of_nan():
    a, b = np.array([[nan, 1.0, nan, inf, -inf]], "f4"), np.array([[1.0, nan, nan, inf, inf]], "f4")
    case = [lambda rng, rows: np.repeat(a, rows, 0), lambda rng, rows: np.repeat(b, rows, 0)]
    check("Max", Case(case, torch.maximum))
    check("Min", Case(case, torch.minimum))


COMPARISONS = {
    "Equal": truth(torch.eq),
    "Less": truth(torch.lt),
    "LessOrEqual": truth(torch.le),
    "Greater": truth(torch.gt),
    "GreaterOrEqual": truth(torch.ge),
    "And": truth(torch.logical_and),
    "Or": truth(torch.logical_or),
}


@pytest.mark.parametrize("op", COMPARISONS)
def test_comparisons(op):
    """A mask takes no gradient and passes one on through what it multiplies."""
    reference = COMPARISONS[op]
    nans = lambda rng, shape: np.where(rng.random(shape) < 0.1, nan, with_ties(rng, shape))  # noqa: E731
    for shapes in SHAPES.values():
        check(
            lambda g, a, b: g.node("Where", [g.node(op, [a, b])[0], a, b])[0],
            Case(list(shapes), lambda a, b: torch.where(reference(a, b) != 0, a, b), draw=nans),
        )


PRELU = {
    "one slope": (["N", 5, 3], [1]),
    "scalar": (["N", 7], []),
    "per channel": (["N", 5, 3, 4], [5, 1, 1]),
    "per element": (["N", 4, 6], [4, 6]),
    "shared axes": (["N", 3, 5, 4], [3, 1, 4]),
    "vectors": (["N", 33], [33]),
}


@pytest.mark.parametrize("shapes", PRELU)
def test_prelu(shapes):
    check("PRelu", Case(list(PRELU[shapes]), lambda x, slope: torch.where(x > 0, x, slope * x)))


WHERE = {
    "same": (["N", 7], ["N", 7], ["N", 7]),
    "images": (["N", 3, 5, 4], ["N", 3, 5, 4], ["N", 3, 5, 4]),
    "fixed mask": ([5, 4], ["N", 3, 5, 4], ["N", 3, 5, 4]),
    "fixed number": (["N", 1, 5], ["N", 4, 5], []),
    "mask per row": (["N", 1, 1], ["N", 4, 3], [3]),
    "all grow": (["N", 1, 4], [3, 1], [1]),
    "steps": (["N", 6, 1], [6, 5], ["N", 1, 5]),
}


@pytest.mark.parametrize("shapes", WHERE)
def test_where(shapes):
    condition, x, y = WHERE[shapes]
    mask = lambda rng, rows: rng.integers(0, 2, [rows if d == "N" else d for d in condition]).astype("f4")  # noqa: E731
    given = mask if "N" in condition else mask(np.random.default_rng(1), 0)
    check("Where", Case([given, x, y], lambda c, a, b: torch.where(c != 0, a, b), differentiable=(1, 2)))


def test_no_gradient_flows_from_what_is_not_chosen():
    x = np.array([[0.0, 4.0, -1.0, 9.0]], "f4")

    def chain(g, x):
        chosen = g.node("Greater", [x, g.constant(np.array(0.0, "f4"))])[0]
        return g.node("Where", [chosen, x, g.constant(np.array(1.0, "f4"))])[0]

    check(chain, Case([lambda rng, rows: np.repeat(x, rows, 0)], lambda t: torch.where(t > 0, t, torch.ones_like(t))))


def test_bad_attributes():
    g = engine.Graph()
    x = g.input("x", [-1, 4])
    with pytest.raises(errors.ValueError, match="'ties' is 'last', expected 'half', 'first' or 'second'"):
        g.node("Max", [x, x], {"ties": "last"})
    with pytest.raises(errors.ShapeError, match=r"slope \[2,1\] does not broadcast to X \[N,4\]|do not broadcast"):
        g.node("PRelu", [x, g.parameter("slope", [2, 1])])


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
