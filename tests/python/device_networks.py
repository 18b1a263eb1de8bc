"""The five networks for devices as tests take them: sizes, and values at which no ReLU switches by rounding."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

SURE = 3.0
"""Least mean of a ReLU's inputs, in their deviations: of a million, one in a hundred draws lies within rounding of zero."""


@dataclass(frozen=True)
class Case:
    """A network at a size; `shape` is that of one row, channels first."""

    name: str
    shape: tuple[int, ...]
    classes: int
    """0: the target is the input."""
    extent: int | None = None
    """Of the Keras form, where it is an argument."""

    @property
    def arguments(self) -> dict[str, object]:
        """Of the function that makes it; without dropout, whose masks differ between frameworks."""
        given: dict[str, object] = {"classes": self.classes} if self.classes else {}
        return given | ({"dropouts": (0.0, 0.0)} if self.name == "ds_cnn" else {})


CASES = {
    case.name: case
    for case in [
        Case("resnet8", (3, 32, 32), 10),
        Case("mobilenet_v1", (3, 96, 96), 2),
        Case("ds_cnn", (1, 49, 10), 12),
        Case("autoencoder", (640,), 0),
        Case("resnet18", (3, 64, 64), 10, 64),
    ]
}
FULL_RESNET18 = Case("resnet18", (3, 224, 224), 1000, 224)


def sure_scale_and_shift(channels: int, may_be_dead: bool, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """gamma and beta of a batch normalisation, far from zero on the side of the ReLU that passes; `may_be_dead`: every fourth channel on the other."""
    rng = np.random.default_rng(seed)
    gamma = rng.uniform(0.5, 1.0, channels)
    beta = SURE + rng.uniform(0, 0.5, channels)
    if may_be_dead:
        beta[3::4] *= -1
    return gamma.astype(np.float32), beta.astype(np.float32)


def batch(case: Case, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Normal noise, channels first, and random targets."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((rows, *case.shape), np.float32)
    return (x, rng.integers(0, case.classes, rows)) if case.classes else (x, x)
