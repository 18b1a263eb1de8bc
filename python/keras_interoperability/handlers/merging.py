"""Layers that join tensors."""

from __future__ import annotations

from typing import Any

import keras

from keras_interoperability.handlers.arithmetic import join
from keras_interoperability.handlers.normalization import unit_norm
from keras_interoperability.handlers.products import contract
from keras_interoperability.handlers.registry import UnsupportedArgument, register_handler
from keras_interoperability.planes import Planes

_OPERATORS = {
    keras.layers.Add: "Add",
    keras.layers.Average: "Add",
    keras.layers.Maximum: "Max",
    keras.layers.Minimum: "Min",
    keras.layers.Multiply: "Mul",
    keras.layers.Subtract: "Sub",
}


@register_handler(*_OPERATORS)
def merge(capture: Any, layer: Any, *xs: Planes) -> Planes:
    op = next(op for cls, op in _OPERATORS.items() if isinstance(layer, cls))
    rank = max(x.rank for x in xs)
    total, *others = (_padded(capture, x, rank) for x in xs)
    for x in others:
        total = join(capture, op, total, x)
    return join(capture, "Mul", total, 1.0 / len(xs)) if isinstance(layer, keras.layers.Average) else total


def _padded(capture: Any, x: Planes, rank: int) -> Planes:
    """Keras lines tensors of different rank up at the batch: ones go in behind it."""
    if x.rank == rank:
        return x
    return Planes(capture, last=capture.node("Reshape", [x.last], {"shape": [-1, *[1] * (rank - x.rank), *x.shape[1:]]}))


@register_handler(keras.layers.Concatenate)
def concatenate(capture: Any, layer: Any, *xs: Planes) -> Planes:
    return concatenated(capture, xs, layer.axis)


def concatenated(capture: Any, xs: Any, axis: int) -> Planes:
    """Tensors one behind the other along one axis of Keras' order."""
    rank = xs[0].rank
    axis %= rank
    if axis == 0:
        raise UnsupportedArgument("axis=0, the batch")
    if rank > 2 and all(x.has_first for x in xs):
        return Planes(capture, first=capture.node("Concat", [x.first for x in xs], {"axis": xs[0].axis_in_first(axis)}))
    return Planes(capture, last=capture.node("Concat", [x.last for x in xs], {"axis": axis}))


@register_handler(keras.layers.Dot)
def dot(capture: Any, layer: Any, x: Planes, y: Planes) -> Planes:
    axes = [layer.axes, layer.axes] if isinstance(layer.axes, int) else list(layer.axes)
    a, b = axes[0] % x.rank, axes[1] % y.rank
    if layer.normalize:
        x, y = unit_norm(capture, x, a, 1e-12), unit_norm(capture, y, b, 1e-12)
    names = iter("bcdefghijklmnopqrstuvwxyz")
    left = ["N", *[next(names) for _ in range(x.rank - 1)]]
    right = ["N", *[next(names) for _ in range(y.rank - 1)]]
    left[a] = right[b] = "a"
    kept = [n for n in left + right[1:] if n != "a"]
    result = contract(capture, x, y, "".join(left), "".join(right), "".join(kept))
    return Planes(capture, last=capture.node("Reshape", [result.last], {"shape": [-1, 1]})) if len(kept) == 1 else result
