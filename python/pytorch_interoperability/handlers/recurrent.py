"""LSTM, GRU and simple recurrent layers, with several layers and both directions."""

from __future__ import annotations

from typing import Any

from pytorch_interoperability.handlers.axes import Moved, permuted
from pytorch_interoperability.handlers.creation import Filled
from pytorch_interoperability.handlers.dropout import dropout
from pytorch_interoperability.handlers.registry import UnsupportedArgument, handles
from pytorch_interoperability.handlers.shape import shaped, transposed
from pytorch_interoperability.handlers.split import sliced

GATES = {"LSTM": [0, 3, 1, 2], "GRU": [1, 0, 2], "RNN": [0]}
"""Places in torch's order of gates of those in ONNX' order: i o f c, and z r h."""


@handles("lstm.input", moves="own")
def lstm(
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
    run = Recurrent(g, "LSTM", has_biases, bidirectional)
    return run.layers(x, hx, params, num_layers, p if train else 0.0, batch_first)


@handles("gru.input", "rnn_tanh.input", moves="own")
def gru(
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
    run = Recurrent(g, "GRU" if "gru" in g.target else "RNN", has_biases, bidirectional)
    return run.layers(x, [hx], params, num_layers, p if train else 0.0, batch_first)


class Recurrent:
    """One captured recurrent module; a node of the graph for each of its layers."""

    def __init__(self, g: Any, op: str, has_biases: bool, bidirectional: bool) -> None:
        self.g = g
        self.op = op
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
            weights = [params[(layer * self.directions + d) * per_direction :][:per_direction] for d in range(self.directions)]
            x, *ends = self._layer(x, [self._initial(s, layer) for s in states], weights)
            for collected, end in zip(final, ends, strict=True):
                collected.append(end)
        # [N, directions, hidden] per layer becomes [layers * directions, N, hidden]
        joined = [ends[0] if count == 1 else g.node("Concat", ends, {"axis": 1}) for ends in final]
        return [x if batch_first else transposed(g, x, [1, 0, 2]), *[permuted(g, ends, [1, 0, 2]) for ends in joined]]

    def _initial(self, state: Any, layer: int) -> Any:
        """[layers * directions, N, hidden] to this layer's [N, directions, hidden]; None for zeros."""
        if isinstance(state, Filled) and state.number == 0:
            return None
        value = transposed(self.g, state, [1, 0, 2])
        start = layer * self.directions
        return sliced(self.g, value, 1, start, start + self.directions)

    def _layer(self, x: Any, states: list[Any], weights: list[Any]) -> list[Any]:
        g = self.g
        hidden = weights[0][1].shape[1]
        w, r = (self._stacked([direction[i] for direction in weights], hidden) for i in (0, 1))
        b = None
        if self.has_biases:
            halves = [self._stacked([direction[i] for direction in weights], hidden) for i in (2, 3)]
            b = g.node("Concat", halves, {"axis": 1})
        attributes = {"hidden_size": hidden, "direction": "bidirectional" if self.directions == 2 else "forward"}
        if self.op == "GRU":
            attributes["linear_before_reset"] = 1
        return list(g.nodes(self.op, [x, w, r, b, *states], attributes))

    def _stacked(self, matrices: list[Any], hidden: int) -> Any:
        """The directions' matrices above each other, their gates in ONNX' order: [directions, gates * hidden, ...]."""
        g = self.g
        ordered = []
        for matrix in matrices:
            gates = [sliced(g, matrix, 0, k * hidden, (k + 1) * hidden) for k in GATES[self.op]]
            whole = gates[0] if len(gates) == 1 else g.node("Concat", gates, {"axis": 0})
            ordered.append(shaped(g, whole, [1, *matrix.shape]))
        return ordered[0] if len(ordered) == 1 else g.node("Concat", ordered, {"axis": 0})
