"""What Keras' fit, evaluate and predict do with every batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_interoperability.mirror import Counter
from keras_interoperability.native import Compiled
from keras_interoperability.rates import Rate
from keras_interoperability.session import Array, Session
from n2d2.solver import Solver

ACTIVATIONS = {"": lambda x: x, "Softmax": keras.activations.softmax, "Sigmoid": keras.activations.sigmoid}


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
        self._traced: tuple[Callable[..., Any], Callable[..., Any]] | None = None

    def train(self, data: Any) -> Any:
        """One batch: forward, loss, backward, update. Returns Keras' logs."""
        x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
        session = self._session
        outputs = session.forward(session.inputs_of(x))
        try:
            y_array, weights_array = _array(y), None if weights is None else _array(weights)
            native = self._native(y_array, weights_array, outputs)
            if native is not None:
                gradients = [native.train(outputs[0], y_array, weights_array)]
                logs = native.logs()
            else:
                gradients, logs = self._general()[0](y, [tf.constant(o) for o in outputs], weights)
                gradients = [np.ascontiguousarray(g) for g in gradients]
            self.rate.push()
            session.backward(gradients)
        finally:
            session.drop()
        self.counter.add()
        return logs

    def test(self, data: Any) -> Any:
        """One batch of evaluation. Returns Keras' logs."""
        x, y, weights = keras.utils.unpack_x_y_sample_weight(data)
        outputs = self._session.evaluate(self._session.inputs_of(x))
        raw = outputs[1:] if self._session.evaluation.activation else outputs
        y_array, weights_array = _array(y), None if weights is None else _array(weights)
        native = self._native(y_array, weights_array, raw)
        if native is not None:
            native.evaluate(raw[0], outputs[0], y_array, weights_array)
            return native.logs()
        return self._general()[1](y, [tf.constant(o) for o in raw], weights)

    def _native(self, y: Array, weights: Array | None, outputs: list[Array]) -> Compiled | None:
        """Loss and metrics in NumPy, if they are all known and the batch has the usual form."""
        native = self.native
        if native is None and len(outputs) == 1 and not keras.tree.is_nested(self._model._functional._outputs_struct):
            form = (y.shape[1:], y.dtype.kind)
            if form not in self._not_native:
                native = self.native = Compiled.of(self._model, self._session.training.activation, y, outputs[0])
                if native is None:
                    self._not_native.add(form)
        if native is not None and native.fits(y, weights):
            if not native.is_ahead:
                native.take_over()
            return native
        return None

    def _general(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        if self.native is not None:
            self.native.hand_over()
        if self._traced is None:
            self._traced = _traced_losses(self._model, self._session)
        return self._traced


def predict_steps(model: Any, session: Session, batches: list[Any]) -> Any:
    """Predictions for the batches that Keras hands over at once (`steps_per_execution`)."""
    results = []
    for data in batches:
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        outputs = session.evaluate(session.inputs_of(x))
        results.append(outputs[:1] if session.evaluation.activation else outputs)
    joined = [parts[0] if len(parts) == 1 else np.concatenate(parts) for parts in zip(*results, strict=True)]
    return _structure(model, [tf.constant(array) for array in joined])


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


def _structure(model: Any, outputs: list[Any]) -> Any:
    """Outputs as the model's `call` would give them."""
    return keras.tree.pack_sequence_as(model._functional._outputs_struct, outputs)


def _traced_losses(model: Any, session: Session) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Traced functions: (loss, gradient and metrics) for training, (loss and metrics) for evaluation."""
    activate = ACTIVATIONS[session.training.activation]

    def predictions(outputs: list[Any]) -> Any:
        return _structure(model, [activate(output) for output in outputs])

    @tf.function(autograph=False, reduce_retracing=True)
    def train(y: Any, outputs: list[Any], sample_weight: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(outputs)
            y_pred = predictions(outputs)
            loss = model._compute_loss(x=None, y=y, y_pred=y_pred, sample_weight=sample_weight, training=True)
        gradients = tape.gradient(loss, outputs, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        model._loss_tracker.update_state(loss, sample_weight=tf.shape(outputs[0])[0])
        return gradients, model.compute_metrics(None, y, y_pred, sample_weight=sample_weight)

    @tf.function(autograph=False, reduce_retracing=True)
    def evaluate(y: Any, outputs: list[Any], sample_weight: Any) -> Any:
        y_pred = predictions(outputs)
        loss = model._compute_loss(x=None, y=y, y_pred=y_pred, sample_weight=sample_weight, training=False)
        model._loss_tracker.update_state(loss, sample_weight=tf.shape(outputs[0])[0])
        return model.compute_metrics(None, y, y_pred, sample_weight=sample_weight)

    return train, evaluate


__all__ = ["Steps", "predict_steps", "repeated"]
