"""The module's own parameters and buffers, which the engine reads and writes where they lie."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from n2d2 import errors
from pytorch_interoperability.imported import memory_order


class Slots:
    """Where each parameter and buffer of a graph is kept in the module, and what the engine knows about it."""

    def __init__(self, module: torch.nn.Module, network: Any, names: Iterable[str]) -> None:
        self._network = network
        self._names = list(names)
        self._known: list[tuple[dict[str, Any], str, Any, int, bool]] = []
        for name in self._names:
            owner_path, _, last = name.rpartition(".")
            owner = module.get_submodule(owner_path)
            self._known.append((owner._parameters if last in owner._parameters else owner._buffers, last, None, 0, False))
        self._layouts = {name: (shape, order) for name, shape, order in [*network.parameters, *network.buffers]}
        self._parameters = {entry[0] for entry in network.parameters}
        self._told: list[str] | None = None
        self._gradients: list[torch.Tensor] | None = None
        self._versions: list[int] = []
        self.trainable: list[str] = []
        """Names of the parameters that get gradients."""
        self.trained: list[torch.Tensor] = []
        """And the parameters themselves."""

    def check(self) -> bool:
        """Tells the engine which tensors moved, froze or thawed since the last step. Called in every step.

        Returns:
            False when one is gone, or has become the same as another: the capture does not describe the module any more.
        """
        for owner, key, tensor, address, trains in self._known:
            if owner.get(key) is not tensor or tensor.data_ptr() != address or tensor.requires_grad is not trains:
                return self._follow()
        return True

    def _follow(self) -> bool:
        tensors: list[Any] = [owner.get(key) for owner, key, *_ in self._known]
        if any(tensor is None for tensor in tensors) or len({id(tensor) for tensor in tensors}) < len(tensors):
            return False
        for i, (owner, key, _, address, _) in enumerate(self._known):
            tensor = tensors[i]
            if tensor.data_ptr() != address:
                self._bind(self._names[i], tensor)
            self._known[i] = (owner, key, tensor, tensor.data_ptr(), tensor.requires_grad)
        pairs = [(name, t) for name, t in zip(self._names, tensors, strict=True) if name in self._parameters and t.requires_grad]
        names = [name for name, _ in pairs]
        if names != self._told:
            self._network.set_trainable(names)
            self._told = names
        self.trainable, self.trained, self._gradients = names, [tensor for _, tensor in pairs], None
        return True

    def _bind(self, name: str, tensor: torch.Tensor) -> None:
        if tensor.device.type != "cpu" or tensor.dtype != torch.float32:
            raise errors.TypeError(f"'{name}' became {tensor.dtype} on {tensor.device}; n2d2 needs float32 on the CPU")
        shape, order = self._layouts[name]
        if list(tensor.shape) != shape:
            raise errors.ShapeError(f"'{name}' changed its shape after wrap from {shape} to {list(tensor.shape)}; wrap again")
        if memory_order(tensor) != order:
            raise errors.StateError(f"'{name}' changed its memory format after wrap; call .contiguous() on it or wrap again")
        self._network.bind(name, tensor.data_ptr())

    def gradients(self) -> list[torch.Tensor]:
        """The engine's gradients of `trained`, as views in torch's shapes."""
        if self._gradients is None:
            stored = [torch.from_numpy(self._network.gradient(name)) for name in self.trainable]
            self._gradients = [torch.as_strided(g, p.shape, p.stride()) for g, p in zip(stored, self.trained, strict=True)]
        return self._gradients

    def written(self) -> bool:
        """Whether torch wrote a tensor since this was asked last."""
        versions = [tensor._version for _, _, tensor, _, _ in self._known]
        if versions == self._versions:
            return False
        self._versions = versions
        return True

    def tensors(self) -> list[Any]:
        """The tensors the engine knows."""
        return [tensor for _, _, tensor, _, _ in self._known]


__all__ = ["Slots"]
