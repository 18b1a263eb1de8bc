"""LSTM, GRU and simple recurrent layers, with several layers and both directions."""

from __future__ import annotations

from typing import Any

import numpy as np

from pytorch_interoperability.handlers.axes import Moved, permuted
from pytorch_interoperability.handlers.creation import Filled
from pytorch_interoperability.handlers.dropout import dropout
from pytorch_interoperability.handlers.registry import UnsupportedArgument, handles
from pytorch_interoperability.handlers.shape import shaped, transposed
from pytorch_interoperability.handlers.split import sliced

OPERATORS: dict[str, tuple[str, dict[str, Any]]] = {
    "lstm": ("LSTMRecurrence", {"gates": "ifco"}),
    "gru": ("GRURecurrence", {"gates": "rzh"}),
    "rnn_tanh": ("RNNRecurrence", {"activation": "Tanh"}),
    "rnn_relu": ("RNNRecurrence", {"activation": "Relu"}),
}


@handles("lstm.input", "gru.input", "rnn_tanh.input", "rnn_relu.input", moves="own")
def recurrent(
    g: Any,
    x: Any,
    hx: Any,
    params: Any,
    has_biases: bool,
    num_layers: int,
    p: float,
    train: bool,
    bidirectional: bool,
    batch_first: bool,
) -> list[Any]:
    states = list(hx) if isinstance(hx, list | tuple) else [hx]  # hidden and cells of an LSTM
    return Recurrent(g, has_biases, bidirectional).layers(x, states, params, num_layers, p if train else 0.0, batch_first)


class Recurrent:
    """One captured recurrent module; two nodes of the graph for each of its layers and directions, the input's product and the steps."""

    def __init__(self, g: Any, has_biases: bool, bidirectional: bool) -> None:
        self.g = g
        self.op, self.attributes = OPERATORS[g.target.removeprefix("aten.").split(".")[0]]
        self.has_biases = has_biases
        self.directions = 2 if bidirectional else 1

    def layers(self, x: Any, states: list[Any], params: Any, count: int, p: float, batch_first: bool) -> list[Any]:
        """The output of the last layer and the final states of all, as torch has them."""
        g = self.g
        if not batch_first:
            x = transposed(g, x, [1, 0, 2])
        if isinstance(x, Moved) or len(x.shape) != 3:
            raise UnsupportedArgument("an input whose batch is not where the module expects it")
        per_direction = 4 if self.has_biases else 2
        final: list[list[Any]] = [[] for _ in states]
        for layer in range(count):
            if layer > 0:
                x = dropout(g, x, p, p > 0)
            parts = []
            for direction in range(self.directions):
                place = layer * self.directions + direction
                weights = params[place * per_direction :][:per_direction]
                y, *ends = self._direction(x, [self._initial(s, place) for s in states], weights, direction == 1)
                parts.append(y)
                for collected, end in zip(final, ends, strict=True):
                    collected.append(shaped(g, end, [end.shape[0], 1, end.shape[1]]))
            x = parts[0] if len(parts) == 1 else g.node("Concat", parts, {"axis": 2})
        # [N, 1, hidden] per layer and direction becomes [layers * directions, N, hidden]
        joined = [ends[0] if len(ends) == 1 else g.node("Concat", ends, {"axis": 1}) for ends in final]
        return [x if batch_first else transposed(g, x, [1, 0, 2]), *[permuted(g, ends, [1, 0, 2]) for ends in joined]]

    def _initial(self, state: Any, place: int) -> Any:
        """[layers * directions, N, hidden] to the [N, hidden] of one; None for zeros."""
        if isinstance(state, Filled) and state.number == 0:
            return None
        value = transposed(self.g, state, [1, 0, 2])
        return shaped(self.g, sliced(self.g, value, 1, place, place + 1), [value.shape[0], value.shape[2]])

    def _direction(self, x: Any, states: list[Any], weights: list[Any], reverse: bool) -> list[Any]:
        """The outputs of all steps, and the final states [N, hidden]."""
        g = self.g
        w, r, *biases = weights
        own_bias = [biases[1] if biases else None] if self.op == "GRURecurrence" else []
        bias = None
        if biases:
            bias = biases[0] if own_bias else g.node("Add", biases)
        matrix = g.node("Reshape", [x], {"shape": [-1, x.shape[2]]})
        product = g.node("Gemm", [matrix, w, bias], {"transB": 1})
        projected = g.node("Reshape", [product], {"shape": [-1, x.shape[1], w.shape[0]]})
        direction = {"direction": "reverse" if reverse else "forward"}
        outputs = g.nodes(self.op, [projected, r, *own_bias, *states], self.attributes | direction)
        last = g.node("Gather", [outputs[0], g.graph.constant(np.asarray(0 if reverse else x.shape[1] - 1))], {"axis": 1})
        return [outputs[0], last, outputs[1]] if self.op == "LSTMRecurrence" else [outputs[0], last]
