"""Keras `fit` at its defaults. Peers: n2d2 (wrapped), keras_fit (TensorFlow), keras_jax_fit."""

from __future__ import annotations

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import time

import keras
import numpy as np

from catalog import PeerKind, Workload
from models import keras_nets
from runner import Runner, arrays

# An epoch is as long as this allows: long enough that what `fit` does once counts little, short enough for a round of a slow peer.
LEAST_STEPS, MOST_ROWS, EPOCH_S = 30, 128 * 200, 1.0


def make(workload: Workload, kind: PeerKind, measure: str) -> Runner:
    """Each call fits for an epoch over the same rows; for "startup" on one batch."""
    x, labels = arrays(workload, MOST_ROWS)
    x = np.ascontiguousarray(x.transpose(0, 2, 3, 1))
    y = keras.utils.to_categorical(labels, workload.classes)
    model = keras_nets.build(workload, softmax=True)
    optimizer = (
        keras.optimizers.Adam(workload.rate) if workload.solver == "adam" else keras.optimizers.SGD(workload.rate, workload.momentum)
    )
    if kind.is_ours:
        import keras_interoperability

        model = keras_interoperability.wrap(model, workload.batch)
    model.compile(loss="categorical_crossentropy", optimizer=optimizer, metrics=["accuracy"])

    def fit(steps: int) -> float:
        rows = steps * workload.batch
        return float(model.fit(x[:rows], y[:rows], batch_size=workload.batch, verbose=0).history["loss"][-1])

    if measure == "startup":
        return Runner(fit)
    fit(LEAST_STEPS)
    start = time.perf_counter()
    fit(LEAST_STEPS)
    took = (time.perf_counter() - start) / LEAST_STEPS
    steps = max(LEAST_STEPS, min(MOST_ROWS // workload.batch, round(EPOCH_S / took)))
    return Runner(lambda _: fit(steps), fixed_steps=steps)
