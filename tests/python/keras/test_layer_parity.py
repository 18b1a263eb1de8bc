"""Every layer and operation of `layer_cases.py` against Keras in float64. The docs page is made from the same table."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from layer_cases import ACTIVATIONS, CASES
from layer_parity import ROWS, compare, ours

from n2d2 import errors

NOT_YET: set[str] = set()
"""What still waits for an operator of the engine: refused by name. An entry that works fails the test."""


def _check(name, configurations):
    refused = 0
    for number, configuration in enumerate(configurations):
        try:
            results = compare(configuration, seed=number)
        except errors.UnsupportedError:
            if name not in NOT_YET:
                raise
            refused += 1
            continue
        for tensor, (error, allowance) in results.items():
            assert error <= allowance, f"{name}, configuration {number}, {tensor}: {error:.2e} off, allowed {allowance:.2e}"
    return refused


@pytest.mark.parametrize("name", CASES)
def test_two_configurations(name):
    _check(name, CASES[name][:2])


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name.startswith("activation ")])
def test_gradients_at_kinks(name):
    """Zeros are common in front of an activation; its gradient there is a choice, which is TensorFlow's."""
    points = np.array([[-6, -3, -1, -0.5, 0, 0.5, 1, 3, 6, -0.0]] * ROWS, np.float32)
    function = getattr(keras.activations, name.split()[1])
    x = tf.Variable(points)
    with tf.GradientTape() as tape:
        y = function(x)
    dy = np.linspace(0.5, 1.5, y.numpy().size, dtype=np.float32).reshape(y.shape)
    model = ([points.shape[1:]], lambda: layers.Activation(name.split()[1]))
    found, _ = ours(model, [], [points], lambda shape: dy)
    np.testing.assert_allclose(found["forward"], y, rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(found["gradient of input 0"], tape.gradient(y, x, output_gradients=dy), rtol=1e-6, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_all_configurations(name):
    assert len(CASES[name]) >= 5
    refused = _check(name, CASES[name])
    assert (refused > 0) == (name in NOT_YET)
