"""The table of handlers, by the layer's class."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Handler = Callable[..., Any]
HANDLERS: dict[type, Handler] = {}


class UnsupportedArgument(Exception):
    """Raised by a handler for an argument it cannot take; the capture adds the layer's name."""


def register_handler(*classes: type) -> Callable[[Handler], Handler]:
    """Decorator: the function captures layers of these classes.

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


def expect_channels_last(layer: Any) -> None:
    """Raises for layers that want channels on axis 1."""
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        raise UnsupportedArgument("data_format='channels_first'; build the model with channels_last")


__all__ = ["HANDLERS", "Handler", "UnsupportedArgument", "expect_channels_last", "register_handler"]
