"""What a capture was made for, compared in every step: a change selects another capture, or asks for a new one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

SETTINGS = ("training", "p", "momentum")
HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


class Watch:
    """A module's structure, and the numbers in its sub-modules that a capture holds as constants."""

    def __init__(self, module: torch.nn.Module) -> None:
        modules = list(module.modules())
        self._children = [(m._modules, list(m._modules.values())) for m in modules if m._modules]
        self._tied = _tied(modules)
        hooks = [vars(m)[name] for m in modules for name in HOOKS]
        self._without_hooks = [h for h in hooks if not h]
        self._with_hooks = [(h, list(h.values())) for h in hooks if h]
        self._settings = [(vars(m), name, vars(m)[name]) for m in modules for name in _settings_of(m)]
        self.key = tuple([value for _, _, value in self._settings])
        """Equal for equal settings, as long as the structure is the same."""
        self._constants: list[tuple[dict[str, Any], str, Any, int]] = []

    def holds(self) -> bool:
        """Whether everything is as it was. Called in every step; an equal number in another object counts as a change."""
        for owner, name, value in self._settings:
            if owner.get(name) is not value:
                return False
        return self.has_same_structure()

    def has_same_structure(self) -> bool:
        """Whether no sub-module or hook was replaced, added or removed, and parameters of two names are still the same."""
        for owner, children in self._children:
            if [*owner.values()] != children:
                return False
        if any(self._without_hooks) or (self._with_hooks and any(list(h.values()) != before for h, before in self._with_hooks)):
            return False
        if any(owner.get(name) is not tensor or tensor._version != version for owner, name, tensor, version in self._constants):
            return False
        return not self._tied or all(first.get(name) is second.get(other) for first, name, second, other in self._tied)

    def hold_constant(self, buffers: Iterable[tuple[dict[str, Any], str]]) -> None:
        """The capture has the numbers of these buffers in it: writing one, or another tensor in its place, is another structure."""
        self._constants = [(owner, name, owner[name], owner[name]._version) for owner, name in buffers]

    def put_back(self) -> None:
        """Called after a capture, which runs forward: what forward wrote is undone, as an older torch does not do itself."""
        for owner, name, value in self._settings:
            owner[name] = value


def _settings_of(module: torch.nn.Module) -> list[str]:
    """Of torch's own modules those that scripts change while they train; of the user's every number, truth value and text."""
    if type(module).__module__.startswith("torch."):
        return [name for name in SETTINGS if name in vars(module)]
    return [name for name, value in vars(module).items() if name == "training" or (name[0] != "_" and isinstance(value, int | float | str))]


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


__all__ = ["Watch", "averages_all_batches"]
