"""Loss curves of the five networks for devices overlap Keras': see `curves`."""

from __future__ import annotations

import curves
import keras
import numpy as np
import pytest
from device_networks import CASES
from keras_nets import clone
from parity import shaken

import keras_interoperability as interop
from networks import in_keras

pytest.importorskip("matplotlib")


def compiled(model: keras.Model, name: str) -> keras.Model:
    """The model with a new optimizer."""
    optimizer = keras.optimizers.Adam(0.001) if curves.is_adam(name) else keras.optimizers.SGD(0.01, 0.9)
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy" if CASES[name].classes else "mse")
    model.optimizer.build(model.trainable_variables)
    return model


def restarted(model: keras.Model) -> keras.Model:
    """Keras' own model with its optimizer as new; compiled once, as tracing takes long."""
    for variable in model.optimizer.variables:
        if variable is not model.optimizer.learning_rate:
            variable.assign(np.zeros(variable.shape, variable.dtype))
    return model


def noisy_copy(weight: np.ndarray, seed: int) -> np.ndarray:
    """A weight shaken by one rounding, or another state of random numbers."""
    return shaken(weight, seed) if weight.dtype.kind == "f" else weight + np.asarray(7 + seed // 100_000, weight.dtype)


def losses(model: keras.Model, weights: list[np.ndarray], name: str, seed: int) -> list[float]:
    """Of every step, from these weights."""
    model.set_weights(weights)
    found = []
    for x, y in curves.batches(name, seed):
        model.reset_metrics()
        found.append(float(model.train_on_batch(x, y)))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_curves_overlap(name):
    case = CASES[name]
    arguments = {"classes": case.classes} if case.classes else {}  # with dropout
    plain = getattr(in_keras, name)(**arguments, **({"extent": case.extent} if case.extent else {}))
    wrapped = interop.wrap(clone(plain), curves.BATCHES[name])
    compiled(plain, name)
    runs = curves.Curves(name, [], [[] for _ in curves.twins_of(name)], [])
    for seed in curves.SEEDS:
        keras.utils.set_random_seed(seed)
        weights = keras.models.clone_model(plain).get_weights()
        runs.framework.append(losses(restarted(plain), weights, name, seed))
        for twin in curves.twins_of(name):
            noisy = [noisy_copy(w, 100_000 * twin + 1000 * seed + i) for i, w in enumerate(weights)]
            runs.twins[twin].append(losses(restarted(plain), noisy, name, seed))
        runs.ours.append(losses(compiled(wrapped, name), weights, name, seed))
    print(curves.draw(runs, "Keras"))
    runs.check()
