"""Checks of targets before the engine computes a loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from n2d2 import errors
from n2d2.loss import Loss

Array = npt.NDArray[Any]


def checked_targets(loss: Loss, shape: list[int], targets: Any, rows: int) -> Array:
    """The targets for outputs of that shape as the engine takes them: int64 [rows] class numbers, or float32 like the output.

    Raises:
        ShapeError: when they do not fit. The engine checks that class numbers are in range.
    """
    array = np.asarray(targets)
    expected = [rows, *shape[1:]]
    if loss.by_class and np.issubdtype(array.dtype, np.integer) and array.ndim == 1:
        if len(array) != rows:
            raise errors.ShapeError(f"targets: expected {rows} class numbers, got {len(array)}")
        return np.ascontiguousarray(array, np.int64)
    if list(array.shape) != expected:
        numbers = f", or {rows} class numbers of an integer type" if loss.by_class else ""
        raise errors.ShapeError(f"targets: expected shape {expected}{numbers}, got shape {list(array.shape)} of {array.dtype}")
    return np.ascontiguousarray(array, np.float32)


__all__ = ["checked_targets"]
