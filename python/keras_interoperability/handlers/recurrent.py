"""LSTM, GRU and SimpleRNN, alone and in both directions: one product for the input of all time steps, then the recurrence."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from keras_interoperability.handlers.arithmetic import join
from keras_interoperability.handlers.core import random_in_training
from keras_interoperability.handlers.merging import concatenated
from keras_interoperability.handlers.registry import UnsupportedArgument, register_handler
from keras_interoperability.handlers.shapes import flipped, sliced
from keras_interoperability.planes import Planes

_MERGED = {"sum": "Add", "ave": "Add", "mul": "Mul"}


def _expect_plain(layer: Any) -> None:
    cell = layer.cell
    gate = getattr(cell, "recurrent_activation", keras.activations.sigmoid)
    odd = {
        "stateful": layer.stateful,
        "recurrent_dropout": bool(cell.recurrent_dropout),
        "activation": cell.activation is not keras.activations.tanh,
        "recurrent_activation": gate is not keras.activations.sigmoid,
        "reset_after=False": not getattr(cell, "reset_after", True),
    }
    named = [name for name, is_odd in odd.items() if is_odd]
    if named:
        raise UnsupportedArgument(f"{', '.join(named)}; only Keras' defaults are supported")


def _input_half(capture: Any, cell: Any, x: Planes) -> tuple[Any, Any]:
    """x kernel + bias for all time steps, and the recurrent bias that GRU has."""
    steps, features = x.shape[1:]
    width = cell.kernel.shape[1]
    bias, further = None, None
    if cell.use_bias:
        bias = capture.parameter(cell.bias)
        if len(cell.bias.shape) == 2:
            rows = capture.nodes("Split", [bias], {"axis": 0, "num_outputs": 2})
            bias, further = (capture.node("Reshape", [row], {"shape": [width]}) for row in rows)
    flat = capture.node("Reshape", [x.last], {"shape": [-1, features]})
    product = capture.node("Gemm", [flat, capture.parameter(cell.kernel), bias])
    return capture.node("Reshape", [product], {"shape": [-1, steps, width]}), further


def recurrent(capture: Any, layer: Any, x: Planes, states: tuple[Planes, ...] = ()) -> tuple[Planes, list[Planes]]:
    """All outputs in the order of time, and the last states."""
    _expect_plain(layer)
    cell = layer.cell
    if cell.dropout:
        x = random_in_training(capture, x, "Dropout", {"ratio": float(cell.dropout), "training_mode": 1}, [None, 1, None])
    product, recurrent_bias = _input_half(capture, cell, x)
    units, width = cell.recurrent_kernel.shape
    weight = capture.parameter(cell.recurrent_kernel, [width, units], [1, 0])
    attributes = {"direction": "reverse" if layer.go_backwards else "forward"}
    initial = [state.last for state in states]
    if isinstance(cell, layers.LSTMCell):
        outputs = capture.nodes("LSTMRecurrence", [product, weight, *initial], attributes | {"gates": "ifco"})
    elif isinstance(cell, layers.GRUCell):
        outputs = capture.nodes("GRURecurrence", [product, weight, recurrent_bias, *initial], attributes | {"gates": "zrh"})
    else:
        outputs = capture.nodes("RNNRecurrence", [product, weight, *initial], attributes | {"activation": "Tanh"})
    y = Planes(capture, last=outputs[0])
    end = 0 if layer.go_backwards else x.shape[1] - 1
    last = Planes(capture, last=capture.node("Reshape", [sliced(capture, y, 1, end, end + 1).last], {"shape": [-1, units]}))
    return y, [last, Planes(capture, last=outputs[1])] if isinstance(cell, layers.LSTMCell) else [last]


@register_handler(layers.LSTM, layers.GRU, layers.SimpleRNN)
def recurrent_layer(capture: Any, layer: Any, x: Planes, *states: Planes) -> list[Planes]:
    y, ends = recurrent(capture, layer, x, states)
    whole = flipped(capture, y, 1) if layer.go_backwards and layer.return_sequences else y
    return [whole if layer.return_sequences else ends[0], *(ends if layer.return_state else [])]


@register_handler(layers.Bidirectional)
def bidirectional(capture: Any, layer: Any, x: Planes) -> list[Planes]:
    sides = [layer.forward_layer, layer.backward_layer]
    if any(type(side) not in (layers.LSTM, layers.GRU, layers.SimpleRNN) for side in sides):
        raise UnsupportedArgument("a layer that is neither LSTM, GRU nor SimpleRNN")
    runs = [recurrent(capture, side, x) for side in sides]
    outputs = [y if layer.return_sequences else ends[0] for y, ends in runs]
    states = [state for _, ends in runs for state in ends] if layer.return_state else []
    if layer.merge_mode is None:
        return [*outputs, *states]
    if layer.merge_mode == "concat":
        merged = concatenated(capture, outputs, -1)
    else:
        merged = join(capture, _MERGED[layer.merge_mode], outputs[0], outputs[1])
        merged = join(capture, "Mul", merged, 0.5) if layer.merge_mode == "ave" else merged
    return [merged, *states]


@register_handler(layers.TimeDistributed)
def time_distributed(capture: Any, layer: Any, x: Planes) -> Planes:
    """The inner layer on all time steps at once, each a row of its own."""
    inner = layer.layer
    if any(isinstance(part, layers.BatchNormalization) for part in inner._flatten_layers()):
        raise UnsupportedArgument("BatchNormalization inside, whose statistics Keras moves step by step")
    steps, *extents = x.shape[1:]
    rows = Planes(capture, last=capture.node("Reshape", [x.last], {"shape": [-1, *extents]}))
    (y,) = capture.layer(inner, (rows,), {})
    return Planes(capture, last=capture.node("Reshape", [y.last], {"shape": [-1, steps, *y.shape[1:]]}))
