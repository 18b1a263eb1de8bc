"""How the learning rate shown at `model.optimizer` reaches the solver without a call of TensorFlow in a step."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from keras_interoperability.mirror import Counter, watch
from n2d2.solver import Solver

schedules = keras.optimizers.schedules


class Rate:
    """Hands a constant rate over when it is assigned, and that of a schedule before each update."""

    def __init__(self, optimizer: Any, solver: Solver, counter: Counter) -> None:
        self._optimizer = optimizer
        self._solver = solver
        self._counter = counter
        self._source: Any = None
        self._at: Callable[[int], float] | None = None
        self._is_stale = True
        self._pushed = solver.learning_rate

    def mark_stale(self) -> None:
        """The rate was assigned, or may have been."""
        self._is_stale = True

    def push(self) -> None:
        """Call before each update."""
        source = self._optimizer._learning_rate
        if source is not self._source:
            self._follow(source)
        if self._at is not None:
            rate = shortest(self._at(self._counter.count))
        elif self._is_stale:
            self._is_stale = False
            rate = shortest(float(source))
        else:
            return
        if rate != self._pushed:
            self._solver.learning_rate = self._pushed = rate

    def _follow(self, source: Any) -> None:
        self._source = source
        self._is_stale = True
        self._at = None
        if isinstance(source, schedules.LearningRateSchedule):
            closed = CLOSED_FORMS.get(type(source))
            self._at = (lambda step: closed(source, step)) if closed is not None else (lambda step: float(source(step)))
        elif isinstance(source, keras.Variable):
            watch(source, self.mark_stale)
        elif callable(source):
            self._at = lambda step: float(source())


def shortest(number: float) -> float:
    """The shortest decimal that is the same float32: Keras keeps 0.001 as 0.0010000000474974513."""
    return float(str(np.float32(number)))


# The schedules of Keras on Python floats; `s` is the schedule, `step` the number of updates done.


def _exponential(s: Any, step: int) -> float:
    p = step / s.decay_steps
    return float(s.initial_learning_rate * s.decay_rate ** (math.floor(p) if s.staircase else p))


def _inverse_time(s: Any, step: int) -> float:
    p = step / s.decay_steps
    return float(s.initial_learning_rate / (1 + s.decay_rate * (math.floor(p) if s.staircase else p)))


def _piecewise(s: Any, step: int) -> float:
    for boundary, value in zip(s.boundaries, s.values, strict=False):
        if step <= int(boundary):
            return float(value)
    return float(s.values[-1])


def _polynomial(s: Any, step: int) -> float:
    steps = s.decay_steps
    if s.cycle:
        steps *= max(1, math.ceil(step / steps))
    p = min(step, steps) / steps
    return float((s.initial_learning_rate - s.end_learning_rate) * (1 - p) ** s.power + s.end_learning_rate)


def _cosine(s: Any, step: int) -> float:
    start = s.initial_learning_rate
    if s.warmup_target is not None:
        if step < s.warmup_steps:
            return float(start + (s.warmup_target - start) * step / s.warmup_steps)
        start, step = s.warmup_target, step - s.warmup_steps
    p = min(step, s.decay_steps) / s.decay_steps
    return float(start * ((1 - s.alpha) * 0.5 * (1 + math.cos(math.pi * p)) + s.alpha))


CLOSED_FORMS: dict[type, Callable[[Any, int], float]] = {
    schedules.ExponentialDecay: _exponential,
    schedules.InverseTimeDecay: _inverse_time,
    schedules.PiecewiseConstantDecay: _piecewise,
    schedules.PolynomialDecay: _polynomial,
    schedules.CosineDecay: _cosine,
}
"""CosineDecayRestarts stays with Keras: where a restart falls depends on its float32 logarithm."""

__all__ = ["CLOSED_FORMS", "Rate", "shortest"]
