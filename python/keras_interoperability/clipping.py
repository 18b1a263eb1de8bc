"""Keras' `clipnorm`, `global_clipnorm` and `clipvalue` on the engine's gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]


class Clipping:
    """Bounds gradients in place, by the formulas of `keras.optimizers`.

    Args:
        kind: "clipnorm", "global_clipnorm" or "clipvalue".
        limit: the largest norm of each gradient, of all together, or the largest absolute value; above 0.
        gradients: of all trained variables.
    """

    def __init__(self, kind: str, limit: float, gradients: list[Array]) -> None:
        self._kind = kind
        self._limit = np.float32(limit)
        self._gradients = gradients

    @classmethod
    def of(cls, optimizer: Any, gradients: list[Array]) -> Clipping | None:
        """What the optimizer was told to do; None for nothing."""
        for kind in ("clipnorm", "global_clipnorm", "clipvalue"):
            limit = getattr(optimizer, kind, None)
            if limit and limit > 0:
                return cls(kind, limit, gradients)
        return None

    def run(self) -> None:
        """Call between backward and update."""
        if self._kind == "clipvalue":
            for gradient in self._gradients:
                np.clip(gradient, -self._limit, self._limit, out=gradient)
        elif self._kind == "clipnorm":
            for gradient in self._gradients:
                self._scale([gradient], _norm([gradient]))
        else:
            norm = _norm(self._gradients)
            self._scale(self._gradients, norm if np.isfinite(norm) else np.float32(np.nan))  # as Keras: nothing is left of any

    def _scale(self, gradients: list[Array], norm: np.float32) -> None:
        factor = self._limit / np.maximum(norm, self._limit)
        if factor != 1:
            for gradient in gradients:
                gradient *= factor


def _norm(gradients: list[Array]) -> np.float32:
    with np.errstate(all="ignore"):  # numbers that are none pass through, as in TensorFlow
        return np.float32(np.sqrt(sum(float(np.vdot(g, g)) for g in gradients)))


__all__ = ["Clipping"]
