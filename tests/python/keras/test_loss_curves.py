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


def losses(model: keras.Model, weights: list[np.ndarray], name: str, seed: int) -> list[float]:
    """Of every step, from these weights and a new optimizer state."""
    model.set_weights(weights)
    for variable in model.optimizer.variables:
        if variable is not model.optimizer.learning_rate:
            variable.assign(np.zeros(variable.shape, variable.dtype))
    found = []
    for x, y in curves.batches(name, seed):
        model.reset_metrics()
        found.append(float(model.train_on_batch(x, y)))
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_curves_overlap(name):
    case, adam = CASES[name], curves.is_adam(name)
    arguments = {"classes": case.classes} if case.classes else {}  # with dropout
    plain = getattr(in_keras, name)(**arguments, **({"extent": case.extent} if case.extent else {}))
    wrapped = interop.wrap(clone(plain), curves.BATCHES[name])
    for model in (plain, wrapped):
        optimizer = keras.optimizers.Adam(0.001) if adam else keras.optimizers.SGD(0.01, 0.9)
        model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy" if case.classes else "mse")
        optimizer.build(model.trainable_variables)
    runs = curves.Curves(name, [], [], [])
    for seed in curves.SEEDS:
        keras.utils.set_random_seed(seed)
        weights = keras.models.clone_model(plain).get_weights()
        noisy = [shaken(w, 1000 * seed + i) if w.dtype.kind == "f" else w + np.asarray(7, w.dtype) for i, w in enumerate(weights)]
        runs.framework.append(losses(plain, weights, name, seed))
        runs.twin.append(losses(plain, noisy, name, seed))
        runs.ours.append(losses(wrapped, weights, name, seed))
    print(curves.draw(runs, "Keras"))
    runs.check()
