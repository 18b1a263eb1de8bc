"""JAX: the training step as one compiled function that reuses the memory of its arguments. Measures step and predict."""

from __future__ import annotations

import os

os.environ["JAX_PLATFORMS"] = "cpu"

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from catalog import PeerKind, Workload
from models import jax_nets
from runner import Runner, batches, fastest, inputs, stepping


def update(workload: Workload, p: Any, g: Any, state: Any, t: Any) -> tuple[Any, Any]:
    """SGD with momentum (v = m v + g), or Adam (Kingma and Ba 2015, algorithm 1)."""
    if workload.solver != "adam":
        v = workload.momentum * state[0] + g if workload.momentum else g
        return p - workload.rate * v, (v if workload.momentum else state[0], state[1])
    m, s = 0.9 * state[0] + 0.1 * g, 0.999 * state[1] + 0.001 * g * g
    rate = workload.rate * jnp.sqrt(1 - 0.999**t) / (1 - 0.9**t)
    return p - rate * m / (jnp.sqrt(s) + 1e-8), (m, s)


def make(workload: Workload, kind: PeerKind, measure: str) -> Runner:
    """Work for the worker."""
    weights, forward = jax_nets.build(workload)
    if measure.startswith("predict"):
        x = inputs(workload, measure, channels_last=True)
        predict = jax.jit(lambda p, x: forward(p, x, None))
        return fastest({"jit": lambda: np.asarray(predict(weights, x))})

    def loss_of(p: Any, x: Any, y: Any, key: Any) -> Any:
        scores = jax.nn.log_softmax(forward(p, x, key))
        return -jnp.mean(jnp.take_along_axis(scores, y[:, None], 1))

    def train(p: Any, state: Any, t: Any, x: Any, y: Any) -> Any:
        loss, gradients = jax.value_and_grad(loss_of)(p, x, y, jax.random.fold_in(jax.random.key(1), t))
        done = [update(workload, *each, t + 1) for each in zip(p, gradients, state, strict=True)]
        return [w for w, _ in done], [s for _, s in done], t + 1, loss

    compiled = jax.jit(train, donate_argnums=(0, 1, 2))
    held: list[Any] = [weights, [(jnp.zeros_like(w), jnp.zeros_like(w)) for w in weights], jnp.zeros((), jnp.int32)]

    def step(x: np.ndarray, y: np.ndarray) -> float:
        *held[:], loss = compiled(*held, x, y.astype(np.int32))
        return float(loss)

    return stepping(step, batches(workload, channels_last=True))
