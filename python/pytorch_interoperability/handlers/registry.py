"""The table of handlers, by the operator's name, such as "aten.conv2d.default"."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Handler = Callable[..., Any]
HANDLERS: dict[str, Handler] = {}


def handles(*names: str) -> Callable[[Handler], Handler]:
    """Registers the function under these operator names."""

    def register(handler: Handler) -> Handler:
        for name in names:
            HANDLERS[name] = handler
        return handler

    return register


class UnsupportedArgument(Exception):
    """Raised by a handler for an argument it cannot take; the importer adds where it stands."""


def pair(value: Any) -> list[int]:
    """One number for both axes, or one each."""
    numbers = [value] if isinstance(value, int) else list(value)
    return numbers * 2 if len(numbers) == 1 else numbers


__all__ = ["HANDLERS", "Handler", "UnsupportedArgument", "handles", "pair"]
