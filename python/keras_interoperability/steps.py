"""Functions that Keras' fit, evaluate and predict call for every batch."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from keras_interoperability.session import Session

ACTIVATIONS = {"": lambda x: x, "Softmax": keras.activations.softmax, "Sigmoid": keras.activations.sigmoid}


def _structure(model: Any, outputs: list[Any]) -> Any:
    """Outputs as the model's `call` would give them."""
    return keras.tree.pack_sequence_as(model._functional._outputs_struct, outputs)


def make_losses(model: Any, session: Session) -> tuple[Callable[..., Any], Callable[..., Any]]:
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


def train_step(model: Any, session: Session, train_loss: Any, data: Any) -> Any:
    """One batch: forward, loss, backward, update. Returns Keras' logs."""
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    outputs = session.forward(session.inputs_of(x))
    try:
        gradients, logs = train_loss(y, [tf.constant(o) for o in outputs], sample_weight)
        model._push_rate()
        session.backward([np.ascontiguousarray(g) for g in gradients])
    finally:
        session.drop()
    model._count_update()
    return logs


def test_step(session: Session, test_loss: Any, data: Any) -> Any:
    """One batch of evaluation. Returns Keras' logs."""
    x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(data)
    outputs = session.evaluate(session.inputs_of(x))
    if session.evaluation.activation:
        outputs = outputs[1:]
    return test_loss(y, [tf.constant(o) for o in outputs], sample_weight)


def predict_steps(model: Any, session: Session, batches: list[Any]) -> Any:
    """Predictions for the batches that Keras hands over at once (`steps_per_execution`)."""
    results = []
    for data in batches:
        x, _, _ = keras.utils.unpack_x_y_sample_weight(data)
        outputs = session.evaluate(session.inputs_of(x))
        results.append(outputs[:1] if session.evaluation.activation else outputs)
    joined = [parts[0] if len(parts) == 1 else np.concatenate(parts) for parts in zip(*results, strict=True)]
    return _structure(model, [tf.constant(array) for array in joined])


__all__ = ["make_losses", "predict_steps", "test_step", "train_step"]
