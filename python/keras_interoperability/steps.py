"""What Keras' fit, evaluate and predict do with every batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_interoperability.general import General, structured
from keras_interoperability.mirror import Counter
from keras_interoperability.native import Compiled
from keras_interoperability.rates import Rate
from keras_interoperability.session import Array, Session
from n2d2.solver import Solver


class Steps:
    """Single steps of one compiled model.

    Loss and metrics are computed in NumPy when all of them are known there (`native`); else by one traced function of TensorFlow.
    """

    def __init__(self, model: Any, session: Session, solver: Solver) -> None:
        self._model = model
        self._session = session
        self.counter = Counter(model.optimizer.iterations)
        self.rate = Rate(model.optimizer, solver, self.counter)
        self.native: Compiled | None = None
        self._not_native: set[Any] = set()
        self._general: General | None = None

    def train(self, data: Any) -> Any:
        """One batch: forward, loss, backward, update. Returns Keras' logs."""
        x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
        session = self._session
        outputs = session.forward(session.inputs.arrays(x))
        try:
            y_array, weights_array = _array(y), None if weights is None else _array(weights)
            native = self._native(y_array, weights_array, outputs)
            if native is not None:
                gradients = [native.train(outputs[0], y_array, weights_array)]
                logs = native.logs()
            else:
                gradients, logs = self._by_keras().train(y, outputs, weights)
            self.rate.push()
            session.backward(gradients)
        finally:
            session.drop()
        self.counter.add()
        return logs

    def test(self, data: Any) -> Any:
        """One batch of evaluation. Returns Keras' logs."""
        x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
        outputs, raws = self._session.evaluate(self._session.inputs.arrays(x))
        y_array, weights_array = _array(y), None if weights is None else _array(weights)
        native = self._native(y_array, weights_array, raws)
        if native is not None:
            native.evaluate(raws[0], outputs[0], y_array, weights_array)
            return native.logs()
        return self._by_keras().evaluate(y, raws, weights)

    def _native(self, y: Array, weights: Array | None, outputs: list[Array]) -> Compiled | None:
        """Loss and metrics in NumPy, if they are all known and the batch has the usual form."""
        native = self.native
        if native is None and len(outputs) == 1 and not isinstance(self._model._functional._outputs_struct, dict):
            form = (y.shape[1:], y.dtype.kind)
            if form not in self._not_native:
                native = self.native = Compiled.of(self._model, self._session.training.activations[0], y, outputs[0])
                if native is None:
                    self._not_native.add(form)
        if native is not None and native.fits(y, weights):
            if not native.is_ahead:
                native.take_over()
            return native
        return None

    def _by_keras(self) -> General:
        if self.native is not None:
            self.native.hand_over()
        if self._general is None:
            self._general = General(self._model, self._session.training.activations)
        return self._general


def predict_steps(model: Any, session: Session, batches: list[Any]) -> Any:
    """Predictions for the batches that Keras hands over at once (`steps_per_execution`)."""
    results = []
    for data in batches:
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        results.append(session.evaluate(session.inputs.arrays(x)).outputs)
    joined = [parts[0] if len(parts) == 1 else np.concatenate(parts) for parts in zip(*results, strict=True)]
    return structured(model, [tf.constant(array) for array in joined])


def repeated(model: Any, step: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """The function that Keras calls: `steps_per_execution` steps on batches of an iterator."""

    def run(iterator: Any) -> Any:
        logs = step(next(iterator))
        for _ in range(model.steps_per_execution - 1):
            try:
                data = next(iterator)
            except (StopIteration, tf.errors.OutOfRangeError):
                break
            logs = step(data)
        return logs

    return run


NOTHING = np.empty(())


def _array(given: Any) -> Any:
    """Targets or weights as an array, without a copy; what is none, such as a list per output, as one that fits nothing."""
    if isinstance(given, np.ndarray):
        return given
    return np.asarray(given) if isinstance(given, tf.Tensor) else NOTHING


__all__ = ["Steps", "predict_steps", "repeated"]
