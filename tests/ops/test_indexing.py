"""Gather, GatherElements, OneHot and Cast: integers as inputs of a graph."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from harness import Case, check

from n2d2 import errors
from n2d2._engine import engine


def indices(size, *extents, dtype=np.int64):
    """An input of integers below `size` that depends on the batch; half of them are the same."""

    def draw(rng, rows):
        numbers = rng.integers(0, size, (rows, *extents))
        return np.where(rng.random(numbers.shape) < 0.5, numbers, size // 2).astype(dtype)

    return draw


@pytest.mark.parametrize(
    ("table", "ids", "order"),
    [
        ([10, 4], indices(10, 7), []),
        ([10, 4], indices(10, 7, dtype=np.int32), []),
        ([3, 33], indices(3), []),
        ([50, 16], indices(50, 2, 3), []),
        ([1, 40], indices(1, 5), []),
        ([6, 2, 5], indices(6, 3), []),
        ([9], indices(9, 4), []),
        ([11, 20], indices(11, 6), [1, 0]),
    ],
)
def test_embedding(table, ids, order):
    case = Case([table, ids], lambda w, i: w[i.long()], {"axis": 0}, orders={0: order} if order else {}, rows=(1, 3, 40))
    check("Gather", case)


def test_embedding_with_padding():
    case = Case([[8, 6], indices(8, 5)], lambda w, i: F.embedding(i, w, padding_idx=4), {"padding_idx": 4})
    check("Gather", case)


@pytest.mark.parametrize(
    ("shape", "axis", "places"),
    [
        (["N", 7], 1, [3, 0, 3]),
        (["N", 7], 1, -1),
        (["N", 4, 5], 1, [[0, 1], [3, -4]]),
        (["N", 4, 5], -1, [4, 4, 4, 0]),
        (["N", 4, 5, 6], 2, [2]),
        ([5, 6], 1, [5, -6, 0]),
        ([5, 6], 0, [[1], [1]]),
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.int32, np.int64])
def test_gather_at_constant_places(shape, axis, places, dtype):
    numbers = np.asarray(places, dtype)

    def take(g, x, *batch):
        (y,) = g.node("Gather", [x, g.constant(numbers)], {"axis": axis})
        return g.node("Mul", [*batch, y])[0] if batch else y

    def reference(x, *batch):
        y = x.index_select(axis, torch.tensor(numbers.astype(np.int64) % x.shape[axis]).reshape(-1))
        y = y.reshape(*x.shape[:axis], *numbers.shape, *x.shape[axis % x.dim() + 1 :])
        return batch[0] * y if batch else y

    check(take, Case([shape, *([] if "N" in shape else [["N", *([1] * (1 + numbers.ndim))]])], reference))


@pytest.mark.parametrize(
    ("shape", "axis", "count", "dtype"),
    [
        (["N", 7], 1, 3, np.int64),
        (["N", 7], 1, 1, np.int32),
        (["N", 4, 5], 1, 6, np.int64),
        (["N", 4, 5], -1, 9, np.int32),
        (["N", 4, 5, 6], 2, 5, np.int64),
        (["N", 1, 3], 1, 2, np.int64),
    ],
    ids=str,
)
def test_gather_elements(shape, axis, count, dtype):
    extents = [count if i == axis % len(shape) else n for i, n in enumerate(shape)][1:]
    case = Case([shape, indices(shape[axis], *extents, dtype=dtype)], lambda x, i: x.gather(axis, i.long()), {"axis": axis})
    check("GatherElements", case)


@pytest.mark.parametrize(
    ("extents", "depth", "axis", "dtype"),
    [
        ([], 5, -1, np.int64),
        ([3], 4, -1, np.int32),
        ([3], 4, 1, np.int64),
        ([2, 3], 7, 2, np.int32),
        ([2, 3], 1, 3, np.int64),
        ([6], 9, -1, np.int64),
    ],
)
def test_one_hot(extents, depth, axis, dtype):
    def reference(i, x):
        hot = F.one_hot(i.long().clamp(max=depth), depth + 1)[..., :depth].movedim(-1, axis)
        return hot.to(x.dtype) * x.reshape(-1, *([1] * (hot.dim() - 1)))

    def op(g, i, x):
        (hot,) = g.node("OneHot", [i], {"depth": depth, "axis": axis})
        return g.node("Mul", [hot, g.node("Reshape", [x], {"shape": [-1, *([1] * (len(extents) + 1))]})[0]])[0]

    check(op, Case([indices(depth + 2, *extents, dtype=dtype), ["N", 1]], reference))


@pytest.mark.parametrize("via", ["int32", "int64"])
@pytest.mark.parametrize("dtype", [np.float32, np.int32, np.int64])
def test_cast(via, dtype):
    def op(g, i, x):
        (whole,) = g.node("Cast", [i], {"to": via})
        return g.node("Mul", [g.node("Cast", [whole], {"to": "float32"})[0], x])[0]

    draw = indices(100, 3, dtype=dtype)
    check(op, Case([lambda rng, rows: draw(rng, rows) - dtype(50), ["N", 3]], lambda i, x: i.to(x.dtype) * x, differentiable=(1,)))


def test_cast_drops_what_follows_the_point():
    g = engine.Graph()
    (whole,) = g.node("Cast", [g.input("x", [-1])], {"to": "int64"})
    g.output(g.node("Cast", [whole], {"to": "float32"})[0])
    network = engine.Network(8, 1)
    network.set_graph("evaluate", g)
    x, y = np.array([1.9, -1.9, 0.5, -0.5, 3.0], np.float32), np.empty(5, np.float32)
    network.forward([x.ctypes.data], 5, [y.ctypes.data])
    assert y.tolist() == [1, -1, 0, 0, 3]


def embedding_network(lanes=2):
    g = engine.Graph()
    (rows,) = g.node("Gather", [g.parameter("table", [10, 4]), g.input("ids", [-1, 3], "int64")], path="embedding")
    g.output(rows)
    network = engine.Network(64, lanes)
    network.set_graph("train", g)
    network.memory("table")[:] = np.arange(40)
    return network


@pytest.mark.parametrize("wrong", [10, -1, 2**40, -(2**40)])
def test_an_index_outside_is_refused_and_changes_nothing(wrong):
    network = embedding_network()
    ids, out = np.full((64, 3), 9), np.empty((64, 3, 4), np.float32)
    for keep in (False, True):
        ids[63, 2] = wrong
        with pytest.raises(errors.ValueError, match=rf"Gather 'embedding': index {wrong} is outside \[0, 10\)"):
            network.forward([ids.ctypes.data], 64, [out.ctypes.data], train=True, keep=keep)
        assert network.pending == 0
        ids[63, 2] = 9
        network.forward([ids.ctypes.data], 64, [out.ctypes.data], train=True)
        assert (out == np.arange(36, 40)).all()


def test_the_gradient_of_a_table_does_not_depend_on_lanes():
    rng = np.random.default_rng(3)
    ids, dy = rng.integers(0, 10, (64, 3)), rng.standard_normal((64, 3, 4)).astype(np.float32)
    found = []
    for lanes in (1, 2, 5):
        network = embedding_network(lanes)
        out = np.empty_like(dy)
        state = network.forward([ids.ctypes.data], 64, [out.ctypes.data], train=True, keep=True)
        network.backward(state, [dy.ctypes.data])
        found.append(network.gradient("table").copy())
    assert found[0].any()
    assert all((one == found[0]).all() for one in found)


@pytest.mark.parametrize(
    ("op", "shapes", "attributes", "match"),
    [
        ("Gather", [[-1, 4], [-1, 2]], {"axis": 1}, "indices .* that depend on the batch take from axis 0"),
        ("Gather", [[5, 4], [-1, 2]], {"axis": 1}, "take from axis 0"),
        ("Gather", [[-1, 4], [3]], {"axis": 0}, "axis of the batch"),
        ("Gather", [[5, 4], [-1, 2]], {"axis": 2}, "outside"),
        ("GatherElements", [[-1, 4], [-1, 2, 1]], {"axis": 1}, "differ beside axis 1"),
        ("GatherElements", [[-1, 4, 3], [-1, 4, 2]], {"axis": 1}, "differ beside axis 1"),
    ],
)
def test_bad_inputs(op, shapes, attributes, match):
    g = engine.Graph()
    with pytest.raises((errors.ShapeError, errors.ValueError, errors.UnsupportedError), match=match):
        g.node(op, [g.input("data", shapes[0]), g.input("indices", shapes[1], "int64")], attributes)


def test_bad_types_and_constants():
    g = engine.Graph()
    x, i = g.input("x", [-1, 4]), g.input("i", [-1, 4], "int64")
    with pytest.raises(errors.TypeError, match="input indices is float32, expected int32 or int64"):
        g.node("Gather", [x, x], {"axis": 1})
    with pytest.raises(errors.TypeError, match="is int64, expected float32"):
        g.node("Gather", [i, i], {"axis": 1})
    for wrong in (4, -5):
        with pytest.raises(errors.ValueError, match=rf"index {wrong} is outside \[-4, 3\]"):
            g.node("Gather", [x, g.constant(np.array([0, wrong]))], {"axis": 1})
    with pytest.raises(errors.ValueError, match="'depth' is 0"):
        g.node("OneHot", [i])
    with pytest.raises(errors.TypeError, match="expected int32 or int64"):
        g.node("OneHot", [x], {"depth": 2})
    with pytest.raises(errors.ValueError, match="'to' is 'uint8'"):
        g.node("Cast", [x], {"to": "uint8"})
