"""Solvers: how gradients change weights. Formulas: ``src/n2d2/solvers/solver.h`` and the guide's page on solvers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from n2d2 import errors
from n2d2._engine import engine

COUNTERS = ("iterations", "rows_seen", "passes", "pass_rows")


def _real(name: str, value: Any) -> float:
    if isinstance(value, str | bytes) or not hasattr(value, "__float__"):
        raise errors.TypeError(f"{name}: expected a number, got {value!r}")
    return float(value)


def _whole(name: str, value: Any) -> int:
    number = _real(name, value)
    if not number.is_integer():
        raise errors.ValueError(f"{name}: expected a whole number, got {value!r}")
    return int(value)


def _flag(name: str, value: Any) -> bool:
    return bool(value)


def _text(name: str, value: Any) -> str:
    return str(value)


TYPES: dict[str, Callable[[str, Any], Any]] = {
    "nesterov": _flag,
    "decoupled_decay": _flag,
    "learning_rate_step_size": _whole,
    "max_iterations": _whole,
    "iteration_size": _whole,
    "warm_up_duration": _whole,
    "learning_rate_policy": _text,
    "clamping": _text,
    "form": _text,
}
"""Of the arguments that are no real numbers."""


class Solver:
    """Base of all solvers.

    A solver may be given to a whole network or to single cells. Its learning rate may change at any time; the next update uses it.
    """

    def __init__(self, make: Callable[..., Any], given: dict[str, Any]) -> None:
        """`make`: the engine's function; `given`: the arguments by name, among others."""
        self._arguments = {name: TYPES.get(name, _real)(name, value) for name, value in given.items() if name not in ("self", "__class__")}
        self._native = make(**self._arguments)

    def to_native(self) -> Any:
        """The engine's object behind this one. All parameters that share it count one update together."""
        return self._native

    def copy(self) -> Solver:
        """A solver with the same arguments, rate and count, independent of this one."""
        twin = type(self).__new__(type(self))
        twin._native, twin._arguments = self._native.clone(), dict(self._arguments)
        return twin

    def __copy__(self) -> Solver:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Solver:
        return self.copy()

    def __reduce__(self) -> tuple[Any, ...]:
        counters = {name: getattr(self._native, name) for name in COUNTERS}
        return (_rebuilt, (type(self), dict(self._arguments), counters))

    @property
    def learning_rate(self) -> float:
        """The rate before the policy's factor."""
        return float(self._native.learning_rate)

    @learning_rate.setter
    def learning_rate(self, rate: float) -> None:
        self._native.learning_rate = self._arguments["learning_rate"] = _real("learning_rate", rate)

    @property
    def iterations(self) -> int:
        """Updates done so far."""
        return int(self._native.iterations)

    @property
    def form(self) -> str:
        """Whose formula this is: "n2d2", "torch" or "keras"."""
        return str(self._arguments["form"])

    def __str__(self) -> str:
        return str(self._native.text())

    __repr__ = __str__


class SGD(Solver):
    """Stochastic gradient descent: ``v = momentum * v + rate * g; w -= v``.

    Args:
        learning_rate: step per unit of gradient, at least 0.
        momentum: share of the old velocity kept, 0 to 1.
        nesterov: look ahead along the velocity (needs a momentum).
        decay: weight decay, coupled with the rate: ``decay * rate * w`` is added to the step.
        min_decay: the policy's factor never falls below it.
        learning_rate_policy: "None", "StepDecay", "ExponentialDecay", "InvTDecay", "PolyDecay", "InvDecay" or "CosineDecay".
        learning_rate_step_size: step of the first three policies, in rows seen.
        learning_rate_decay: factor or rate of the policy.
        power: exponent of PolyDecay and InvDecay.
        max_iterations: length of PolyDecay (updates) and CosineDecay (steps of ``learning_rate_step_size`` rows).
        iteration_size: backward passes per update, whose gradients are averaged.
        warm_up_duration: steps of ``learning_rate_step_size`` rows during which the rate grows from ``warm_up_lr_frac`` of itself.
        warm_up_lr_frac: share of the rate where the warm-up begins, 0 to 1.
        clamping: bounds of the weights, "min:max", such as "-1:1" or "0:".

    Raises:
        n2d2.errors.ValueError: when an argument is out of its range.
    """

    def __init__(
        self,
        learning_rate: float = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        decay: float = 0.0,
        min_decay: float = 0.0,
        learning_rate_policy: str | None = None,
        learning_rate_step_size: int = 1,
        learning_rate_decay: float = 0.1,
        power: float = 0.0,
        max_iterations: int = 0,
        iteration_size: int = 1,
        warm_up_duration: int = 0,
        warm_up_lr_frac: float = 0.25,
        clamping: str = "",
        form: str = "n2d2",
    ) -> None:
        super().__init__(engine.sgd, locals())


class Adam(Solver):
    """Adam (Kingma and Ba 2015).

    Args:
        learning_rate: step size, at least 0.
        beta1: share of the old first moment kept, 0 to below 1.
        beta2: share of the old second moment kept, 0 to below 1.
        epsilon: keeps the divisor away from 0.
        clamping: bounds of the weights, "min:max".
        decay: weight decay.
        decoupled_decay: the decay shrinks the weights directly (AdamW) instead of being added to the gradient.
        iteration_size: backward passes per update, whose gradients are averaged.

    Raises:
        n2d2.errors.ValueError: when an argument is out of its range.
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        clamping: str = "",
        form: str = "n2d2",
        decay: float = 0.0,
        decoupled_decay: bool = False,
        iteration_size: int = 1,
    ) -> None:
        super().__init__(engine.adam, locals())


class RMSprop(Solver):
    """RMSprop (Tieleman and Hinton 2012).

    Args:
        learning_rate: step size, at least 0.
        rho: share of the old mean of squared gradients kept, 0 to below 1.
        momentum: share of the old step kept, 0 to 1.
        epsilon: keeps the divisor away from 0.
        clamping: bounds of the weights, "min:max".
        decay: weight decay.
        iteration_size: backward passes per update, whose gradients are averaged.

    Raises:
        n2d2.errors.ValueError: when an argument is out of its range.
    """

    def __init__(
        self,
        learning_rate: float = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-8,
        clamping: str = "",
        form: str = "n2d2",
        decay: float = 0.0,
        iteration_size: int = 1,
    ) -> None:
        super().__init__(engine.rmsprop, locals())


def copy_of(solver: Any) -> Solver:
    """A copy of what should be a solver."""
    if not isinstance(solver, Solver):
        raise errors.TypeError(f"solver: expected one of n2d2.solver, such as SGD() or Adam(), got {solver!r}")
    return solver.copy()


def _rebuilt(kind: type[Solver], arguments: dict[str, Any], counters: dict[str, int]) -> Solver:
    """The solver that a pickle describes; its state per weight stays with the network."""
    solver = kind(**arguments)
    for name, count in counters.items():
        setattr(solver.to_native(), name, count)
    return solver


__all__ = ["SGD", "Adam", "RMSprop", "Solver", "copy_of"]
