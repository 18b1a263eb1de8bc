"""The tables of handlers: for layers by their class, for operations of `keras.ops` by the name of their class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Handler = Callable[..., Any]
HANDLERS: dict[type, Handler] = {}
OPERATIONS: dict[str, Handler] = {}


class UnsupportedArgument(Exception):
    """Raised by a handler for an argument it cannot take; the capture adds the layer's name."""


def register_handler(*classes: type) -> Callable[[Handler], Handler]:
    """Decorator: the function captures layers of these classes, and of subclasses that keep their `call`.

    The function gets the capture, the layer and a `Planes` for every input tensor, and returns a `Planes`, or a list of them for several
    outputs. `x.last` is the value as Keras has it, `x.first` the same with channels on axis 1. `capture.node(operator, values, attributes)`
    adds an operator by its ONNX name, `capture.parameter(variable)` and `capture.constant(array)` give values, `capture.training` says
    which of the two graphs is made.

    Example:
        >>> @register_handler(MyScale)                                   # doctest: +SKIP
        ... def my_scale(capture, layer, x):
        ...     return Planes(capture, last=capture.node("Mul", [x.last, capture.parameter(layer.scale)]))
    """

    def register(handler: Handler) -> Handler:
        for cls in classes:
            HANDLERS[cls] = handler
        return handler

    return register


def operation(*names: str) -> Callable[[Handler], Handler]:
    """Decorator: the function captures operations of these classes; it gets the arguments as they are, tensors as `Planes`."""

    def register(handler: Handler) -> Handler:
        for name in names:
            OPERATIONS[name] = handler
        return handler

    return register


def inner_axis(axis: int, shape: list[int]) -> int:
    """The axis counted from the front; refused when it is the batch."""
    axis %= len(shape)
    if shape[axis] < 0:
        raise UnsupportedArgument("axis=0, the batch")
    return axis


def without_keywords(handler: Handler) -> Handler:
    """Decorator: when such a layer is called with a mask its `call` is followed instead."""
    handler.inlines_keywords = True  # type: ignore[attr-defined]
    return handler


__all__ = ["HANDLERS", "OPERATIONS", "Handler", "UnsupportedArgument", "inner_axis", "operation", "register_handler", "without_keywords"]
