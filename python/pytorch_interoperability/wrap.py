"""`wrap`: one line that puts a torch network into the engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from n2d2 import errors
from n2d2.solver import Solver, copy_of
from pytorch_interoperability.block import Block
from pytorch_interoperability.examine import table_of
from pytorch_interoperability.parts import wrap_parts
from pytorch_interoperability.signature import Examples, examples_of


def wrap(
    torch_net: torch.nn.Module,
    input_size: Sequence[int] | Sequence[Sequence[int]] | None = None,
    *,
    update: str = "n2d2",
    solver: Solver | None = None,
    example_inputs: Any = None,
    on_unsupported: str = "error",
    opset_version: int | None = None,
    in_names: Sequence[str] | None = None,
    out_names: Sequence[str] | None = None,
    verbose: bool = False,
) -> Any:
    """A `Block` that computes what the network computes, in n2d2.

    Args:
        torch_net: a network on the CPU, in float32.
        input_size: extents of an input with the batch first, (4, 3, 32, 32), or one such tuple per input. Any batch size may be
            used later; this one is planned for.
        update: "n2d2": ``loss.backward()`` also updates the weights with the solver. "torch": gradients are returned to torch.
        solver: an `n2d2.solver` for update="n2d2"; default `n2d2.solver.SGD()`.
        example_inputs: instead of ``input_size``: arguments to capture with. A tensor, a tuple of positional arguments, or a dict of
            named ones; tensors may be nested in lists, tuples and dicts, may be float32, int64, int32 or bool, and those with as many rows
            as the first have the batch on axis 0. Other arguments (numbers, None, texts) stay as they are here.
        on_unsupported: "error": refuse a network that is not supported as a whole. "torch": return a copy of it that shares its parameters,
            with a Block for every sub-module that is supported; a warning names what is left in PyTorch.
        opset_version, in_names, out_names: taken for scripts written for the original N2D2; nothing is written, so they have no effect.
        verbose: print the summary.

    Raises:
        n2d2.errors.UnsupportedError: lists every operator that has no counterpart, with module path and line.
        n2d2.errors.ValueError: when an argument does not fit.
    """
    examples = _examples(torch_net, input_size, example_inputs)
    if update not in ("n2d2", "torch"):
        raise errors.ValueError(f'update: expected "n2d2" or "torch", got {update!r}')
    solver = None if solver is None else copy_of(solver)
    if solver is not None and update == "torch":
        raise errors.ValueError('solver: with update="torch" a torch optimizer updates; leave the solver out')
    if on_unsupported not in ("error", "torch"):
        raise errors.ValueError(f'on_unsupported: expected "error" or "torch", got {on_unsupported!r}')
    if on_unsupported == "torch":
        return wrap_parts(torch_net, examples, update, solver)
    block = Block(torch_net, examples, update, solver)
    if verbose:
        block.summary()
    return block


def examine(
    torch_net: torch.nn.Module,
    input_size: Sequence[int] | Sequence[Sequence[int]] | None = None,
    *,
    example_inputs: Any = None,
) -> list[str]:
    """Prints what `wrap` would make of the network, without wrapping it: modules, operators, parameters, and what it would refuse.

    Args:
        torch_net, input_size, example_inputs: as for `wrap`.

    Returns:
        What stands in the way, one text each; nothing when `wrap` takes the network.
    """
    text, problems = table_of(torch_net, _examples(torch_net, input_size, example_inputs))
    print(text)
    return problems


@torch.inference_mode(False)
def _examples(net: Any, input_size: Any, example_inputs: Any) -> Examples:
    if isinstance(net, Block):
        raise errors.ValueError("torch_net: this network is wrapped already; use it as it is")
    if not isinstance(net, torch.nn.Module):
        raise errors.TypeError(f"torch_net: expected a torch.nn.Module, got {type(net).__name__}")
    if example_inputs is not None:
        return examples_of(net, example_inputs)
    if not input_size:
        raise errors.ValueError("input_size: missing; give the input's extents with the batch first, such as (4, 3, 32, 32)")
    sizes = [input_size] if isinstance(input_size[0], int) else list(input_size)
    for size in sizes:
        if len(size) == 0 or any(isinstance(n, bool) or not isinstance(n, int) or n < 1 for n in size):
            raise errors.ValueError(f"input_size: expected positive integers, batch first, got {tuple(size)}")
    return examples_of(net, tuple(torch.zeros(tuple(size)) for size in sizes))


__all__ = ["examine", "wrap"]
