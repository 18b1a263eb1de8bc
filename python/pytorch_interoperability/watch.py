"""What a capture was made for, compared in every step: a change selects another capture, or asks for a new one."""

from __future__ import annotations

import copy
from collections.abc import Iterable
from typing import Any

import torch
from torch.utils import _pytree as pytree

from n2d2._engine import engine

SETTINGS = ("training", "p", "momentum")
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")

TORCHS_OWN = frozenset(vars(torch.nn.Module()))


class Watch:
    """A module's structure, and the numbers in its sub-modules that a capture holds as constants."""

    def __init__(self, module: torch.nn.Module) -> None:
        modules = list(module.modules())
        self._children = [(m._modules, list(m._modules.values())) for m in modules if m._modules]
        self._tied = _tied(modules)
        hooks = [vars(m)[name] for m in modules for name in HOOKS]
        self._without_hooks = [h for h in hooks if not h]
        self._with_hooks = [(h, list(h.values())) for h in hooks if h]
        self._constants = [_constant(vars(m), name) for m in modules for name, t in _own(m) if isinstance(t, torch.Tensor)]
        self._settings = [(vars(m), name, vars(m)[name]) for m in modules for name in _settings_of(m)]
        self.key = tuple([value for _, _, value in self._settings])
        """Equal for equal settings, as long as the structure is the same."""

    def holds(self) -> bool:
        """Whether everything is as it was. Called in every step; an equal number in another object counts as a change."""
        return engine.in_place(self._settings) and self.has_same_structure()

    def has_same_structure(self) -> bool:
        """Whether no sub-module or hook was replaced, added or removed, and parameters of two names are still the same."""
        if not (engine.same_values(self._children) and engine.are_empty(self._without_hooks) and engine.same_values(self._with_hooks)):
            return False
        if self._constants and any(
            owner.get(name) is not t or t._version != version or t.data_ptr() != address
            for owner, name, t, version, address in self._constants
        ):
            return False
        return not self._tied or all(first.get(name) is second.get(other) for first, name, second, other in self._tied)

    def hold_constant(self, buffers: Iterable[tuple[dict[str, Any], str]]) -> None:
        """The capture has the numbers of these buffers in it: writing one, or another tensor in its place, is another structure."""
        self._constants += [_constant(owner, name) for owner, name in buffers]

    @property
    def has_constants(self) -> bool:
        """Whether the capture has numbers in it that a write behind torch's back would change."""
        return bool(self._constants)


class Attributes:
    """The plain attributes of a module and its sub-modules, as they are before a capture, which runs forward once."""

    def __init__(self, module: torch.nn.Module) -> None:
        # a hook before forward makes an attribute of others, as pruning does, and makes it again next time
        self._before = [(vars(m), _shallow(m), not _is_torchs(m) and not m._forward_pre_hooks) for m in module.modules()]

    def put_back(self) -> list[str]:
        """Undoes what forward wrote to them; the names of those it keeps tensors in, which a Block would never fill."""
        lost = []
        for owner, before, is_forwards in self._before:
            for name in [name for name in owner if _leaves(owner[name]) != _leaves(before.get(name, ()))]:
                if is_forwards and any(isinstance(leaf, torch.Tensor) for leaf in pytree.tree_leaves(owner[name])):
                    lost.append(name)
                if name in before:
                    owner[name] = before[name]
                else:
                    del owner[name]
        return list(dict.fromkeys(lost))


def _constant(owner: dict[str, Any], name: str) -> tuple[dict[str, Any], str, torch.Tensor, int, int]:
    tensor = owner[name]
    return owner, name, tensor, tensor._version, tensor.data_ptr()


def _is_torchs(module: torch.nn.Module) -> bool:
    return type(module).__module__.startswith("torch.")


def _own(module: torch.nn.Module) -> list[tuple[str, Any]]:
    """The plain attributes of a module of the user's."""
    return [] if _is_torchs(module) else [(name, value) for name, value in vars(module).items() if name not in TORCHS_OWN]


def _shallow(module: torch.nn.Module) -> dict[str, Any]:
    return {name: copy.copy(value) if isinstance(value, list | dict) else value for name, value in vars(module).items()}


def _leaves(value: Any) -> list[int]:
    return [id(leaf) for leaf in pytree.tree_leaves(value)]


def _settings_of(module: torch.nn.Module) -> list[str]:
    """Of torch's own modules those that scripts change while they train; of the user's every number, truth value and text."""
    if _is_torchs(module):
        return [name for name in SETTINGS if name in vars(module)]
    return ["training", *[name for name, value in _own(module) if isinstance(value, int | float | str)]]


def averages_all_batches(module: torch.nn.Module) -> bool:
    """Whether a BatchNorm averages over all batches (momentum=None)."""
    return any(isinstance(m, torch.nn.modules.batchnorm._BatchNorm) and m.momentum is None for m in module.modules())


def _tied(modules: list[torch.nn.Module]) -> list[tuple[dict[str, Any], str, dict[str, Any], str]]:
    places: dict[int, tuple[dict[str, Any], str]] = {}
    tied = []
    for module in modules:
        for name, parameter in module._parameters.items():
            first, key = places.setdefault(id(parameter), (module._parameters, name))
            if parameter is not None and (first is not module._parameters or key != name):
                tied.append((first, key, module._parameters, name))
    return tied


__all__ = ["Attributes", "Watch", "averages_all_batches"]
