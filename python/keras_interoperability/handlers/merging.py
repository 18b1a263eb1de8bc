"""Layers that join tensors."""

from __future__ import annotations

from typing import Any

import keras

from keras_interoperability.handlers.registry import register_handler
from keras_interoperability.planes import Planes


def _joined(capture: Any, op: str, xs: tuple[Planes, ...]) -> Planes:
    first = all(x.has_first for x in xs)
    values = [x.first if first else x.last for x in xs]
    total = values[0]
    for value in values[1:]:
        total = capture.node(op, [total, value])
    return Planes(capture, first=total) if first else Planes(capture, last=total)


@register_handler(keras.layers.Add)
def add(capture: Any, layer: Any, *xs: Planes) -> Planes:
    return _joined(capture, "Add", xs)


@register_handler(keras.layers.Subtract)
def subtract(capture: Any, layer: Any, *xs: Planes) -> Planes:
    return _joined(capture, "Sub", xs)


@register_handler(keras.layers.Multiply)
def multiply(capture: Any, layer: Any, *xs: Planes) -> Planes:
    return _joined(capture, "Mul", xs)


@register_handler(keras.layers.Average)
def average(capture: Any, layer: Any, *xs: Planes) -> Planes:
    total = _joined(capture, "Add", xs)
    return Planes(capture, last=capture.node("Mul", [total.last, capture.constant(1.0 / len(xs))]))


@register_handler(keras.layers.Concatenate)
def concatenate(capture: Any, layer: Any, *xs: Planes) -> Planes:
    rank = xs[0].rank
    axis = layer.axis % rank
    if rank > 2 and axis == rank - 1 and all(x.has_first for x in xs):
        return Planes(capture, first=capture.node("Concat", [x.first for x in xs], {"axis": 1}))
    return Planes(capture, last=capture.node("Concat", [x.last for x in xs], {"axis": axis}))
