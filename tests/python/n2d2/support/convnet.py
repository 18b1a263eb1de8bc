"""A convnet of the engine, a step of it, and both in a process of their own."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np

from n2d2._engine import engine


def convnet(capacity: int = 16, lanes: int = 0) -> engine.Network:
    """Two convolutions, batch normalisation, pools, dropout and two dense layers, with Adam."""
    g = engine.Graph()
    x = g.input("x", [-1, 3, 12, 11])

    def conv(h, name, m, c):
        return g.node("Conv", [h, g.parameter(name + ".w", [m, c, 3, 3]), g.parameter(name + ".b", [m])], {"pads": [1, 1, 1, 1]})[0]

    h, c = conv(x, "c1", 8, 3), 8
    stats = [g.parameter("bn.s", [c]), g.parameter("bn.b", [c]), g.buffer("bn.m", [c]), g.buffer("bn.v", [c])]
    h = g.node("BatchNormalization", [h, *stats], {"training_mode": 1})[0]
    h = g.node("MaxPool", g.node("Relu", [h]), {"kernel_shape": [2, 2], "strides": [2, 2]})[0]
    h = g.node("Dropout", [h], {"ratio": 0.25, "training_mode": 1})[0]
    h, c = g.node("Relu", [conv(h, "c2", 20, 8)])[0], 20
    h = g.node("Flatten", g.node("AveragePool", [h], {"kernel_shape": [2, 2], "strides": [2, 2]}))[0]
    for i, (k, m) in enumerate([(c * 3 * 2, 32), (32, 10)]):
        h = g.node("Gemm", [h, g.parameter(f"f{i}.w", [k, m]), g.parameter(f"f{i}.b", [m])])[0]
        h = g.node("Tanh", [h])[0] if i == 0 else h
    g.output(h)
    n = engine.Network(capacity, lanes)
    n.set_graph("train", g)
    n.set_graph("evaluate", g)
    rng = np.random.default_rng(0)
    solver = engine.adam(0.01)
    for name, _, _ in n.parameters:
        n.memory(name)[:] = rng.standard_normal(n.memory(name).size).astype("f4") * 0.2
        n.set_solver(name, solver)
    return n


def step(n: engine.Network, rng: np.random.Generator, rows: int, key: int) -> np.ndarray:
    """A step on noise; the outputs."""
    x, out, dy = np.zeros((rows, 3, 12, 11), "f4"), np.zeros((rows, 10), "f4"), np.zeros((rows, 10), "f4")
    x[...] = rng.standard_normal(x.shape)
    dy[...] = rng.standard_normal(dy.shape) / rows
    state = n.forward([x.ctypes.data], rows, [out.ctypes.data], train=True, keep=True, key=key)
    n.backward(state, [dy.ctypes.data])
    n.update()
    return out


def digest(n: engine.Network) -> str:
    """A hash of all bits of parameters and buffers."""
    h = hashlib.sha256()
    for name, _, _ in [*n.parameters, *n.buffers]:
        h.update(n.memory(name).tobytes())
    return h.hexdigest()


PREFIX = """
import json, os, sys
import numpy as np
from convnet import convnet, digest, step
from n2d2._engine import engine
"""


def run(code: str, **environment: str) -> str:
    """The last line that the code prints in a process of its own."""
    path = os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", PREFIX + textwrap.dedent(code)],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]
