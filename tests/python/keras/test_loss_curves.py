"""Loss curves of the five networks for devices overlap Keras': see `curves`."""

from __future__ import annotations

import curves
import keras
import numpy as np
import pytest
from device_networks import CASES
from keras_nets import clone, precision, restarted
from parity import shaken

import keras_interoperability as interop
from networks import in_keras

pytest.importorskip("matplotlib")


def compiled(model: keras.Model, name: str) -> keras.Model:
    """The model with a new optimizer."""
    optimizer = keras.optimizers.Adam(0.001) if curves.is_adam(name) else keras.optimizers.SGD(0.01, 0.9)
    model.compile(optimizer=optimizer, loss="sparse_categorical_crossentropy" if CASES[name].classes else "mse")
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
    """One twin more computes in float64: TensorFlow's batch variances are off by 3e-5, by the same in every twin of float32, and the first loss of
    MobileNetV1 with them by 1.9e-4, a hundred times as far as twins lie apart. ResNet18, whose run in float64 takes long, has three others."""
    case = CASES[name]
    arguments = ({"classes": case.classes} if case.classes else {}) | ({"extent": case.extent} if case.extent else {})
    plain = getattr(in_keras, name)(**arguments)  # with dropout
    wrapped = interop.wrap(clone(plain), curves.BATCHES[name])
    compiled(plain, name)
    is_exact_too = name != "resnet18"
    with precision("float64"):
        exact = compiled(getattr(in_keras, name)(**arguments), name)
    runs = curves.Curves(name, [], [[] for _ in [*curves.twins_of(name), *[0] * is_exact_too]], [])
    for seed in curves.SEEDS:
        keras.utils.set_random_seed(seed)
        weights = keras.models.clone_model(plain).get_weights()
        runs.framework.append(losses(restarted(plain), weights, name, seed))
        for twin in curves.twins_of(name):
            noisy = [noisy_copy(w, 100_000 * twin + 1000 * seed + i) for i, w in enumerate(weights)]
            runs.twins[twin].append(losses(restarted(plain), noisy, name, seed))
        if is_exact_too:
            with precision("float64"):
                runs.twins[-1].append(losses(restarted(exact), weights, name, seed))
        runs.ours.append(losses(compiled(wrapped, name), weights, name, seed))
    print(curves.draw(runs, "Keras"))
    runs.check()
