"""The five networks for devices in Keras, with values at which no ReLU switches by rounding, whatever the batch (for one batch: `kinks`)."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from device_networks import SURE, Case, sure_scale_and_shift

from networks import in_keras


def made(case: Case, momentum: float = in_keras.MOMENTUM, **arguments: Any) -> keras.Model:
    """The network with Keras' initial weights."""
    extent = {} if case.extent is None else {"extent": case.extent}
    model = getattr(in_keras, case.name)(**case.arguments, **extent, **arguments)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = momentum
    return model


def followers(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """The layers that read its output."""
    return [node.operation for node in layer._outbound_nodes]


def without_flips(model: keras.Model) -> list[np.ndarray]:
    """Weights with which all inputs of ReLUs lie far from zero."""
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    for i, layer in enumerate(norms):
        is_dead = any(isinstance(follower, keras.layers.ReLU) for follower in followers(layer))
        for variable, value in zip((layer.gamma, layer.beta), sure_scale_and_shift(layer.gamma.shape[0], is_dead, i), strict=True):
            variable.assign(value)
    for layer in model.layers:
        if isinstance(layer, keras.layers.Conv2D) and any(isinstance(follower, keras.layers.Add) for follower in followers(layer)):
            layer.bias.assign(layer.bias + SURE)
    return model.get_weights()


def configuration(case: Case):
    """For `layer_parity.compare`, with logits as outputs; momentum 0 makes the moving statistics those of the batch."""
    shape = (*case.shape[1:], case.shape[0]) if len(case.shape) == 3 else case.shape
    return [shape], lambda: made(case, 0.0, **({"activation": None} if case.classes else {}))


def drawn(case: Case):
    """Draws weights for it."""

    def draw(model: keras.Model, seed: int) -> list[np.ndarray]:
        keras.utils.set_random_seed(seed)
        return without_flips(configuration(case)[1]())

    return draw
