"""Between `n2d2.Tensor` and `torch.Tensor`."""

from __future__ import annotations

import torch

import n2d2
from n2d2 import errors
from n2d2.tensor import DATATYPES


def to_n2d2(tensor: torch.Tensor) -> n2d2.Tensor:
    """The tensor as an `n2d2.Tensor`.

    Args:
        tensor: float32, float64, int32, int64 or uint8, of any shape and strides; a Parameter too, whose gradient is left behind.

    Returns:
        The same bytes when they lie contiguously in host memory, which then live as long as either of the two; else one copy.

    Raises:
        n2d2.errors.TypeError: for other element types, sparse tensors, and what is no tensor.
        n2d2.errors.ValueError: for tensors without data (meta).
    """
    if not isinstance(tensor, torch.Tensor):
        raise errors.TypeError(f"to_n2d2: expected a torch.Tensor, got {type(tensor).__name__}")
    dtype = str(tensor.dtype).removeprefix("torch.")
    if dtype not in DATATYPES:
        raise errors.TypeError(f"to_n2d2: a tensor of {dtype}, expected one of {', '.join(DATATYPES)}; convert it, such as by .float()")
    if tensor.layout != torch.strided:
        raise errors.TypeError(f"to_n2d2: a tensor of layout {tensor.layout}; call .to_dense() first")
    if tensor.is_meta:
        raise errors.ValueError("to_n2d2: a tensor on the meta device has no data")
    return n2d2.Tensor(tensor.detach().cpu().resolve_neg().contiguous().numpy())


def to_torch(tensor: n2d2.Tensor) -> torch.Tensor:
    """The tensor as a `torch.Tensor` of the same bytes; memory that may not be written is copied once.

    Raises:
        n2d2.errors.TypeError: when it is no `n2d2.Tensor`.
    """
    if not isinstance(tensor, n2d2.Tensor):
        raise errors.TypeError(f"to_torch: expected an n2d2.Tensor, got {type(tensor).__name__}")
    array = tensor.numpy()
    return torch.from_numpy(array if array.flags.writeable else array.copy())


__all__ = ["to_n2d2", "to_torch"]
