"""Tensors that are not computed from others: filled, or drawn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from pytorch_interoperability.handlers.registry import UnsupportedArgument, handles


class Filled:
    """A tensor with a row per row of the batch, all of one number, such as `torch.zeros(x.size(0), 3)`."""

    def __init__(self, shape: list[int], number: float) -> None:
        self.shape = shape
        self.number = number


@dataclass(frozen=True)
class Drawn:
    """A mask of ones with probability p, else zeros, times `scale`: what branches of whole rows are dropped by."""

    shape: list[int]
    p: float
    scale: float = 1.0

    def scaled(self, factor: float) -> Drawn:
        """The mask times a number."""
        return Drawn(self.shape, self.p, self.scale * factor)

    def times(self, g: Any, x: Any) -> Any:
        """x times the mask, which is one number for all elements along its axes of extent 1."""
        if isinstance(x, int | float):
            return self.scaled(float(x))
        rank = len(x.shape)
        mask = [1] * (rank - len(self.shape)) + self.shape
        if any(m not in (1, extent) for m, extent in zip(mask, x.shape, strict=True)):
            raise UnsupportedArgument(f"a random mask of shape {self.shape} for a tensor of shape {x.shape}")
        shared = [axis for axis in range(rank) if mask[axis] == 1 and x.shape[axis] != 1]
        g.mark_random()
        y = g.node("Dropout", [x], {"ratio": 1.0 - self.p, "training_mode": 1, "shared_axes": shared})
        factor = self.scale * self.p  # dropout divides by p
        return y if abs(factor - 1.0) < 1e-7 else g.node("Mul", [y, factor])


NUMBERS = {"zeros": 0.0, "new_zeros": 0.0, "zeros_like": 0.0, "ones": 1.0, "new_ones": 1.0, "ones_like": 1.0}


@handles(*NUMBERS, moves="own")
def filled(g: Any, *arguments: Any, **options: Any) -> Any:
    return _of(g, NUMBERS[g.target.split(".")[1]])


@handles("empty.memory_format", "new_empty", "empty_like", moves="own")
def empty(g: Any, *arguments: Any, **options: Any) -> Any:
    return _of(g, 0.0)


@handles("full", "new_full", "full_like", moves="own")
def full(g: Any, like: Any, *arguments: Any, **options: Any) -> Any:
    return _of(g, float(arguments[-1]))


def _of(g: Any, number: float) -> Any:
    extents = g.output_shape()
    return Filled(extents, number) if min(extents, default=1) < 0 else torch.full(extents, number, dtype=g.output_dtype())


@handles("bernoulli_.float")
def bernoulli(g: Any, x: Any, p: float = 0.5, *, generator: Any = None) -> Drawn:
    if generator is not None:
        raise UnsupportedArgument("a generator of its own; use torch's")
    return Drawn(list(x.shape), float(p))


@handles("randn", moves="own")
def randn(g: Any, *arguments: Any, **options: Any) -> Any:
    g.mark_random()
    return g.node("RandomNormal", [_of(g, 0.0)], {"stddev": 1.0})


@handles("randn_like", moves="pointwise")
def randn_like(g: Any, x: Any, **options: Any) -> Any:
    g.mark_random()
    return g.node("RandomNormal", [g.node("Mul", [x, 0.0])], {"stddev": 1.0})
