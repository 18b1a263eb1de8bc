"""How gradients become new weights: by the engine's solver, or by an optimizer of Keras that has no counterpart there."""

from __future__ import annotations

from typing import Any, Protocol

import numpy.typing as npt
import tensorflow as tf

from keras_interoperability.clipping import Clipping
from keras_interoperability.mirror import Counter
from keras_interoperability.rates import Rate
from keras_interoperability.session import Session
from n2d2.solver import Solver

Array = npt.NDArray[Any]


class Update(Protocol):
    """What a step asks for, after the backward pass."""

    def run(self) -> None:
        """Updates all trained weights from the gradients in the engine."""

    def mark_stale(self) -> None:
        """Learning rate and count of updates may have been written past us."""


def update_of(model: Any, session: Session, solver: Solver | None) -> Update:
    """The way of updating that belongs to what `compile` was given."""
    return KerasUpdate(model.optimizer, session) if solver is None else EngineUpdate(model.optimizer, session, solver)


class EngineUpdate:
    """The engine's solver; gradients are clipped before it, constraints hold after it."""

    def __init__(self, optimizer: Any, session: Session, solver: Solver) -> None:
        self._session = session
        self._counter = Counter(optimizer.iterations)
        self._rate = Rate(optimizer, solver, self._counter)
        self._clipping = Clipping.of(optimizer, [session.network.gradient(name) for name in session.updated_names()])
        variables = [session.training.variables[name] for name in session.updated_names()]
        self._constrained = [variable for variable in variables if variable.constraint is not None]

    @property
    def needs_gradients(self) -> bool:
        """Whether gradients are changed before the solver sees them."""
        return self._clipping is not None

    def run(self) -> None:
        """See `Update`."""
        self.prepare()
        if self._clipping is not None:
            self._clipping.run()
        self._session.network.update()
        self.finish()

    def prepare(self) -> None:
        """Call before the solver runs."""
        self._rate.push()

    def finish(self) -> None:
        """Call behind it."""
        for variable in self._constrained:
            variable.assign(variable.constraint(variable.value))
        self._counter.add()

    def mark_stale(self) -> None:
        """See `Update`."""
        self._rate.mark_stale()
        self._counter.reread()


class KerasUpdate:
    """Keras' own `optimizer.apply`, traced once, with the engine's gradients."""

    def __init__(self, optimizer: Any, session: Session) -> None:
        self._optimizer = optimizer
        self._session = session
        self._gradients = [session.network.gradient(name) for name in session.updated_names()]
        self._variables = [session.training.variables[name] for name in session.updated_names()]
        if not optimizer.built:
            optimizer.build(session.trainable_variables)
        self._apply: Any = None

    def run(self) -> None:
        """See `Update`."""
        if not self._variables:
            return
        if self._apply is None:
            self._apply = self._traced()
        shaped = zip(self._gradients, self._variables, strict=True)
        self._apply(*[tf.constant(gradient.reshape(variable.shape)) for gradient, variable in shaped])
        self._session.mirror.check()

    def _traced(self) -> Any:
        specs = [tf.TensorSpec(variable.shape, tf.float32) for variable in self._variables]
        return tf.function(self._step, autograph=False).get_concrete_function(*specs)

    def _step(self, *gradients: Any) -> None:
        scaled = [self._optimizer.scale_loss(gradient) for gradient in gradients]  # `apply` takes that back
        self._optimizer.apply(scaled, self._variables)

    def mark_stale(self) -> None:
        """See `Update`."""


__all__ = ["EngineUpdate", "KerasUpdate", "Update", "update_of"]
