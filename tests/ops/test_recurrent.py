"""LSTM, GRU and simple recurrent layers, with the product of the input before them, against PyTorch's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from harness import Case, check

from n2d2 import errors
from n2d2._engine import engine

GATES = {"LSTM": 4, "GRU": 3, "RNN_TANH": 1, "RNN_RELU": 1}
OPS = {"LSTM": "LSTMRecurrence", "GRU": "GRURecurrence", "RNN_TANH": "RNNRecurrence", "RNN_RELU": "RNNRecurrence"}
ATTRIBUTES = {"LSTM": {"gates": "ifco"}, "GRU": {"gates": "rzh"}, "RNN_TANH": {}, "RNN_RELU": {"activation": "Relu"}}


def recurrence(g, kind, x, w, r, b, rb=None, states=(), direction="forward"):
    """The operator behind X W' + b."""
    (turned,) = g.node("Transpose", [w], {"perm": [1, 0]})
    (projected,) = g.node("Add", [g.node("MatMul", [x, turned])[0], b])
    return g.node(OPS[kind], [projected, r, *([rb] if kind == "GRU" else []), *states], {**ATTRIBUTES[kind], "direction": direction})


def exact(kind, x, w, r, b, rb=None, states=(), direction="forward"):
    """What PyTorch computes, without its layers' own memory of the direction."""
    if direction == "reverse":
        x = x.flip(1)
    zeros = x.new_zeros(1, x.shape[0], r.shape[1])
    state = [s[None] for s in states] or [zeros] * (2 if kind == "LSTM" else 1)
    weights = [w, r, b, torch.zeros_like(b) if rb is None else rb]
    run = getattr(torch._VF, kind.lower())
    y, *ends = run(x, tuple(state) if kind == "LSTM" else state[0], weights, True, 1, 0.0, True, False, True)
    return (y.flip(1) if direction == "reverse" else y), ends


def case_of(kind, steps, inputs, units, has_states, direction, rows):
    gates, count = GATES[kind], (2 if kind == "LSTM" else 1) if has_states else 0
    has_bias = kind == "GRU"
    shapes = [["N", steps, inputs], [gates * units, inputs], [gates * units, units], [gates * units]]
    shapes += [[gates * units]] * has_bias + [["N", units]] * count

    def parts(values):
        return *values[:4], *([values[4]] if has_bias else [None]), list(values[4 + has_bias :])

    def op(g, *values):
        return recurrence(g, kind, *parts(values), direction)[0]

    def reference(*values):
        return exact(kind, *parts(values), direction)[0]

    return op, Case(shapes, reference, rows=rows, draw=lambda rng, shape: 0.5 * rng.standard_normal(shape))


@pytest.mark.parametrize("kind", GATES)
@pytest.mark.parametrize(
    ("steps", "inputs", "units", "has_states", "direction", "rows"),
    [
        (5, 4, 3, False, "forward", (1, 5)),
        (5, 4, 3, True, "reverse", (1, 5)),
        (1, 2, 7, False, "forward", (3,)),
        (1, 2, 7, True, "forward", (3,)),
        (7, 3, 16, False, "reverse", (4,)),
        (4, 20, 33, True, "forward", (2, 9)),
        (3, 5, 150, False, "forward", (6,)),
    ],
)
def test_recurrence(kind, steps, inputs, units, has_states, direction, rows):
    check(*case_of(kind, steps, inputs, units, has_states, direction, rows))


@pytest.mark.parametrize("direction", ["forward", "reverse"])
@pytest.mark.parametrize("alone", [False, True])
def test_last_cells_of_lstm(direction, alone):
    """The last cells as an output that is used alone, or beside the sequence."""

    def op(g, *values):
        y, last = recurrence(g, "LSTM", *values, direction=direction)[:2]
        if alone:
            return last
        (middle,) = g.node("Gather", [y, g.constant(np.asarray(2))], {"axis": 1})
        return g.node("Mul", [middle, last])[0]

    def reference(*values):
        y, (_, last) = exact("LSTM", *values, direction=direction)
        return last[0] if alone else y[:, 2] * last[0]

    check(op, Case([["N", 4, 3], [20, 3], [20, 5], [20]], reference))


@pytest.mark.parametrize(("kind", "order", "places"), [("LSTM", "iofc", [0, 2, 3, 1]), ("GRU", "zrh", [1, 0, 2])])
def test_orders_of_gates(kind, order, places):
    """Gate k of PyTorch's order is gate places[k] of this one."""
    gates, units = GATES[kind], 6

    def op(g, x, r):
        return g.node(OPS[kind], [x, r], {"gates": order})[0]

    def reference(x, r):
        x = x.reshape(*x.shape[:2], gates, units)[:, :, places].flatten(2)
        r = r.reshape(gates, units, units)[places].flatten(0, 1)
        none = torch.zeros(gates * units, dtype=x.dtype)
        return exact(kind, x, torch.eye(gates * units, dtype=x.dtype), r, none)[0]

    check(op, Case([["N", 5, gates * units], [gates * units, units]], reference))


@pytest.mark.parametrize("kind", ["LSTM", "GRU", "RNN_TANH"])
def test_weights_in_the_host_s_order(kind):
    """Recurrent weights that lie transposed in memory, as Keras has them."""
    op, case = case_of(kind, 4, 3, 10, False, "forward", (1, 6))
    case.orders = {1: [1, 0], 2: [1, 0]}
    check(op, case)


def test_two_layers_and_directions():
    """Bidirectional below, forward above, on an embedding-like input."""

    def op(g, x, *weights):
        both = [recurrence(g, "GRU", x, *weights[4 * i : 4 * i + 4], direction=d)[0] for i, d in enumerate(["forward", "reverse"])]
        (joined,) = g.node("Concat", both, {"axis": 2})
        return recurrence(g, "LSTM", joined, *weights[8:])[0]

    def reference(x, *weights):
        both = [exact("GRU", x, *weights[4 * i : 4 * i + 4], direction=d)[0] for i, d in enumerate(["forward", "reverse"])]
        return exact("LSTM", torch.cat(both, 2), *weights[8:])[0]

    gru = [[12, 3], [12, 4], [12], [12]]
    check(op, Case([["N", 6, 3], *gru, *gru, [20, 8], [20, 5], [20]], reference, rows=(2, 5)))


@pytest.mark.parametrize(
    ("op", "shapes", "attributes", "match"),
    [
        ("LSTMRecurrence", [[-1, 3, 8], [8, 3]], {}, r"need extents \[N, T, 4 units\]"),
        ("LSTMRecurrence", [[-1, 8], [8, 2]], {}, "rank 2, expected 3"),
        ("LSTMRecurrence", [[-1, 3, 8], [8, 2], [-1, 3]], {}, r"initial_h has shape \[N,3\], expected \[N,2\]"),
        ("LSTMRecurrence", [[-1, 3, 8], [8, 2]], {"direction": "bidirectional"}, "expected 'forward' or 'reverse'"),
        ("LSTMRecurrence", [[-1, 3, 8], [8, 2]], {"gates": "ifgo"}, "expected 'ifco' or 'iofc'"),
        ("GRURecurrence", [[-1, 3, 6], [6, 2], [-1, 6]], {}, "input B has shape"),
        ("RNNRecurrence", [[-1, 3, 2], [2, 2]], {"activation": "Affine"}, "expected 'Tanh' or 'Relu'"),
        ("RNNRecurrence", [[4, 3, 2], [2, 2]], {}, "needs the batch on axis 0"),
    ],
)
def test_bad_inputs(op, shapes, attributes, match):
    g = engine.Graph()
    with pytest.raises((errors.ShapeError, errors.ValueError, errors.UnsupportedError), match=match):
        g.node(op, [g.input(f"x{i}", shape) for i, shape in enumerate(shapes)], attributes)
