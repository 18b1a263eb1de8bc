"""Keras `fit` at its defaults. Peers: n2d2 (wrapped), keras_fit (TensorFlow), keras_jax_fit."""

from __future__ import annotations

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np

from catalog import PeerKind, Workload
from models import keras_nets
from runner import LOOP_ROWS, Runner, arrays


def make(workload: Workload, kind: PeerKind, measure: str) -> Runner:
    """Each call fits once over the same rows."""
    steps = LOOP_ROWS // 128
    x, labels = arrays(workload, steps * workload.batch)
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

    def run(_: int) -> float:
        return float(model.fit(x, y, batch_size=workload.batch, verbose=0).history["loss"][-1])

    return Runner(run, fixed_steps=steps)
