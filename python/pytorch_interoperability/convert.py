"""Between `n2d2.Tensor` and `torch.Tensor`."""

from __future__ import annotations

import torch

import n2d2


def to_n2d2(tensor: torch.Tensor) -> n2d2.Tensor:
    """The tensor as an `n2d2.Tensor`: the same bytes when it is contiguous and on the CPU, else one copy."""
    return n2d2.Tensor(tensor.detach().cpu().contiguous().numpy())


def to_torch(tensor: n2d2.Tensor) -> torch.Tensor:
    """The tensor as a `torch.Tensor` of the same bytes."""
    return torch.from_numpy(tensor.numpy())


__all__ = ["to_n2d2", "to_torch"]
