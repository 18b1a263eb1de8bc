"""How a module's forward is called: which tensors its arguments hold, in any nesting, and what else they are."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.export import Dim
from torch.utils import _pytree as pytree

from n2d2 import errors


@dataclass(frozen=True)
class Examples:
    """Arguments to capture a module with."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any] = field(default_factory=dict)

    @property
    def tensors(self) -> list[torch.Tensor]:
        """All tensors in the arguments, in order."""
        return [leaf for leaf in pytree.tree_leaves((self.args, self.kwargs)) if isinstance(leaf, torch.Tensor)]

    @property
    def rows(self) -> int:
        """Rows of the first tensor."""
        first = self.tensors[0]
        return first.shape[0] if first.dim() else 1

    def with_two_rows(self) -> Examples:
        """With batches of one row repeated: capture needs two rows to see the batch as an axis of its own."""

        def two(x: Any) -> Any:
            is_row = isinstance(x, torch.Tensor) and x.dim() > 0 and x.shape[0] == 1
            return x.expand(2, *x.shape[1:]).contiguous() if is_row else x

        return self if self.rows != 1 or not self.tensors[0].dim() else Examples(*pytree.tree_map(two, (self.args, self.kwargs)))


def examples_of(module: torch.nn.Module, example_inputs: Any) -> Examples:
    """A tensor, a tuple of positional arguments, or a dict of named ones, as arguments of the module's forward."""
    if isinstance(example_inputs, torch.Tensor):
        example_inputs = (example_inputs,)
    try:
        if isinstance(example_inputs, Mapping):
            bound = inspect.signature(module.forward).bind(**example_inputs)
        else:
            bound = inspect.signature(module.forward).bind(*example_inputs)
    except TypeError as cause:
        raise errors.TypeError(f"example_inputs: they do not fit {type(module).__name__}.forward: {cause}") from cause
    examples = Examples(bound.args, bound.kwargs)
    if not examples.tensors:
        raise errors.ValueError("example_inputs: no tensor among them")
    return examples.with_two_rows()


class Signature:
    """Takes the tensors out of a call's arguments, and checks that the rest is what it was when the module was captured."""

    def __init__(self, module: torch.nn.Module, examples: Examples) -> None:
        self._name = type(module).__name__
        self._parameters = inspect.signature(module.forward)
        leaves, self._spec = pytree.tree_flatten((examples.args, examples.kwargs))
        self._fixed = {i: leaf for i, leaf in enumerate(leaves) if not isinstance(leaf, torch.Tensor)}
        is_flat = not examples.kwargs and all(isinstance(x, torch.Tensor) for x in examples.args)
        self._plain_count = len(examples.args) if is_flat else -1

    def tensors(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        """The tensors of a call, in order.

        Raises:
            n2d2.errors.ValueError: when the arguments differ from those captured in more than the tensors.
        """
        if not kwargs and len(args) == self._plain_count:
            return args
        try:
            bound = self._parameters.bind(*args, **kwargs)
        except TypeError as cause:
            raise errors.TypeError(f"{self._name}: {cause}") from cause
        leaves, spec = pytree.tree_flatten((bound.args, bound.kwargs))
        if spec != self._spec:
            raise errors.ValueError(f"{self._name}: called with other arguments than at wrap; give `example_inputs` for this kind of call")
        for i, expected in self._fixed.items():
            if type(leaves[i]) is not type(expected) or leaves[i] != expected:
                raise errors.ValueError(
                    f"{self._name}: argument {expected!r} at wrap is {leaves[i]!r} now; only tensors may change, wrap it again for others"
                )
        return tuple([leaf for i, leaf in enumerate(leaves) if i not in self._fixed])


def dynamic_shapes(module: torch.nn.Module, examples: Examples) -> Any:
    """For torch.export: the first axis of every tensor that has as many rows as the first is the batch."""
    rows = examples.rows

    def spec(x: Any) -> Any:
        return {0: Dim.AUTO} if isinstance(x, torch.Tensor) and x.dim() > 0 and x.shape[0] == rows else None

    bound = inspect.signature(module.forward).bind(*examples.args, **examples.kwargs)
    return {name: pytree.tree_map(spec, value) for name, value in bound.arguments.items()}


__all__ = ["Examples", "Signature", "dynamic_shapes", "examples_of"]
