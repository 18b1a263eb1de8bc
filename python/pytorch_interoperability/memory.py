"""The module's own parameters and buffers, which the engine reads and writes where they lie."""

from __future__ import annotations

from typing import Any

import torch

from n2d2 import errors
from pytorch_interoperability.importer import memory_order


class Slots:
    """Where each parameter and buffer of a graph is kept in the module, and the address the engine knows."""

    def __init__(self, module: torch.nn.Module, network: Any, names: list[str]) -> None:
        self._network = network
        self._slots: list[tuple[dict[str, Any], str, str]] = []
        for name in names:
            owner_path, _, last = name.rpartition(".")
            owner = module.get_submodule(owner_path)
            self._slots.append((owner._parameters if last in owner._parameters else owner._buffers, last, name))
        self._addresses = [0] * len(names)
        self._orders = {entry[0]: entry[2] for entry in [*network.parameters, *network.buffers]}

    def check(self) -> None:
        """Tells the engine which tensors moved since the last step. Called in every step."""
        addresses = self._addresses
        for i, (owner, key, _) in enumerate(self._slots):
            if owner[key].data_ptr() != addresses[i]:
                self._moved(i)

    def _moved(self, i: int) -> None:
        owner, key, name = self._slots[i]
        tensor = owner[key]
        if tensor.device.type != "cpu" or tensor.dtype != torch.float32:
            raise errors.TypeError(f"'{name}' became {tensor.dtype} on {tensor.device}; n2d2 needs float32 on the CPU")
        if memory_order(tensor) != self._orders[name]:
            raise errors.StateError(f"'{name}' changed its memory format after wrap; call .contiguous() on it or wrap again")
        self._network.bind(name, tensor.data_ptr())
        self._addresses[i] = tensor.data_ptr()

    def tensors(self) -> list[torch.Tensor]:
        """The tensors as they are now."""
        return [owner[key] for owner, key, _ in self._slots]


__all__ = ["Slots"]
