"""Chosen rows of arrays, gathered by the engine's threads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from n2d2._engine import engine

Array = np.ndarray[Any, Any]


class ChosenRows:
    """Rows of several arrays of one length, in memory that the next call overwrites.

    Args:
        arrays: of any type and layout. What is given twice, as an autoencoder's inputs are, is gathered once.
        most: the most rows that are asked for at a time.
    """

    def __init__(self, arrays: Sequence[Array], most: int) -> None:
        self._most = most
        self._copies = engine.RowCopies()
        self._others: list[tuple[Array, Array]] = []  # whose rows have gaps
        self._kept = arrays
        buffers: dict[Any, Array] = {}
        self._buffers: list[Array] = []
        for array in arrays:
            place = (array.ctypes.data, array.shape, array.strides, array.dtype)
            if place not in buffers:
                buffers[place] = self._added(array)
            self._buffers.append(buffers[place])

    def _added(self, array: Array) -> Array:
        buffer = np.empty((self._most, *array.shape[1:]), array.dtype)
        if array[:1].flags.c_contiguous:
            self._copies.add(array.ctypes.data, array.strides[0], array[:1].nbytes, buffer.ctypes.data)
        else:
            self._others.append((array, buffer))
        return buffer

    def of(self, numbers: Array) -> list[Array]:
        """Those rows of every array, in this order. Their numbers (int64, without gaps) are in range."""
        count = len(numbers)
        self._copies.run(numbers.ctypes.data, count)
        for array, buffer in self._others:
            array.take(numbers, 0, buffer[:count], "clip")  # "raise" would take a copy
        return self._buffers if count == self._most else [buffer[:count] for buffer in self._buffers]


__all__ = ["ChosenRows"]
