"""Wraps the sub-modules of a network that the engine can run, and leaves the others in PyTorch."""

from __future__ import annotations

import copy
import warnings
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils import _pytree as pytree

from n2d2 import errors
from n2d2.solver import Solver
from pytorch_interoperability.block import Block
from pytorch_interoperability.signature import Examples


@dataclass
class _Calls:
    """What the sub-modules were called with, by path."""

    examples: dict[str, Examples] = field(default_factory=dict)
    differ: set[str] = field(default_factory=set)

    def note(self, path: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Keeps the first call; says when a later one has other extents."""
        new = Examples(*pytree.tree_map(lambda x: x.detach().clone() if isinstance(x, torch.Tensor) else x, (args, kwargs)))
        if path in self.examples and _shapes(new) != _shapes(self.examples[path]):
            self.differ.add(path)
        self.examples.setdefault(path, new)


def _shapes(examples: Examples) -> list[Any]:
    leaves = pytree.tree_leaves((examples.args, examples.kwargs))
    return [x.shape if isinstance(x, torch.Tensor) else x for x in leaves]


def wrap_parts(module: torch.nn.Module, examples: Examples, update: str, solver: Solver | None) -> torch.nn.Module:
    """A Block when all is supported, else a copy of the module that shares its parameters and has Blocks as sub-modules."""
    try:
        return Block(module, examples, update, solver)
    except errors.UnsupportedError:
        calls = _record(module, examples)
    left: list[str] = []
    result = _Parts(calls, update, solver, left).of(module, "", as_whole=False)
    trains = "; train them with a torch optimizer" if update == "n2d2" else ""
    warnings.warn(f"left in PyTorch, of {type(module).__name__}: {', '.join(left)}{trains}", stacklevel=3)
    return result


def _record(module: torch.nn.Module, examples: Examples) -> _Calls:
    """Runs the module once, without effects on its buffers, its modes or torch's generator."""
    calls = _Calls()
    trial = copy.deepcopy(module).eval()
    for path, child in trial.named_modules():

        def hook(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any], path: str = path) -> None:
            calls.note(path, args, kwargs)

        child.register_forward_pre_hook(hook, with_kwargs=True)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        trial(*examples.args, **examples.kwargs)
    return calls


def _is_plain(module: torch.nn.Module) -> bool:
    """One of torch's modules without parameters, whose name says what it does: not worth mentioning."""
    return type(module).__module__.startswith("torch.nn.modules.")


class _Parts:
    def __init__(self, calls: _Calls, update: str, solver: Solver | None, left: list[str]) -> None:
        self._calls, self._update, self._solver, self._left = calls, update, solver, left

    def of(self, module: torch.nn.Module, path: str, as_whole: bool = True) -> torch.nn.Module:
        """The module as a Block, or with Blocks inside, or as it is."""
        examples = self._calls.examples.get(path)
        has_parameters = any(True for _ in module.parameters())
        if as_whole and examples is not None and examples.tensors and path not in self._calls.differ and has_parameters:
            try:
                return Block(module, examples.with_two_rows(), self._update, self._solver)
            except errors.N2D2Error:
                pass
        children = {name: child for name, child in module._modules.items() if child is not None}
        is_container = type(module).__module__ == "torch.nn.modules.container"
        if examples is not None and not is_container and (has_parameters or not _is_plain(module)):
            name = f"'{path}'" if path else "the network itself"
            self._left.append(f"{name} ({type(module).__name__}{' apart from its sub-modules' if children else ''})")
        if not children:
            return module
        inside = {name: self.of(child, f"{path}.{name}" if path else name) for name, child in children.items()}
        if all(inside[name] is child for name, child in children.items()):
            return module
        result = copy.copy(module)
        result.__dict__["_modules"] = {**module._modules, **inside}
        return result


__all__ = ["wrap_parts"]
