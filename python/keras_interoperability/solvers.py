"""What `compile(optimizer=...)` may be, and how it is shown at `model.optimizer`."""

from __future__ import annotations

from typing import Any

import keras

from keras_interoperability.rates import shortest
from n2d2.solver import SGD, Adam, RMSprop, Solver

PREFIX = "n2d2_"

ENGINE_LACKS = ("use_ema", "loss_scale_factor", "gradient_accumulation_steps", "amsgrad", "centered")
"""Options of Keras' optimizers; with one of them Keras updates the weights."""


@keras.saving.register_keras_serializable("n2d2")
class SolverProxy(keras.optimizers.Optimizer):
    """An n2d2 solver where Keras expects an optimizer: shows the learning rate and the number of updates."""

    def __init__(self, kind: str = "SGD", arguments: dict[str, Any] | None = None, **options: Any) -> None:
        self_arguments = dict(arguments or {})
        super().__init__(learning_rate=float(self_arguments.get("learning_rate", 0.01)), name=options.get("name", "n2d2_solver"))
        self._kind = kind
        self._arguments = self_arguments

    def to_solver(self) -> Solver:
        """A new solver with these arguments."""
        return {"SGD": SGD, "Adam": Adam, "RMSprop": RMSprop}[self._kind](**self._arguments)

    def save_own_variables(self, store: Any) -> None:
        """As Keras; then the solver's counters and what it remembers of every weight."""
        super().save_own_variables(store)
        state = self.__dict__.get("_n2d2_state")
        if state is not None:
            state.save(store)

    def load_own_variables(self, store: Any) -> None:
        """As `save_own_variables` wrote it; without the solver's part, that begins anew."""
        super().load_own_variables({key: store[key] for key in store.keys() if not key.startswith(PREFIX)})  # noqa: SIM118
        state = self.__dict__.get("_n2d2_state")
        if state is not None:
            state.load(store)

    def get_config(self) -> dict[str, Any]:
        """The solver's class and arguments."""
        return {"kind": self._kind, "arguments": {**self._arguments, "learning_rate": float(self.learning_rate)}, "name": self.name}


def optimizer_and_solver(given: Any) -> tuple[Any, Solver | None]:
    """The Keras optimizer to show, and the engine's solver to use; None when Keras updates the weights."""
    if given is None:
        given = SGD()
    if isinstance(given, Solver):
        solver = given.copy()
        return SolverProxy(type(given).__name__, dict(given._arguments)), solver
    optimizer = keras.optimizers.get(given)
    return optimizer, optimizer.to_solver() if isinstance(optimizer, SolverProxy) else _counterpart(optimizer)


def _counterpart(optimizer: Any) -> Solver | None:
    kind, config = type(optimizer), optimizer.get_config()
    excludes = getattr(optimizer, "_exclude_from_weight_decay", None) or getattr(optimizer, "_exclude_from_weight_decay_pattern", None)
    if excludes or any(config.get(option) for option in ENGINE_LACKS):
        return None
    rate, decay = shortest(float(optimizer.learning_rate)), float(config.get("weight_decay") or 0.0)
    if kind is keras.optimizers.SGD:
        return SGD(rate, config["momentum"], config["nesterov"], decay=decay, form="keras")
    if kind in (keras.optimizers.Adam, keras.optimizers.AdamW):
        return Adam(rate, config["beta_1"], config["beta_2"], config["epsilon"], decay=decay, form="keras")
    if kind is keras.optimizers.RMSprop:
        return RMSprop(rate, config["rho"], config["momentum"], config["epsilon"], decay=decay, form="keras")
    return None


__all__ = ["SolverProxy", "optimizer_and_solver"]
