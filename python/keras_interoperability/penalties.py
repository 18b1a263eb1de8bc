"""Terms of the loss that depend on weights alone: what layers ask for with `kernel_regularizer=` and the like."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Penalties:
    """The L1 and L2 terms of a model, computed from the weights where they lie.

    Args:
        weights: memory of every trained variable that has a regulariser, by the variable's name, and the regulariser.
    """

    def __init__(self, weights: dict[str, tuple[Array, Any]]) -> None:
        self._terms = [(name, memory, *_factors(regulariser)) for name, (memory, regulariser) in weights.items()]

    def value(self) -> float:
        """The sum of all terms."""
        total = 0.0
        for _, w, l1, l2 in self._terms:
            total += l1 * float(np.add.reduce(np.abs(w), None, np.float64)) if l1 else 0.0
            total += l2 * float(np.add.reduce(np.square(w), None, np.float64)) if l2 else 0.0
        return total

    def gradients(self) -> dict[str, Array]:
        """Of the value, by the variable's name."""
        return {name: np.float32(2 * l2) * w + np.float32(l1) * np.sign(w) for name, w, l1, l2 in self._terms}


def is_known(regulariser: Any) -> bool:
    """Whether `Penalties` computes it."""
    return type(regulariser) in (keras.regularizers.L1, keras.regularizers.L2, keras.regularizers.L1L2)


def _factors(regulariser: Any) -> tuple[float, float]:
    return float(getattr(regulariser, "l1", 0.0)), float(getattr(regulariser, "l2", 0.0))


__all__ = ["Penalties", "is_known"]
