"""Where a batch has few rows, lanes share out each of them: the numbers of large convolutions stay those of any other batch."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from n2d2._engine import engine

# Name: channels in and out, kernel, attributes of the convolution, window and stride of a max-pool behind it.
CASES = {
    "winograd": (24, 24, 3, {"pads": [1, 1, 1, 1]}, None),
    "direct": (10, 17, 5, {"strides": [2, 1], "pads": [2, 0, 1, 2]}, None),
    "pointwise": (48, 40, 1, {}, None),
    "pool in registers": (24, 24, 3, {}, (2, 2)),
    "pool of few channels": (8, 6, 5, {}, (2, 2)),
    "pool from rows": (12, 20, 4, {"pads": [1, 1, 1, 1]}, (3, 2)),
}
EXTENT = (19, 23)
CAPACITY = 8


def reference(x: np.ndarray, w: np.ndarray, attributes: dict, pool: tuple[int, int] | None) -> list[np.ndarray]:
    """Output and, for gradients of 1, those of input and weight, in float64."""
    exact_x, exact_w = (torch.from_numpy(v).double().requires_grad_() for v in (x, w))
    top, left, bottom, right = attributes.get("pads", [0, 0, 0, 0])
    y = F.conv2d(F.pad(exact_x, (left, right, top, bottom)), exact_w, stride=attributes.get("strides", 1))
    y = F.max_pool2d(y.relu(), *pool) if pool else y
    y.sum().backward()
    return [v.detach().numpy() for v in (y, exact_x.grad, exact_w.grad)]


@pytest.mark.parametrize("lanes", [2, 3, 5])
@pytest.mark.parametrize("name", CASES)
def test_large_convolutions(name: str, lanes: int) -> None:
    channels, outputs, kernel, attributes, pool = CASES[name]
    rng = np.random.default_rng(lanes)
    w = rng.standard_normal((outputs, channels, kernel, kernel)).astype("f4")
    g = engine.Graph()
    h = g.node("Conv", [g.input("x", [-1, channels, *EXTENT]), g.parameter("w", list(w.shape))], attributes)[0]
    if pool:
        h = g.node("MaxPool", g.node("Relu", [h]), {"kernel_shape": [pool[0]] * 2, "strides": [pool[1]] * 2})[0]
    g.output(h)
    n = engine.Network(CAPACITY, lanes)
    n.set_graph("train", g)
    n.memory("w")[:] = w.ravel()

    x = rng.standard_normal((CAPACITY, channels, *EXTENT)).astype("f4")
    outputs_of = {}
    for rows in (CAPACITY, 1, 2):
        y, dx, dw = reference(x[:rows], w, attributes, pool)
        ours = [np.zeros(v.shape, "f4") for v in (y, dx)]
        dy = np.ones_like(ours[0])
        state = n.forward([x.ctypes.data], rows, [ours[0].ctypes.data], train=True, keep=True, input_gradients=True)
        n.backward(state, [dy.ctypes.data], [ours[1].ctypes.data])
        for got, exact in zip((*ours, n.gradient("w").reshape(w.shape)), (y, dx, dw), strict=True):
            np.testing.assert_allclose(got, exact, rtol=0, atol=2e-6 * np.abs(exact).max())
        outputs_of[rows] = ours[0]
    assert n.plans_made == 2
    for rows in (1, 2):
        np.testing.assert_array_equal(outputs_of[rows], outputs_of[CAPACITY][:rows])
