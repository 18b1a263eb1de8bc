"""The table of handlers, by the operator's name, such as "aten.conv2d.default"."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

Function = Callable[..., Any]


@dataclass(frozen=True)
class Handler:
    """A function of the importer and the operator's arguments, and what it does with a batch that is not on axis 0.

    `moves`: "pointwise": any order of axes will do, for all arguments alike. "axis": the same, when the argument `dim` follows.
    "own": the function takes `Moved` tensors. "": such tensors are refused.
    """

    function: Function
    moves: str = ""


HANDLERS: dict[str, Handler] = {}


def handles(*names: str, moves: str = "") -> Callable[[Function], Function]:
    """Registers the function under these operator names; "relu" stands for "aten.relu.default", "relu_" for its in-place form."""

    def register(function: Function) -> Function:
        for name in names:
            HANDLERS[f"aten.{name}" if "." in name else f"aten.{name}.default"] = Handler(function, moves)
        return function

    return register


class UnsupportedArgument(Exception):
    """Raised by a handler for an argument it cannot take; the importer adds where it stands."""


def numbers(value: Any, count: int) -> list[int]:
    """One number for all axes, or one each."""
    given = [value] if isinstance(value, int) else list(value)
    return given * count if len(given) == 1 else given


def inner_axis(dim: int, shape: list[int]) -> int:
    """The axis counted from the front; refused when it is the batch."""
    axis = dim % len(shape)
    if shape[axis] < 0:
        raise UnsupportedArgument("dim=0, the batch")
    return axis


def refuse(**options: Any) -> None:
    """Raises when one of these arguments is given."""
    for name, value in options.items():
        if value is not None and value is not False:
            raise UnsupportedArgument(f"{name}={value}; leave it out")


def flattened(arguments: Any) -> Iterator[Any]:
    """The arguments, those in lists too."""
    for argument in arguments:
        if isinstance(argument, list | tuple):
            yield from flattened(argument)
        else:
            yield argument


__all__ = ["HANDLERS", "Function", "Handler", "UnsupportedArgument", "flattened", "handles", "inner_axis", "numbers", "refuse"]
