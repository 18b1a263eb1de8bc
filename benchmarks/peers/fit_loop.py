"""Keras `fit` at its defaults. Peers: n2d2 (wrapped), keras_fit (TensorFlow), keras_jax_fit."""

from __future__ import annotations

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import math
import time

import keras
import numpy as np

from catalog import PeerKind, Workload
from models import keras_nets
from runner import Runner, arrays

# An epoch is as long as this allows: long enough that what `fit` does once counts little, short enough for a round of a slow peer.
LEAST_STEPS, MOST_ROWS, EPOCH_S = 30, 128 * 200, 1.0
FEW_STEPS, LONG_S, MOST_BYTES = 5, 4.0, 1 << 28  # of an epoch, where LEAST_STEPS would take longer; of the data


def make(workload: Workload, kind: PeerKind, measure: str) -> Runner:
    """Each call fits for an epoch over the same rows; for "startup" on one batch."""
    most_rows = max(LEAST_STEPS * workload.batch, min(MOST_ROWS, MOST_BYTES // (4 * math.prod(workload.shape))))
    x, y = arrays(workload, most_rows)
    x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)) if x.ndim == 4 else x
    y = keras.utils.to_categorical(y, workload.classes) if workload.classes else x
    model = keras_nets.build(workload, softmax=bool(workload.classes))
    optimizer = (
        keras.optimizers.Adam(workload.rate) if workload.solver == "adam" else keras.optimizers.SGD(workload.rate, workload.momentum)
    )
    if kind.is_ours:
        import keras_interoperability

        model = keras_interoperability.wrap(model, workload.batch)
    loss, metrics = ("categorical_crossentropy", ["accuracy"]) if workload.classes else ("mse", [])
    model.compile(loss=loss, optimizer=optimizer, metrics=metrics)

    def fit(steps: int) -> float:
        rows = steps * workload.batch
        return float(model.fit(x[:rows], y[:rows], batch_size=workload.batch, verbose=0).history["loss"][-1])

    if measure == "startup":
        return Runner(fit)

    def seconds(steps: int) -> float:
        start = time.perf_counter()
        fit(steps)
        return (time.perf_counter() - start) / steps

    fit(1)
    least = LEAST_STEPS if seconds(FEW_STEPS) * LEAST_STEPS < LONG_S else FEW_STEPS
    fit(least)
    steps = max(least, min(most_rows // workload.batch, round(EPOCH_S / seconds(least))))
    return Runner(lambda _: fit(steps), fixed_steps=steps)
