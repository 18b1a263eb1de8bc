"""Reductions that are no sums, ArgMax, ArgMin and CumSum."""

from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest
import torch
from harness import Case, check

from n2d2 import errors
from n2d2._engine import engine


def product(x, axes, keepdim):
    for axis in sorted(axes, reverse=True):
        x = torch.prod(x, axis, keepdim=keepdim)
    return x


REDUCTIONS = {
    "ReduceMax": torch.amax,
    "ReduceMin": torch.amin,
    "ReduceProd": product,
    "ReduceL1": lambda x, axes, keepdim: torch.linalg.vector_norm(x, 1, axes, keepdim),
    "ReduceL2": lambda x, axes, keepdim: torch.linalg.vector_norm(x, 2, axes, keepdim),
    "ReduceLogSumExp": torch.logsumexp,
}
AXES = [
    (["N", 7], [1]),
    (["N", 33], [-1]),
    (["N", 3, 5], [2]),
    (["N", 3, 5], [1, 2]),
    (["N", 3, 5, 4], [1]),
    (["N", 3, 5, 4], [2, 3]),
    (["N", 3, 5, 4], [1, 3]),
    (["N", 1], [1]),
]


def with_ties(rng, shape):
    return rng.integers(-2, 3, shape)


@pytest.mark.parametrize("op", REDUCTIONS)
@pytest.mark.parametrize("keepdims", [0, 1])
def test_values_and_gradients(op, keepdims):
    for shape, axes in AXES:
        for draw in (None, with_ties):
            reference = REDUCTIONS[op]
            case = Case([shape], lambda x: reference(x, axes, keepdim=bool(keepdims)), {"axes": axes, "keepdims": keepdims}, draw=draw)
            check(op, case)


@pytest.mark.parametrize("op", REDUCTIONS)
def test_of_all_elements_of_a_parameter(op):
    reference = REDUCTIONS[op]
    chain = lambda g, x, p: g.node("Mul", [x, g.node(op, [p], {"keepdims": 0})[0]])[0]  # noqa: E731
    check(chain, Case([["N", 4], [5, 3]], lambda x, p: x * reference(p, [0, 1], keepdim=False)))


@pytest.mark.parametrize("op", REDUCTIONS)
def test_behind_a_convolution(op):
    """Channels lie last in memory there."""
    chain = lambda g, x, w: g.node(op, g.node("Conv", [x, w]), {"axes": [2], "keepdims": 1})[0]  # noqa: E731
    check(chain, Case([["N", 2, 5, 4], [3, 2, 2, 2]], lambda x, w: REDUCTIONS[op](torch.conv2d(x, w), [2], keepdim=True)))


EXTREMES = np.array(
    [
        [inf, 1.0, 2.0],
        [-inf, 1.0, 2.0],
        [nan, 1.0, 2.0],
        [1.0, nan, nan],
        [-inf, -inf, -inf],
        [0.0, 0.0, 0.0],
        [1e4, -1e4, 9e3],
        [inf, inf, 0.0],
    ],
    "f4",
)


@pytest.mark.parametrize("op", REDUCTIONS)
def test_extremes(op):
    """Where PyTorch's gradient of a row is finite, ours is too; values are the same."""
    for row in EXTREMES:
        g = engine.Graph()
        g.output(g.node(op, [g.input("x", [-1, 3])], {"axes": [1]})[0])
        network = engine.Network(1, 1)
        network.set_graph("train", g)
        x, y, dx, one = row[None].copy(), np.zeros((1, 1), "f4"), np.zeros((1, 3), "f4"), np.ones((1, 1), "f4")
        state = network.forward([x.ctypes.data], 1, [y.ctypes.data], train=True, keep=True, input_gradients=True)
        network.backward(state, [one.ctypes.data], [dx.ctypes.data])
        t = torch.from_numpy(x).double().requires_grad_()
        expected = REDUCTIONS[op](t, [1], keepdim=True)
        expected.sum().backward()
        assert np.allclose(y, expected.detach().numpy(), rtol=1e-6, equal_nan=True), (row, y, expected)
        finite = np.isfinite(t.grad.numpy())
        assert np.allclose(dx[finite], t.grad.numpy()[finite], rtol=1e-6), (row, dx, t.grad)


def test_all_of_the_gradient_to_the_first_of_equals():
    for op, reference in (("ReduceMax", torch.max), ("ReduceMin", torch.min)):
        for shape, axis in ((["N", 6], 1), (["N", 5, 4], 1), (["N", 3, 4, 5], 2)):
            attributes = {"axes": [axis], "ties": "first", "keepdims": 0}
            check(op, Case([shape], lambda x: reference(x, axis).values, attributes, draw=with_ties))


def test_product_of_many_numbers_in_range():
    """The product of some of them is no float32."""
    x = np.repeat(np.array([[1e20, 1e20, 1e-20, 1e-20, 3.0]], "f4"), 2, 0)
    check("ReduceProd", Case([lambda rng, rows: x], lambda t: torch.prod(t, 1), {"axes": [1], "keepdims": 0}, rows=(2,)))


@pytest.mark.parametrize("op", ["ArgMax", "ArgMin"])
@pytest.mark.parametrize("keepdims", [0, 1])
def test_places(op, keepdims):
    rng = np.random.default_rng(3)
    for shape, axis in [((7,), 1), ((3, 5), 1), ((3, 5), -1), ((3, 5, 4), 2), ((1,), 1), ((64,), -1)]:
        x = rng.integers(-2, 3, (5, *shape)).astype("f4")
        x[0].flat[-1] = nan
        g = engine.Graph()
        value = g.node(op, [g.input("x", [-1, *shape])], {"axis": axis, "keepdims": keepdims})[0]
        g.output(value)
        expected = getattr(torch, op.lower())(torch.from_numpy(x), axis, keepdim=bool(keepdims)).numpy()
        for lanes in (1, 3):
            network = engine.Network(8, lanes)
            network.set_graph("evaluate", g)
            found = np.full(expected.shape, -1, "i8")
            network.forward([x.ctypes.data], 5, [found.ctypes.data])
            assert np.array_equal(found, expected)


@pytest.mark.parametrize("exclusive", [0, 1])
@pytest.mark.parametrize("reverse", [0, 1])
def test_running_sums(exclusive, reverse):
    def reference(x, axis):
        x = x.flip(axis) if reverse else x
        y = x.cumsum(axis) - (x if exclusive else 0)
        return y.flip(axis) if reverse else y

    for shape, axis in [(["N", 7], 1), (["N", 3, 5], 1), (["N", 3, 5], -1), (["N", 3, 5, 4], 2), (["N", 1], 1), (["N", 4, 1, 6], 1)]:
        attributes = {"axis": axis, "exclusive": exclusive, "reverse": reverse}
        check("CumSum", Case([shape], lambda x: reference(x, axis), attributes))


def test_what_is_refused():
    g = engine.Graph()
    x = g.input("x", [-1, 3])
    with pytest.raises(errors.UnsupportedError, match="ReduceMax.*over the axis of the batch"):
        g.node("ReduceMax", [x], {"axes": [0]})
    with pytest.raises(errors.UnsupportedError, match="ReduceL2.*over the axis of the batch"):
        g.node("ReduceL2", [x])
    with pytest.raises(errors.UnsupportedError, match="CumSum.*along the axis of the batch"):
        g.node("CumSum", [x], {"axis": 0})
    with pytest.raises(errors.UnsupportedError, match="ArgMax.*along the axis of the batch"):
        g.node("ArgMax", [x], {"axis": -2})
    with pytest.raises(errors.UnsupportedError, match="over one axis alone"):
        g.node("ReduceMin", [g.input("y", [-1, 2, 2])], {"axes": [1, 2], "ties": "first"})
    with pytest.raises(errors.ValueError, match="'ties' is 'last', expected 'share' or 'first'"):
        g.node("ReduceMin", [x], {"axes": [1], "ties": "last"})
