"""The module's own parameters and buffers, which the engine reads and writes where they lie."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from n2d2 import errors
from n2d2._engine import engine
from pytorch_interoperability.imported import memory_order


class Binding:
    """The tensors that the engine computes with, kept alive until the last backward over them has run."""

    def __init__(self, names: list[str], tensors: list[torch.Tensor], parameters: set[str]) -> None:
        self._names = names
        self.tensors = tensors
        self._addresses = [tensor.data_ptr() for tensor in tensors]
        self._parameters = [(name, tensor) for name, tensor in zip(names, tensors, strict=True) if name in parameters]
        self._compared = [tensor for _, tensor in self._parameters]  # buffers are not: forwards write those themselves

    def versions(self) -> list[int]:
        """What says whether torch wrote a parameter. Asked in every step."""
        return engine.attributes(self._compared, "_version")  # type: ignore[no-any-return]

    def check(self, versions: list[int]) -> None:
        """Raises StateError when a parameter was written since, or when any tensor got other memory. Called in every backward."""
        if not engine.same_attributes(self._compared, "_version", versions):
            pairs = zip(self._parameters, versions, strict=True)
            raise _outdated(next(name for (name, tensor), version in pairs if tensor._version != version))
        if not engine.same_results(self.tensors, "data_ptr", self._addresses):
            triples = zip(self._names, self.tensors, self._addresses, strict=True)
            raise _outdated(next(name for name, tensor, address in triples if tensor.data_ptr() != address))

    def bind(self, network: Any) -> None:
        """Makes them what the engine computes with, again."""
        for name, address in zip(self._names, self._addresses, strict=True):
            network.bind(name, address)


class Counters:
    """Buffers that grow by one in each training forward."""

    def __init__(self, places: list[tuple[dict[str, Any], str]]) -> None:
        self._places: list[tuple[dict[str, Any], str, Any]] = [(owner, key, None) for owner, key in places]
        self._tensors: list[torch.Tensor] = []
        self._addresses: list[int] = []

    def add_one(self) -> None:
        """Counts a forward. Called in every training step: by torch alone it costs more than all other bookkeeping."""
        if not (engine.in_place(self._places) and engine.same_results(self._tensors, "data_ptr", self._addresses)):
            self._follow()
        if self._addresses:
            engine.add_one(self._addresses)
            torch.autograd.graph.increment_version(self._tensors)
        else:
            torch._foreach_add_(self._tensors, 1)

    def _follow(self) -> None:
        self._tensors = [owner[key] for owner, key, _ in self._places]
        self._places = [(owner, key, tensor) for (owner, key, _), tensor in zip(self._places, self._tensors, strict=True)]
        are_plain = all(t.dtype is torch.int64 and t.is_cpu and t.numel() == 1 and type(t) is torch.Tensor for t in self._tensors)
        self._addresses = [tensor.data_ptr() for tensor in self._tensors] if are_plain else []


class Slots:
    """Where each parameter and buffer of a graph is kept in the module, and what the engine knows about it."""

    def __init__(self, module: torch.nn.Module, network: Any, names: Iterable[str]) -> None:
        self._network = network
        self._names = list(names)
        self._places: list[tuple[dict[str, Any], str, Any]] = []  # which tensor is kept where, then what is known of each
        for name in self._names:
            owner_path, _, last = name.rpartition(".")
            owner = module.get_submodule(owner_path)
            self._places.append((owner._parameters if last in owner._parameters else owner._buffers, last, None))
        self._tensors: list[Any] = []
        self._addresses = [0] * len(self._names)
        self._trains: list[bool] = []
        self._layouts = {name: (shape, order) for name, shape, order in [*network.parameters, *network.buffers]}
        self._parameters = {entry[0] for entry in network.parameters}
        self._told: list[str] | None = None
        self._gradients: list[torch.Tensor] | None = None
        self._versions: list[int] = []
        self.trainable: list[str] = []
        """Names of the parameters that get gradients."""
        self.trained: list[torch.Tensor] = []
        """And the parameters themselves."""
        self.no_gradients: list[None] = []
        """None for each of them."""
        self.replaced = ""
        """Name of one that is no parameter but a tensor put in its place, as `torch.func.functional_call` does."""
        self.binding: Binding | None = Binding([], [], set())
        """What the engine computes with; None when `unbind` was called since."""

    def check(self) -> bool:
        """Tells the engine which tensors moved, froze or thawed since the last step. Called in every step.

        Returns:
            False when one is gone, or has become the same as another: the capture does not describe the module any more.
        """
        is_as_before = (
            engine.in_place(self._places)
            and engine.same_results(self._tensors, "data_ptr", self._addresses)
            and engine.same_attributes(self._tensors, "requires_grad", self._trains)
        )
        return is_as_before or self._follow()

    def _follow(self) -> bool:
        tensors: list[Any] = [owner.get(key) for owner, key, _ in self._places]
        if any(tensor is None for tensor in tensors) or len({id(tensor) for tensor in tensors}) < len(tensors):
            return False
        for name, tensor, address in zip(self._names, tensors, self._addresses, strict=True):
            if tensor.data_ptr() != address:
                self._bind(name, tensor)
        self._places = [(owner, key, tensor) for (owner, key, _), tensor in zip(self._places, tensors, strict=True)]
        self._tensors = tensors
        self._addresses = [tensor.data_ptr() for tensor in tensors]
        self._trains = [tensor.requires_grad for tensor in tensors]
        pairs = [(name, t) for name, t in zip(self._names, tensors, strict=True) if name in self._parameters and t.requires_grad]
        names = [name for name, _ in pairs]
        self.binding = Binding(self._names, tensors, self._parameters)
        self.replaced = next((name for name, tensor in pairs if not isinstance(tensor, torch.nn.Parameter)), "")
        if names != self._told:
            self._network.set_trainable(names)
            self._told = names
        self.trainable, self.trained, self._gradients = names, [tensor for _, tensor in pairs], None
        self.no_gradients = [None] * len(names)
        return True

    def _bind(self, name: str, tensor: torch.Tensor) -> None:
        if tensor.device.type != "cpu" or tensor.dtype != torch.float32:
            raise errors.TypeError(f"'{name}' became {tensor.dtype} on {tensor.device}; n2d2 needs float32 on the CPU")
        shape, order = self._layouts[name]
        if list(tensor.shape) != shape:
            raise errors.ShapeError(f"'{name}' changed its shape after wrap from {shape} to {list(tensor.shape)}; wrap again")
        if memory_order(tensor) != order:
            raise errors.StateError(
                f"'{name}' changed its memory format after wrap; undo it (.to(memory_format=torch.contiguous_format)) or wrap again"
            )
        self._network.bind(name, tensor.data_ptr())

    def unbind(self) -> None:
        """Others have told the engine where the weights lie; the next check tells it anew."""
        if self._names:
            self.binding = None
        self._places = [(owner, key, None) for owner, key, _ in self._places]
        self._addresses = [0] * len(self._names)

    def gradients(self) -> list[torch.Tensor]:
        """The engine's gradients of `trained`, as views in torch's shapes."""
        if self._gradients is None:
            stored = [torch.from_numpy(self._network.gradient(name)) for name in self.trainable]
            self._gradients = [torch.as_strided(g, p.shape, p.stride()) for g, p in zip(stored, self.trained, strict=True)]
        return self._gradients

    def written(self) -> bool:
        """Whether torch wrote a tensor since this was asked last."""
        if engine.same_attributes(self._tensors, "_version", self._versions):
            return False
        self._versions = engine.attributes(self._tensors, "_version")
        return True

    def tensors(self) -> list[Any]:
        """The tensors the engine knows."""
        return self._tensors


def _outdated(name: str) -> errors.StateError:
    return errors.StateError(
        f"backward over outdated weights: '{name}' was changed after this forward ran. Run forward again; with update=\"n2d2\" sum the "
        'losses and call backward once, or wrap with update="torch"'
    )


__all__ = ["Binding", "Counters", "Slots"]
