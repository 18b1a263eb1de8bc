"""What `compile(optimizer=...)` may be, and how it is shown at `model.optimizer`."""

from __future__ import annotations

from typing import Any

import keras

from keras_interoperability.rates import shortest
from n2d2 import errors
from n2d2.solver import SGD, Adam, Solver

PREFIX = "n2d2_"

REFUSED = {
    "weight_decay": (None, 0, 0.0),
    "clipnorm": (None,),
    "clipvalue": (None,),
    "global_clipnorm": (None,),
    "use_ema": (False, None),
    "loss_scale_factor": (None,),
    "gradient_accumulation_steps": (None,),
    "amsgrad": (False, None),
}


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
        return {"SGD": SGD, "Adam": Adam}[self._kind](**self._arguments)

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


def optimizer_and_solver(given: Any) -> tuple[Any, Solver]:
    """The Keras optimizer to show and the engine's solver to use.

    Raises:
        n2d2.errors.UnsupportedError: for an optimizer, or an option of one, that has no counterpart.
    """
    if given is None:
        given = SGD()
    if isinstance(given, Solver):
        solver = given.copy()
        return SolverProxy(type(given).__name__, dict(given._arguments)), solver
    optimizer = keras.optimizers.get(given) if not isinstance(given, keras.optimizers.Optimizer) else given
    if isinstance(optimizer, SolverProxy):
        return optimizer, optimizer.to_solver()
    config = optimizer.get_config()
    for option, allowed in REFUSED.items():
        if option in config and config[option] not in allowed:
            raise errors.UnsupportedError(
                f"compile: {type(optimizer).__name__} with {option}={config[option]!r} is not supported; leave it out or use n2d2.solver"
            )
    if type(optimizer) is keras.optimizers.SGD:
        return optimizer, SGD(_rate(optimizer), config["momentum"], config["nesterov"], form="keras")
    if type(optimizer) is keras.optimizers.Adam:
        return optimizer, Adam(_rate(optimizer), config["beta_1"], config["beta_2"], config["epsilon"], form="keras")
    raise errors.UnsupportedError(
        f'compile: optimizer {type(optimizer).__name__} is not supported; use "sgd", "adam", their Keras objects or n2d2.solver.SGD / Adam'
    )


def _rate(optimizer: Any) -> float:
    return shortest(float(optimizer.learning_rate))


__all__ = ["SolverProxy", "optimizer_and_solver"]
