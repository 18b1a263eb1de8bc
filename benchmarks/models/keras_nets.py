"""The networks of the workloads in Keras, channels last."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from catalog import Workload
from networks import in_keras


def mnist(x: Any, w: Workload) -> Any:
    """Keras' MNIST convnet."""
    for outputs in (32, 64):
        x = layers.MaxPooling2D(2)(layers.Conv2D(outputs, 3, activation="relu")(x))
    x = layers.Flatten()(x)
    return layers.Dropout(w.dropout)(x) if w.dropout else x


def tutorial(x: Any, w: Workload) -> Any:
    """The network of PyTorch's CIFAR10 tutorial."""
    for outputs in (6, 16):
        x = layers.MaxPooling2D(2)(layers.Conv2D(outputs, 5, activation="relu")(x))
    x = layers.Dense(120, activation="relu")(layers.Flatten()(x))
    return layers.Dense(84, activation="relu")(x)


BODIES = {"mnist": mnist, "tutorial": tutorial}


def build(workload: Workload, softmax: bool = False) -> keras.Model:
    """The workload's network, with seeded weights; its output are logits, or shares with `softmax`."""
    keras.utils.set_random_seed(0)
    activation = "softmax" if softmax else None
    if workload.net in BODIES:
        inputs = keras.Input((*workload.shape[1:], workload.shape[0]))
        x = BODIES[workload.net](inputs, workload)
        return keras.Model(inputs, layers.Dense(workload.classes, activation=activation)(x), name=workload.net)
    make = getattr(in_keras, workload.net)
    return make(workload.classes, activation) if workload.classes else make()
