"""Calls a handler whose arguments may have the batch elsewhere than on axis 0."""

from __future__ import annotations

import inspect
from typing import Any

from pytorch_interoperability.handlers.axes import Moved, back, front
from pytorch_interoperability.handlers.registry import Handler, UnsupportedArgument, flattened


def call_moved(g: Any, handler: Handler, arguments: list[Any], options: dict[str, Any]) -> Any:
    """The handler's result, its arguments brought into one order of axes if it takes no `Moved` tensors itself."""
    moved = [a for a in [*flattened(arguments), *flattened(options.values())] if isinstance(a, Moved)]
    if not moved or handler.moves == "own":
        return handler.function(g, *arguments, **options)
    first = max(moved, key=lambda m: len(m.groups))
    if handler.moves == "pointwise" and all(_is_like(a, first) for a in flattened(arguments)):
        plain = [a.value if isinstance(a, Moved) else a for a in arguments]
        return Moved(handler.function(g, *plain, **options), first.groups)
    if handler.moves not in ("pointwise", "axis"):
        raise UnsupportedArgument(f"the batch behind other axes in a tensor of shape {first.shape}; put it in front")
    _, order = front(g, first)
    plain = [_in_order(g, a, order) for a in arguments]
    if handler.moves == "axis":
        _follow(handler, plain, options, order)
    return back(g, handler.function(g, *plain, **options), order)


def _is_like(argument: Any, first: Moved) -> bool:
    if isinstance(argument, Moved):
        return argument.groups == first.groups and argument.value.shape == first.value.shape
    return not hasattr(argument, "shape") or all(extent == 1 for extent in argument.shape)


def _in_order(g: Any, argument: Any, order: list[int]) -> Any:
    """The argument with its axes in the given order, for broadcasting."""
    if isinstance(argument, list):
        return [_in_order(g, a, order) for a in argument]
    if isinstance(argument, Moved):
        value, own = front(g, argument)
        if own != order:
            raise UnsupportedArgument(f"tensors whose batch lies on different axes ({argument.shape})")
        return value
    if not hasattr(argument, "shape") or all(extent == 1 for extent in argument.shape):
        return argument
    shape = [1] * (len(order) - len(argument.shape)) + list(argument.shape)
    if min(shape) < 0:
        raise UnsupportedArgument(f"tensors whose batch lies on different axes ({argument.shape})")
    value = argument if len(shape) == len(argument.shape) else g.node("Reshape", [argument], {"shape": shape})
    return g.node("Transpose", [value], {"perm": order})


def _follow(handler: Handler, arguments: list[Any], options: dict[str, Any], order: list[int]) -> None:
    """Names the axis `dim`, the second argument, in the new order; torch leaves it out where it has its default."""
    if len(arguments) > 1:
        arguments[1] = order.index(arguments[1] % len(order))
    else:
        dim = options.get("dim", inspect.signature(handler.function).parameters["dim"].default)
        options["dim"] = order.index(dim % len(order))


__all__ = ["call_moved"]
