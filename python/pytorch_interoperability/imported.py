"""What the capture of a module results in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import torch
from torch.utils import _pytree as pytree


@dataclass
class Leaf:
    """One leaf of the module's result: an output of the graph, its axes put into torch's order, or a fixed object."""

    output: int = -1
    order: list[int] | None = None
    fixed: Any = None

    def of(self, outputs: Any) -> Any:
        """The leaf, given the graph's outputs."""
        if self.output < 0:
            return self.fixed.clone() if isinstance(self.fixed, torch.Tensor) else self.fixed
        value = outputs[self.output]
        return value if self.order is None else value.permute(self.order)


@dataclass
class Imported:
    """A graph and what it needs from the module."""

    graph: Any
    tensors: dict[str, torch.Tensor]
    """Parameters and buffers of the graph by name: the module's own objects."""
    counters: list[str] = field(default_factory=list)
    """Integer buffers that grow by one in each training forward."""
    folded: list[str] = field(default_factory=list)
    """Buffers whose numbers at the time of capture are constants of the graph."""
    is_random: bool = False
    fixed_rows: int | None = None
    least_rows: int = 1
    masks: set[str] = field(default_factory=set)
    """Inputs that are bool in torch, float32 in the graph."""
    rows_input: int = 0
    """The input whose first axis tells the number of rows."""
    out_spec: Any = None
    leaves: list[Leaf] = field(default_factory=list)

    @property
    def is_single(self) -> bool:
        """Whether the result is the graph's only output as it is."""
        return bool(self.out_spec.is_leaf()) and self.leaves[0].output == 0 and self.leaves[0].order is None

    def result(self, outputs: Any) -> Any:
        """The module's result made from the graph's outputs."""
        return pytree.tree_unflatten([leaf.of(outputs) for leaf in self.leaves], self.out_spec)


def memory_order(tensor: torch.Tensor) -> list[int] | None:
    """Axes from the slowest to the fastest, [] when row-major, None when the tensor has gaps."""
    if tensor.is_contiguous():
        return []
    order = sorted(range(tensor.dim()), key=tensor.stride, reverse=True)
    return order if tensor.permute(order).is_contiguous() else None


__all__ = ["Imported", "Leaf", "memory_order"]
