"""The solver's state in saved models: training goes on from a loaded one as if it had not stopped."""

from __future__ import annotations

import warnings
import weakref
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from keras_interoperability.session import Array, Session
from keras_interoperability.solvers import PREFIX, SolverProxy
from n2d2.solver import COUNTERS, Solver


def keep_state(optimizer: Any, session: Session, solver: Solver) -> None:
    """Lets the optimizer save and load what the solver remembers.

    A `SolverProxy` has entries of its own for it; an optimizer of Keras writes its own slots, so that plain Keras can go on from them too.
    """
    if isinstance(optimizer, SolverProxy):
        object.__setattr__(optimizer, "_n2d2_state", ProxyState(session, solver))
    else:
        state = KerasState(optimizer, session, solver)
        object.__setattr__(optimizer, "save_own_variables", state.save)
        object.__setattr__(optimizer, "load_own_variables", state.load)


class ProxyState:
    """Counters and slots under names of their own; parameters by their number, as their names may differ in another process."""

    def __init__(self, session: Session, solver: Solver) -> None:
        self._session = weakref.ref(session)  # the user may keep the optimizer longer than the model
        self._solver = solver

    def _slots(self) -> Iterator[tuple[str, Array]]:
        session = self._session()
        if session is None:
            return
        for number, name in enumerate(session.trained_names()):
            for slot, memory in enumerate(session.network.slots(name)):
                yield f"{PREFIX}{number}_{slot}", memory

    def save(self, store: Any) -> None:
        """Writes them."""
        native = self._solver.to_native()
        store[f"{PREFIX}counters"] = np.array([getattr(native, counter) for counter in COUNTERS], np.int64)
        for key, memory in self._slots():
            store[key] = np.array(memory)

    def load(self, store: Any) -> None:
        """Reads them; those of another solver are skipped with a warning, as in Keras."""
        saved = {key: np.asarray(store[key]) for key in store.keys() if key.startswith(PREFIX)}  # noqa: SIM118
        if not saved:
            return
        slots = dict(self._slots())
        sizes = {key: memory.size for key, memory in slots.items()}
        found = {key: array.size for key, array in saved.items() if key != f"{PREFIX}counters"}
        if sizes != found:
            warnings.warn(
                f"Skipping the solver's state: the file holds {len(found)} arrays of another solver or model, {self._solver} has {len(sizes)}",
                stacklevel=2,
            )
            return
        native = self._solver.to_native()
        for counter, value in zip(COUNTERS, saved[f"{PREFIX}counters"], strict=True):
            setattr(native, counter, int(value))
        for key, memory in slots.items():
            np.copyto(memory, saved[key].reshape(memory.shape))


class KerasState:
    """The slots of Keras' SGD, Adam or RMSprop, filled from the engine when saved and handed to it when loaded."""

    def __init__(self, optimizer: Any, session: Session, solver: Solver) -> None:
        self._optimizer = optimizer
        self._session = weakref.ref(session)
        self._solver = solver

    def save(self, store: Any) -> None:
        """As the optimizer's own `save_own_variables`."""
        for memory, variable, sign in self._pairs():
            variable.assign(sign * np.asarray(memory).reshape(variable.shape))
        type(self._optimizer).save_own_variables(self._optimizer, store)

    def load(self, store: Any) -> None:
        """As the optimizer's own `load_own_variables`."""
        pairs = list(self._pairs())
        type(self._optimizer).load_own_variables(self._optimizer, store)
        self._solver.to_native().iterations = int(self._optimizer.iterations)
        for memory, variable, sign in pairs:
            np.copyto(memory, sign * variable.numpy().reshape(memory.shape))

    def _pairs(self) -> Iterator[tuple[Array, Any, float]]:
        """The engine's memory of a slot, Keras' variable and the factor between them: Keras' velocity has the opposite sign."""
        optimizer, session = self._optimizer, self._session()
        if session is None:
            return
        variables = [session.training.variables[name] for name in session.trained_names()]
        if not optimizer.built:
            optimizer.build(session.trainable_variables)
        is_sgd = isinstance(optimizer, keras.optimizers.SGD)
        if is_sgd:
            kinds = [optimizer.momentums]
        elif isinstance(optimizer, keras.optimizers.RMSprop):
            kinds = [optimizer._velocities, optimizer._momentums]
        else:
            kinds = [optimizer._momentums, optimizer._velocities]
        places = {id(variable): place for place, variable in enumerate(optimizer._trainable_variables)}
        for name, variable in zip(session.trained_names(), variables, strict=True):
            place = places.get(id(variable))
            for kind, memory in zip(kinds, session.network.slots(name), strict=False):
                if place is not None and kind:
                    yield memory, kind[place], -1.0 if is_sgd else 1.0


__all__ = ["keep_state"]
