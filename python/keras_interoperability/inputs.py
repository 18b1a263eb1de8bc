"""What a user hands over as x, as the arrays that the engine reads: matched by name or place as Keras' Functional models do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
import numpy.typing as npt

from n2d2 import errors

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class _Slot:
    """An input of the graph; -1 stands for the rows."""

    name: str
    shape: list[int]
    dtype: Any
    tail: tuple[int, ...]
    reader: str

    def array(self, given: Any) -> Array:
        """The batch in the engine's form; Keras' last axis of length 1 may be missing or too many."""
        array = np.asarray(given)
        if array.shape[1:] == self.tail and array.dtype == self.dtype:
            return np.ascontiguousarray(array)
        rank = len(self.shape)
        if array.ndim == rank - 1 and self.shape[-1] == 1:
            array = array[..., None]
        elif array.ndim == rank + 1 and array.shape[-1] == 1:
            array = array[..., 0]
        if array.ndim != rank or array.shape[1:] != self.tail:
            wanted = ", ".join(["N", *map(str, self.tail)])
            raise errors.ShapeError(f"input '{self.name}' (read by layer '{self.reader}'): expected [{wanted}], got {list(array.shape)}")
        if array.dtype.kind not in "fiub":
            raise errors.TypeError(f"input '{self.name}': expected numbers, got {array.dtype}")
        return np.ascontiguousarray(array, self.dtype)


class Inputs:
    """The inputs of one model.

    Args:
        structure: of Keras' symbolic inputs, as given to `keras.Model`.
        values: the graph's inputs, in the order of the flattened structure.
        reader: name of the first layer, for messages.
    """

    def __init__(self, structure: Any, values: Any, reader: str) -> None:
        self._slots = [_Slot(value.name, list(value.shape), np.dtype(value.dtype), tuple(value.shape[1:]), reader) for value in values]
        self._structure = structure
        self._keys = [path[-1] for path, _ in keras.tree.flatten_with_path(structure)] if isinstance(structure, dict) else None
        self._is_flat = not any(keras.tree.is_nested(part) for part in (structure.values() if self._keys else _parts(structure)))

    def arrays(self, x: Any) -> list[Array]:
        """One array for each input of the graph.

        Raises:
            n2d2.errors.ShapeError, TypeError, ValueError: naming the input.
        """
        slots = self._slots
        if not self._is_flat:
            parts = keras.tree.flatten(x)
        elif isinstance(x, dict):
            parts = self._by_name(x)
        elif self._keys is not None and list(self._structure) != self._keys:  # Keras sorts a dict's keys, so places would mislead
            raise errors.ValueError(f"inputs: expected a dict with {', '.join(self._keys)}, got {type(x).__name__}")
        else:
            parts = list(_parts(x))
        if len(parts) != len(slots):
            raise errors.ValueError(f"expected {len(slots)} inputs ({', '.join(slot.name for slot in slots)}), got {len(parts)}")
        arrays = [slot.array(part) for slot, part in zip(slots, parts, strict=True)]
        if len({len(array) for array in arrays}) > 1:
            counts = ", ".join(f"'{slot.name}' {len(array)}" for slot, array in zip(slots, arrays, strict=True))
            raise errors.ShapeError(f"all inputs need the same number of rows, got {counts}")
        return arrays

    def _by_name(self, x: dict[str, Any]) -> list[Any]:
        names = self._keys or [slot.name for slot in self._slots]
        missing = [name for name in names if name not in x]
        if missing:
            raise errors.ValueError(f"input '{missing[0]}' is missing; got {', '.join(map(str, x))}")
        return [x[name] for name in names]


def _parts(x: Any) -> Any:
    return x if isinstance(x, list | tuple) else (x,)


__all__ = ["Inputs"]
