"""What Keras' fit, evaluate and predict do with every batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_interoperability.general import General, output_masks, structured
from keras_interoperability.native import Compiled
from keras_interoperability.penalties import Penalties, is_known
from keras_interoperability.session import Array, Session
from keras_interoperability.updates import EngineUpdate, update_of
from n2d2.solver import Solver


class Steps:
    """Single steps of one compiled model.

    Loss and metrics are computed in NumPy when all of them are known there (`native`); else by one traced function of TensorFlow.
    """

    def __init__(self, model: Any, session: Session, solver: Solver | None) -> None:
        self._model = model
        self._session = session
        self._solver = solver
        self.update = update_of(model, session, solver)
        self._knows_loss = False
        self.native: Compiled | None = None
        self._not_native: set[Any] = set()
        self._general: General | None = None
        in_loss = session.in_loss()
        self._alone = set(in_loss) - session.reached() if in_loss else set()
        has_terms = session.training.activity_regularizers or session.training.loss_terms or session.evaluation.loss_terms
        is_plain = not has_terms and not any(mask is not None for mask in output_masks(model))
        self._may_be_native = is_plain and all(is_known(v.regularizer) for v in in_loss.values())
        self._penalties: Penalties | None = None
        if in_loss and self._may_be_native:
            self._penalties = Penalties({name: (session.network.memory(name), v.regularizer) for name, v in in_loss.items()})

    def train(self, data: Any) -> Any:
        """One batch: forward, loss, backward, update. Returns Keras' logs."""
        x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
        session = self._session
        session.mirror.check_once()
        xs = session.inputs.arrays(x)
        y_array, weights_array = _array(y), None if weights is None else _array(weights)
        if weights is None and self._train_at_once(xs, y_array):
            assert self.native is not None
            return self.native.logs()
        outputs = session.forward(xs)
        try:
            native = self._native(y_array, weights_array, outputs)
            further = NO_GRADIENTS
            if native is not None:
                penalty = 0.0
                if self._penalties is not None:
                    penalty, further = self._penalties.value(), self._penalties.gradients()
                gradients = [native.train(outputs[0], y_array, weights_array, penalty)]
                logs = native.logs()
            else:
                gradients, further, logs = self._by_keras().train(xs, y, outputs, weights)
            session.backward(gradients)
            if self._general is not None and not self._knows_loss:
                self._look_at_loss(self._general.without_loss, set(further))
        finally:
            session.drop()
        if further:
            session.add_to_gradients(further, self._alone)
        self.update.run()
        return logs

    def _train_at_once(self, xs: list[Array], y: Array) -> bool:
        """A training step as one run of the engine, where it knows the loss and nothing looks at gradients; else False."""
        update = self.update
        if self._penalties is not None or not isinstance(update, EngineUpdate) or update.needs_gradients:
            return False
        shapes = self._session.empty_outputs(len(y)) if y.ndim else []
        native = self._native(y, None, shapes)
        known = None if native is None or len(y) != len(xs[0]) else native.in_engine(y, shapes[0])
        if native is None or known is None:
            return False
        loss, targets = known
        update.prepare()
        value, raw = self._session.step(xs, targets, loss, native.has_metrics)
        update.finish()
        native.count(value, y, raw)
        return True

    def test(self, data: Any) -> Any:
        """One batch of evaluation. Returns Keras' logs."""
        x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
        self._session.mirror.check_once()
        xs = self._session.inputs.arrays(x)
        outputs, raws = self._session.evaluate(xs)
        y_array, weights_array = _array(y), None if weights is None else _array(weights)
        native = self._native(y_array, weights_array, raws)
        if native is not None:
            penalty = 0.0 if self._penalties is None else self._penalties.value()
            native.evaluate(raws[0], outputs[0], y_array, weights_array, penalty)
            return native.logs()
        return self._by_keras().evaluate(xs, y, raws, weights)

    def _native(self, y: Array, weights: Array | None, outputs: list[Array]) -> Compiled | None:
        """Loss and metrics in NumPy, if they are all known and the batch has the usual form."""
        if not self._may_be_native:
            return None
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

    def _look_at_loss(self, without: list[int], further: set[str]) -> None:
        """Once, after the first step by Keras: weights that the loss does not depend on stay as they are."""
        self._knows_loss = True
        reached = self._session.reached(without)
        self._alone = further - reached
        still = set(self._session.trained_names()) - reached - further
        if still:
            self._session.leave_out(still)
            self.update = update_of(self._model, self._session, self._solver)

    def _by_keras(self) -> General:
        if self.native is not None:
            self.native.hand_over()
        if self._general is None:
            self._general = General(self._model, self._session)
        return self._general


def predict_steps(model: Any, session: Session, batches: list[Any]) -> Any:
    """Predictions for the batches that Keras hands over at once (`steps_per_execution`)."""
    results = []
    session.mirror.check_once()
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
NO_GRADIENTS: dict[str, Array] = {}


def _array(given: Any) -> Any:
    """Targets or weights as an array, without a copy; what is none, such as a list per output, as one that fits nothing."""
    if isinstance(given, np.ndarray):
        return given
    return np.asarray(given) if isinstance(given, tf.Tensor) else NOTHING


__all__ = ["Steps", "predict_steps", "repeated"]
