"""Plans and states of a network: rows, sets of trained parameters, kept and used states."""

from __future__ import annotations

import numpy as np
import pytest
from convnet import convnet, step

from n2d2 import errors
from n2d2._engine import engine


def test_one_plan_serves_any_rows_and_another_few_of_them():
    rng = np.random.default_rng(2)
    x = rng.standard_normal((200, 3, 12, 11)).astype("f4")
    whole = np.zeros((200, 10), "f4")
    # evaluate statistics so that rows do not depend on each other
    g = engine.Graph()
    value = g.input("x", [-1, 3, 12, 11])
    w = g.parameter("c1.w", [8, 3, 3, 3])
    h = g.node("Flatten", g.node("Conv", [value, w]))[0]
    g.output(g.node("Gemm", [h, g.parameter("d", [8 * 10 * 9, 10])])[0])
    n = engine.Network(256, 3)
    n.set_graph("evaluate", g)
    for name, _, _ in n.parameters:
        n.memory(name)[:] = rng.standard_normal(n.memory(name).size)
    n.forward([x.ctypes.data], 200, [whole.ctypes.data])
    for rows in (1, 2, 7, 128, 200, 1, 3):
        out = np.zeros((rows, 10), "f4")
        n.forward([x.ctypes.data], rows, [out.ctypes.data])
        assert np.abs(out - whole[:rows]).max() <= 1e-5 * np.abs(whole).max(), rows
    assert n.plans_made == 2
    assert n.capacity == 256


def test_larger_batches_than_planned_grow_the_plan_once():
    n = convnet(capacity=4)
    step(n, np.random.default_rng(0), 9, key=0)
    assert n.capacity == 16
    step(n, np.random.default_rng(0), 16, key=0)
    assert n.capacity == 16


def test_states_and_errors_leave_the_network_usable():
    n = convnet(capacity=4)
    x, out, dy = np.ones((4, 3, 12, 11), "f4"), np.zeros((4, 10), "f4"), np.ones((4, 10), "f4")
    with pytest.raises(errors.ShapeError, match="at least one row"):
        n.forward([x.ctypes.data], 0, [out.ctypes.data])
    with pytest.raises(errors.ValueError, match="expected 1 inputs"):
        n.forward([], 4, [out.ctypes.data])
    first = n.forward([x.ctypes.data], 4, [out.ctypes.data], train=True, keep=True)
    second = n.forward([x.ctypes.data], 4, [out.ctypes.data], train=True, keep=True)
    n.backward(second, [dy.ctypes.data])
    n.update()
    with pytest.raises(errors.StateError, match="outdated weights"):
        n.backward(first, [dy.ctypes.data])
    with pytest.raises(errors.StateError, match="used by a backward already"):
        n.backward(second, [dy.ctypes.data])
    n.drop(first)
    assert n.pending == 0
    n.backward(n.forward([x.ctypes.data], 4, [out.ctypes.data], train=True, keep=True), [dy.ctypes.data])


def test_a_state_that_is_kept_gives_the_same_gradients_again():
    n = convnet()
    rng = np.random.default_rng(0)
    x, out, dy = rng.standard_normal((7, 3, 12, 11)).astype("f4"), np.zeros((7, 10), "f4"), np.ones((7, 10), "f4")
    other = np.zeros((7, 10), "f4")
    names = [name for name, _, _ in n.parameters]
    state = n.forward([x.ctypes.data], 7, [out.ctypes.data], train=True, keep=True, key=3)
    n.backward(state, [dy.ctypes.data], keep=True)
    first = [n.gradient(name).copy() for name in names]
    later = n.forward([x.ctypes.data], 7, [other.ctypes.data], train=True, keep=True, key=4)
    n.backward(later, [dy.ctypes.data])
    n.backward(state, [dy.ctypes.data], keep=True)
    assert all(np.array_equal(n.gradient(name), before) for name, before in zip(names, first, strict=True))
    n.backward(state, [dy.ctypes.data], accumulate=True)
    assert all(np.allclose(n.gradient(name), 2 * before, rtol=1e-5, atol=1e-5) for name, before in zip(names, first, strict=True))
    assert n.pending == 0


def test_each_set_of_trained_parameters_is_planned_once():
    n = convnet()
    rng = np.random.default_rng(0)
    names = [name for name, _, _ in n.parameters]
    sets = [names, names[4:], names[:4]]
    for _ in range(3):
        for trained in sets:
            n.set_trainable(trained)
            before = {name: n.memory(name).copy() for name in names}
            step(n, rng, 6, key=0)
            assert {name for name in names if not np.array_equal(n.memory(name), before[name])} == set(trained)
    assert n.plans_made == 3
    for count in range(len(names)):  # plans are not kept without bound
        n.set_trainable(names[count:])
        step(n, rng, 6, key=0)
    assert n.plan_text().count("== plan") == 1


def test_the_plan_absorbs_the_mask_into_the_pool():
    n = convnet(capacity=4, lanes=2)
    x, out, dy = np.ones((4, 3, 12, 11), "f4"), np.zeros((4, 10), "f4"), np.ones((4, 10), "f4")
    n.backward(n.forward([x.ctypes.data], 4, [out.ctypes.data], train=True, keep=True), [dy.ctypes.data])
    text = n.plan_text()
    assert "MaxPoolReluGrad" in text  # absorbed
    assert "conv:direct" in text


def forward_segments(capacity: int) -> dict[str, int]:
    """Segment of each operator of a convolution and two dense layers, on two lanes."""
    g = engine.Graph()
    h = g.node("Conv", [g.input("x", [-1, 3, 12, 12]), g.parameter("c", [16, 3, 5, 5])], path="conv")[0]
    h = g.node("Flatten", g.node("Relu", [h]))[0]
    h = g.node("Tanh", g.node("Gemm", [h, g.parameter("a", [1024, 512]), g.parameter("ab", [512])], path="fc1"), path="tanh")[0]
    g.output(g.node("Gemm", [h, g.parameter("b", [512, 10])], path="fc2")[0])
    n = engine.Network(capacity, 2)
    n.set_graph("evaluate", g)
    n.set_graph("train", g)
    text = n.plan_text().split("forward:\n")[1].split("backward:\n")[0]
    return {line.split("'")[1]: int(line.split()[0]) for line in text.splitlines()}


def test_batch_and_features_are_split_in_one_plan():
    """At 4 rows the large dense layer is shared out by output features, which needs the lanes to wait before and behind it; the
    convolution keeps to the rows of its lane. At 128 rows everything does, and nobody waits."""
    few = forward_segments(4)
    assert few["conv"] == 0
    assert few["conv"] < few["fc1"] < few["tanh"]
    assert set(forward_segments(128).values()) == {0}
