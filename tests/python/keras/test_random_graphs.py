"""Drawn models train as in Keras: three steps each, by the rule for several steps."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras_nets import clone
from parity import Twin, shaken
from random_graphs import draw

import keras_interoperability as interop

RATE = 0.02


def _step(model: keras.Model, x: np.ndarray, y: np.ndarray) -> None:
    """One step of gradient descent on the mean squared error, without tracing."""
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.square(model(x, training=True) - y))
    variables = model.trainable_variables
    gradients = tape.gradient(loss, [v.value for v in variables], unconnected_gradients=tf.UnconnectedGradients.ZERO)
    for variable, gradient in zip(variables, gradients, strict=True):
        variable.assign(variable.value - RATE * gradient)


def _train(seed: int) -> None:
    plain, made = draw(seed)
    twin, source = clone(plain), clone(plain)
    twin.set_weights([shaken(w, i) for i, w in enumerate(plain.get_weights())])
    wrapped = interop.wrap(source, 6)
    wrapped.compile(optimizer=keras.optimizers.SGD(RATE), loss="mse")
    rng = np.random.default_rng(seed)
    rule = Twin()
    for rows in (6, 6, 3):
        x = rng.standard_normal((rows, *plain.input_shape[1:])).astype(np.float32)
        y = rng.standard_normal((rows, 3)).astype(np.float32)
        _step(plain, x, y)
        _step(twin, x, y)
        wrapped.train_on_batch(x, y)
        outputs = (np.asarray(wrapped(tf.constant(x))), np.asarray(plain(x)), np.asarray(twin(x)))
        tensors = [outputs, *zip(wrapped.get_weights(), plain.get_weights(), twin.get_weights(), strict=True)]
        if not all(np.isfinite(theirs).all() for _, theirs, _ in tensors):  # products of products at this rate: Keras itself runs away
            assert [np.isfinite(ours).all() for ours, _, _ in tensors] == [np.isfinite(theirs).all() for _, theirs, _ in tensors]
            return
        for ours, theirs, shaken_theirs in tensors:
            rule.check(ours, theirs, shaken_theirs, f"seed {seed}: {' > '.join(made)}")


@pytest.mark.parametrize("first", range(0, 30, 10))
def test_drawn_models(first):
    for seed in range(first, first + 10):
        _train(seed)


@pytest.mark.slow
@pytest.mark.parametrize("first", range(30, 300, 10))
def test_more_drawn_models(first):
    for seed in range(first, first + 10):
        _train(seed)
