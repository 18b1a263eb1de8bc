"""What a peer hands to the worker, and what peers share."""

from __future__ import annotations

import functools
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from catalog import Workload

BATCHES = 8  # that a step takes in turn


@dataclass
class Runner:
    """Work that can be timed."""

    run: Callable[[int], float]
    """Does that many steps and returns the last loss."""
    fixed_steps: int = 0
    """Number of steps that `run` does whatever it is told; 0: as told."""
    notes: dict[str, Any] = field(default_factory=dict)


@functools.cache
def arrays(workload: Workload, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Inputs, channels first, and targets: images where the network is made for some, else noise."""
    if workload.net in ("mnist", "tutorial"):
        sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "python"))
        import data

        images = data.mnist() if workload.net == "mnist" else data.cifar10_like()
        wanted = np.arange(rows) % len(images.x_train)
        return np.ascontiguousarray(images.x_train[wanted].transpose(0, 3, 1, 2)), images.y_train[wanted]
    rng = np.random.default_rng(0)
    x = rng.standard_normal((rows, *workload.shape), np.float32)
    return (x, rng.integers(0, workload.classes, rows)) if workload.classes else (x, x)


def batches(workload: Workload, count: int = BATCHES, channels_last: bool = False) -> list[tuple[np.ndarray, np.ndarray]]:
    """Batches that a step takes in turn."""
    x, y = arrays(workload, workload.batch * count)
    if channels_last and x.ndim == 4:
        x = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    cuts = [slice(i * workload.batch, (i + 1) * workload.batch) for i in range(count)]
    return [(x[cut], y[cut]) for cut in cuts]


def inputs(workload: Workload, measure: str, channels_last: bool = False) -> np.ndarray:
    """One batch for `predict1` or `predict128`."""
    x, _ = arrays(workload, int(measure.removeprefix("predict")))
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)) if channels_last and x.ndim == 4 else x


def stepping(step: Callable[..., float], data: Sequence[tuple[Any, Any]]) -> Runner:
    """Steps that take the batches in turn."""
    at = 0

    def run(count: int) -> float:
        nonlocal at
        loss = 0.0
        for _ in range(count):
            loss = step(*data[at % len(data)])
            at += 1
        return loss

    return Runner(run)


def fastest(ways: dict[str, Callable[[], Any]]) -> Runner:
    """Of several ways to do the same, the one whose best call is the fastest; its name becomes a note."""

    def best(way: Callable[[], Any]) -> float:
        times = []
        for _ in range(12):
            start = time.perf_counter()
            way()
            times.append(time.perf_counter() - start)
        return min(times[2:])

    name = min(ways, key=lambda name: best(ways[name])) if len(ways) > 1 else next(iter(ways))

    def run(count: int) -> float:
        for _ in range(count):
            ways[name]()
        return 0.0

    return Runner(run, notes={"way": name})
