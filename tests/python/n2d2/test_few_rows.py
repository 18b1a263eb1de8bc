"""Where a batch has few rows, lanes share out each of them: the numbers of large convolutions stay those of any other batch."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from parity import assert_one_step_close

from n2d2._engine import engine

# Name: channels in and out, kernel, attributes of the convolution, window and stride of a max-pool behind it.
CASES = {
    "winograd": (24, 24, 3, {"pads": [1, 1, 1, 1]}, None),
    "winograd, one vector of channels": (16, 16, 3, {"pads": [1, 1, 1, 1]}, None),
    "direct": (10, 17, 5, {"strides": [2, 1], "pads": [2, 0, 1, 2]}, None),
    "few channels": (3, 64, 3, {"pads": [1, 1, 1, 1]}, None),
    "pointwise": (48, 40, 1, {}, None),
    "pool in registers": (8, 12, 5, {}, (2, 2)),
    "pool behind winograd": (24, 24, 3, {}, (2, 2)),
    "pool of few channels": (8, 6, 5, {}, (2, 2)),
    "pool from rows of winograd": (24, 24, 3, {"pads": [1, 1, 1, 1]}, (3, 2)),
    "pool from rows": (12, 20, 4, {"pads": [1, 1, 1, 1]}, (3, 2)),
}
EXTENT = (29, 33)
CAPACITY = 8


def reference(
    x: np.ndarray, w: np.ndarray, b: np.ndarray, attributes: dict, pool: tuple[int, int] | None, dtype: torch.dtype
) -> list[np.ndarray]:
    """Output and, for gradients of 1, those of input, weight and bias."""
    exact_x, exact_w, exact_b = (torch.from_numpy(v).to(dtype).requires_grad_() for v in (x, w, b))
    top, left, bottom, right = attributes.get("pads", [0, 0, 0, 0])
    y = F.conv2d(F.pad(exact_x, (left, right, top, bottom)), exact_w, exact_b, stride=attributes.get("strides", 1))
    y = F.max_pool2d(y.relu(), *pool) if pool else y
    y.sum().backward()
    return [v.detach().numpy() for v in (y, exact_x.grad, exact_w.grad, exact_b.grad)]


def waits(n: engine.Network) -> dict[int, bool]:
    """By the capacity of a plan: whether lanes wait for each other before the convolution runs forward, as they do when they share rows."""
    plans = re.split(r"== plan: .* up to (\d+) rows", n.plan_text())[1:]
    forward = [plan.split("forward:\n")[1].split("backward:\n")[0] for plan in plans[1::2]]
    segments = [next(int(line.split()[0]) for line in lines.splitlines() if "'conv'" in line and "copy" not in line) for lines in forward]
    return {int(capacity): segment > 0 for capacity, segment in zip(plans[::2], segments, strict=True)}


@pytest.mark.parametrize("lanes", [2, 3, 5])
@pytest.mark.parametrize("name", CASES)
def test_large_convolutions(name: str, lanes: int) -> None:
    channels, outputs, kernel, attributes, pool = CASES[name]
    rng = np.random.default_rng(lanes)
    w, b = rng.standard_normal((outputs, channels, kernel, kernel)).astype("f4"), rng.standard_normal(outputs).astype("f4")
    g = engine.Graph()
    inputs = [g.input("x", [-1, channels, *EXTENT]), g.parameter("w", list(w.shape)), g.parameter("b", list(b.shape))]
    h = g.node("Conv", inputs, attributes, path="conv")[0]
    if pool:
        h = g.node("MaxPool", g.node("Relu", [h]), {"kernel_shape": [pool[0]] * 2, "strides": [pool[1]] * 2})[0]
    g.output(h)
    n = engine.Network(CAPACITY, lanes)
    n.set_graph("train", g)
    n.memory("w")[:], n.memory("b")[:] = w.ravel(), b

    x = rng.standard_normal((CAPACITY, channels, *EXTENT)).astype("f4")
    seen = {}
    for rows in (CAPACITY, 1, 2):
        exact, framework = (reference(x[:rows], w, b, attributes, pool, dtype) for dtype in (torch.float64, torch.float32))
        y, dx = (np.zeros(v.shape, "f4") for v in exact[:2])
        dy = np.ones_like(y)
        state = n.forward([x.ctypes.data], rows, [y.ctypes.data], train=True, keep=True, input_gradients=True)
        n.backward(state, [dy.ctypes.data], [dx.ctypes.data])
        found = (y, dx, n.gradient("w").reshape(w.shape), n.gradient("b"))
        for got, value, other, tensor in zip(found, exact, framework, ("y", "dx", "dw", "db"), strict=True):
            assert_one_step_close(got, value, other, value, tensor)
        seen[rows] = (y, dx)
    assert waits(n) == {CAPACITY: False, lanes // 2: True}
    for rows in (1, 2):
        for few, many in zip(seen[rows], seen[CAPACITY], strict=True):
            np.testing.assert_array_equal(few, many[:rows])


def test_what_does_not_divide_is_not_shared() -> None:
    """A convolution in one dimension has one row of outputs."""
    g = engine.Graph()
    g.output(g.node("Conv", [g.input("x", [-1, 64, 400]), g.parameter("w", [64, 64, 9])], path="conv")[0])
    n = engine.Network(1, 4)
    n.set_graph("train", g)
    assert waits(n) == {1: False}
