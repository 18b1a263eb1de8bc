"""The two convnets in plain JAX, channels last: parameters as a flat list, logits as output."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from catalog import Workload

Weights = list[Any]


def conv_pool(x: Any, kernel: Any, bias: Any) -> Any:
    """Convolution without padding, ReLU, 2x2 max-pool."""
    x = jax.lax.conv_general_dilated(x, kernel, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return jax.lax.reduce_window(jax.nn.relu(x + bias), -jnp.inf, jax.lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")


def mnist(p: Weights, x: Any) -> Any:
    """Keras' MNIST convnet up to its dense layer."""
    x = conv_pool(conv_pool(x, p[0], p[1]), p[2], p[3])
    return x.reshape(len(x), -1)


def tutorial(p: Weights, x: Any) -> Any:
    """The network of PyTorch's CIFAR10 tutorial up to its last layer."""
    x = conv_pool(conv_pool(x, p[0], p[1]), p[2], p[3])
    x = jax.nn.relu(x.reshape(len(x), -1) @ p[4] + p[5])
    return jax.nn.relu(x @ p[6] + p[7])


SHAPES = {
    "mnist": [(3, 3, 1, 32), (3, 3, 32, 64), (1600, 10)],
    "tutorial": [(5, 5, 3, 6), (5, 5, 6, 16), (400, 120), (120, 84), (84, 10)],
}
BODIES: dict[str, Callable[[Weights, Any], Any]] = {"mnist": mnist, "tutorial": tutorial}


def build(workload: Workload) -> tuple[Weights, Callable[[Weights, Any, Any], Any]]:
    """Seeded weights, and the function (weights, x, key) to logits; without a key there is no dropout."""
    weights: Weights = []
    for key, shape in zip(jax.random.split(jax.random.key(0), 8), SHAPES[workload.net], strict=False):
        limit = 1 / math.sqrt(math.prod(shape[:-1]))
        weights += [jax.random.uniform(key, shape, minval=-limit, maxval=limit), jnp.zeros(shape[-1])]

    def forward(p: Weights, x: Any, key: Any) -> Any:
        x = BODIES[workload.net](p, x)
        if workload.dropout and key is not None:
            keep = 1 - workload.dropout
            x = jnp.where(jax.random.bernoulli(key, keep, x.shape), x / keep, 0)
        return x @ p[-2] + p[-1]

    return weights, forward
