"""Every optimizer of Keras and every option of one: the weights of plain Keras, after a run with a rate that changes."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers
from parity import Twin, shaken

import keras_interoperability as interop

optimizers = keras.optimizers
OPTIMIZERS = {
    "SGD": lambda **o: optimizers.SGD(0.05, momentum=0.9, **o),
    "Adam": lambda **o: optimizers.Adam(0.01, **o),
    "AdamW": lambda **o: optimizers.AdamW(0.01, **o),
    "RMSprop": lambda **o: optimizers.RMSprop(0.01, **o),
    "RMSprop centred": lambda **o: optimizers.RMSprop(0.01, momentum=0.5, centered=True, **o),
    "Adagrad": lambda **o: optimizers.Adagrad(0.05, **o),
    "Adadelta": lambda **o: optimizers.Adadelta(0.5, **o),
    "Adamax": lambda **o: optimizers.Adamax(0.01, **o),
    "Nadam": lambda **o: optimizers.Nadam(0.01, **o),
    "Ftrl": lambda **o: optimizers.Ftrl(0.05, l1_regularization_strength=0.001, **o),
    "Lion": lambda **o: optimizers.Lion(0.005, **o),
    "Lamb": lambda **o: optimizers.Lamb(0.01, **o),
    "Adafactor": lambda **o: optimizers.Adafactor(0.01, **o),
    "Muon": lambda **o: optimizers.Muon(0.01, **o),
}
OPTIONS = {
    "weight_decay": {"weight_decay": 0.05},
    "clipnorm": {"clipnorm": 0.1},
    "global_clipnorm": {"global_clipnorm": 0.2},
    "clipvalue": {"clipvalue": 0.01},
    "average": {"use_ema": True, "ema_momentum": 0.7},
    "average that overwrites": {"use_ema": True, "ema_momentum": 0.7, "ema_overwrite_frequency": 3},
    "accumulation": {"gradient_accumulation_steps": 3},
    "loss scale": {"loss_scale_factor": 64.0},
}


class HalfRate(keras.callbacks.Callback):
    """Halves the rate after every second batch."""

    def on_train_batch_end(self, batch, logs=None):
        if batch % 2:
            self.model.optimizer.learning_rate = float(self.model.optimizer.learning_rate) * 0.5


def model() -> keras.Model:
    keras.utils.set_random_seed(2)
    inputs = keras.Input((6,))
    a, b = layers.Dense(5, activation="tanh", name="a")(inputs), layers.Dense(5, name="b")(inputs)
    return keras.Model(inputs, layers.Dense(3, activation="softmax", name="c")(layers.Add()([a, b])))


def assert_as_keras(make, change_rate: bool = True) -> keras.Model:
    """Six batches, twice; returns the wrapped model."""
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((48, 6)).astype("float32"), np.eye(3)[rng.integers(0, 3, 48)]
    plain, twin, wrapped = model(), model(), interop.wrap(model(), 8)
    twin.set_weights([shaken(w, i) for i, w in enumerate(twin.get_weights())])
    for each in (wrapped, plain, twin):
        eager = {} if each is wrapped else {"run_eagerly": True}  # tracing takes longer than these few steps
        each.compile(optimizer=make(), loss="categorical_crossentropy", **eager)
        each.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0, callbacks=[HalfRate()] if change_rate else [])
    rule = Twin()
    for a, b, c in zip(*(each.get_weights() for each in (wrapped, plain, twin)), strict=True):
        rule.check(a, b, c, "weights")
    rule.check(*(each.predict(x, verbose=0) for each in (wrapped, plain, twin)), "predictions")
    assert int(wrapped.optimizer.iterations) == int(plain.optimizer.iterations)
    return wrapped


IN_SHORT = ("SGD", "Adam", "AdamW", "RMSprop", "RMSprop centred", "Nadam", "Lion")


@pytest.mark.parametrize("name", [name if name in IN_SHORT else pytest.param(name, marks=pytest.mark.slow) for name in OPTIMIZERS])
def test_optimizer(name):
    assert_as_keras(OPTIMIZERS[name])


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("name", ["SGD", pytest.param("Adam", marks=pytest.mark.slow)])
def test_option(name, option):
    assert_as_keras(lambda: OPTIMIZERS[name](**OPTIONS[option]))
