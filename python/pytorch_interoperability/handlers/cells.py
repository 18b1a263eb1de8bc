"""One step of a recurrent layer, as nn.LSTMCell and its like take it."""

from __future__ import annotations

from typing import Any

from pytorch_interoperability.handlers.registry import handles


@handles("lstm_cell")
def lstm_cell(g: Any, x: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> list[Any]:
    """Torch's order of gates: i, f, c, o."""
    sums = g.node("Add", [_product(g, x, w_ih, b_ih), _product(g, hx[0], w_hh, b_hh)])
    i, f, c, o = _parts(g, sums, 4)
    kept = g.node("Mul", [g.node("Sigmoid", [f]), hx[1]])
    cell = g.node("Add", [kept, g.node("Mul", [g.node("Sigmoid", [i]), g.node("Tanh", [c])])])
    return [g.node("Mul", [g.node("Sigmoid", [o]), g.node("Tanh", [cell])]), cell]


@handles("gru_cell")
def gru_cell(g: Any, x: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    """Torch's order of gates: r, z, n; r scales the product with the state, its bias included."""
    of_input = _parts(g, _product(g, x, w_ih, b_ih), 3)
    of_state = _parts(g, _product(g, hx, w_hh, b_hh), 3)
    r, z = (g.node("Sigmoid", [g.node("Add", [of_input[k], of_state[k]])]) for k in (0, 1))
    n = g.node("Tanh", [g.node("Add", [of_input[2], g.node("Mul", [r, of_state[2]])])])
    return g.node("Add", [n, g.node("Mul", [z, g.node("Sub", [hx, n])])])


@handles("rnn_tanh_cell", "rnn_relu_cell")
def rnn_cell(g: Any, x: Any, hx: Any, w_ih: Any, w_hh: Any, b_ih: Any = None, b_hh: Any = None) -> Any:
    sums = g.node("Add", [_product(g, x, w_ih, b_ih), _product(g, hx, w_hh, b_hh)])
    return g.node("Tanh" if "tanh" in g.target else "Relu", [sums])


def _product(g: Any, x: Any, weight: Any, bias: Any) -> Any:
    return g.node("Gemm", [x, weight, bias], {"transB": 1})


def _parts(g: Any, x: Any, count: int) -> list[Any]:
    return list(g.nodes("Split", [x], {"axis": 1, "split": [x.shape[1] // count] * count}))
