"""TensorFlow: a Keras model in a graph of its own. Peers: tf_graph, tf_xla. Measures step and predict."""

from __future__ import annotations

import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

from typing import Any

import keras
import numpy as np
import tensorflow as tf

from catalog import PeerKind, Workload
from models import keras_nets
from runner import Runner, batches, fastest, inputs, stepping


def make(workload: Workload, kind: PeerKind, measure: str) -> Runner:
    """Work for the worker."""
    xla = kind.name == "tf_xla"
    if measure.startswith("predict"):
        return predicting(keras_nets.build(workload, softmax=bool(workload.classes)), inputs(workload, measure, True), xla)
    model = keras_nets.build(workload)
    optimizer = (
        keras.optimizers.Adam(workload.rate) if workload.solver == "adam" else keras.optimizers.SGD(workload.rate, workload.momentum)
    )
    optimizer.build(model.trainable_variables)

    @tf.function(jit_compile=xla)
    def train(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            out = model(x, training=True)
            if workload.classes:
                loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, out))
            else:
                loss = tf.reduce_mean(tf.math.squared_difference(out, y))
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    def step(x: np.ndarray, y: np.ndarray) -> float:
        return float(train(tf.constant(x), tf.constant(y)))

    return stepping(step, batches(workload, channels_last=True))


def predicting(model: Any, x: np.ndarray, xla: bool) -> Runner:
    """`predict_on_batch` and a function of our own, whichever is faster."""
    graph = tf.function(lambda t: model(t, training=False), jit_compile=xla)
    ways = {"tf.function": lambda: graph(tf.constant(x)).numpy()}
    if not xla:
        ways["predict_on_batch"] = lambda: model.predict_on_batch(x)
    return fastest(ways)
