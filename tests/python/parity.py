"""What "equal numbers" means.

One step: max|a-b| / max|b| per tensor, b in float64, is at most 4 times the larger of the framework's own float32 error and the change of
b when its inputs and weights are shaken by 1.2e-7, plus 4e-6. A tensor that is zero by structure is compared absolutely.

Several steps: training amplifies noise, so a twin of the framework's own model, its weights shaken by 1.2e-7, says how much. The
allowance is 1e-3 relative + 1e-4 absolute + 4 times the largest gap of that twin so far.
"""

from __future__ import annotations

import numpy as np

SHAKE = 1.2e-7


def shaken(array: np.ndarray, seed: int) -> np.ndarray:
    """The array with every element changed by up to one rounding of float32."""
    rng = np.random.default_rng(seed)
    return (array.astype(np.float64) * (1.0 + SHAKE * rng.uniform(-1.0, 1.0, array.shape))).astype(array.dtype)


def distance(a: np.ndarray, b: np.ndarray) -> float:
    """max|a-b| / max|b|; the absolute distance when b vanishes."""
    a, b = np.asarray(a, np.float64), np.asarray(b, np.float64)
    if a.size == 0:
        return 0.0
    scale = np.abs(b).max()
    gap = np.abs(a - b).max()
    return float(gap / scale) if scale > 1e-12 else float(gap)


def error_and_allowance(ours: np.ndarray, exact: np.ndarray, framework: np.ndarray, shaken_exact: np.ndarray) -> tuple[float, float]:
    """The distance from `exact`, and what one step may have."""
    return distance(ours, exact), 4 * max(distance(framework, exact), distance(shaken_exact, exact)) + 4e-6


def assert_one_step_close(ours: np.ndarray, exact: np.ndarray, framework: np.ndarray, shaken_exact: np.ndarray, name: str) -> None:
    """`exact`: float64. `framework`: its own float32 result. `shaken_exact`: float64 from shaken inputs and weights."""
    assert ours.shape == exact.shape, f"{name}: shape {ours.shape}, expected {exact.shape}"
    found, allowance = error_and_allowance(ours, exact, framework, shaken_exact)
    assert found <= allowance, f"{name}: {found:.2e} from the exact value, allowed {allowance:.2e}"


class Twin:
    """Follows several steps: compares ours with the framework's, allowing for the gap of the framework's shaken twin."""

    def __init__(self) -> None:
        self.largest = 0.0

    def see(self, framework: np.ndarray, twin: np.ndarray) -> None:
        """Takes a gap into account; a network in which single events decide, as a ReLU that switches, needs several twins to show them."""
        gap = np.abs(np.asarray(twin, np.float64) - np.asarray(framework, np.float64))
        self.largest = max(self.largest, float(gap.max()))

    def check(self, ours: np.ndarray, framework: np.ndarray, twin: np.ndarray, name: str) -> None:
        """Raises when ours is farther off than noise explains; where the twin stays near, the plain rule alone must hold."""
        ours, framework = (np.asarray(x, np.float64) for x in (ours, framework))
        self.see(framework, twin)
        plain = 1e-3 * float(np.abs(framework).max()) + 1e-4
        gap = float(np.abs(ours - framework).max())
        assert gap <= plain + 4 * self.largest, f"{name}: gap {gap:.2e}, allowed {plain + 4 * self.largest:.2e}"
        if 4 * self.largest < plain:
            assert gap <= plain, f"{name}: gap {gap:.2e}, plain rule allows {plain:.2e}"
