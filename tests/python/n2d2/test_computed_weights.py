"""Weights that other nodes compute, losses that other nodes read, and pools that round up: what kernels assume must hold."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import n2d2
from n2d2._engine import engine

RNG = np.random.default_rng(0)


def array(*shape: int) -> np.ndarray:
    return RNG.standard_normal(shape).astype(np.float32)


def step(
    graph: object, values: dict[str, np.ndarray], x: np.ndarray, out_shape: list[int], lanes: int
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Output and gradients of the parameters, of the third of three equal steps, for an output gradient of ones."""
    network = engine.Network(len(x), lanes)
    network.set_graph("train", graph)
    for name, value in values.items():
        network.memory(name)[:] = value.ravel()
    out, dy = np.zeros(out_shape, np.float32), np.ones(out_shape, np.float32)
    for _ in range(3):
        network.backward(network.forward([x.ctypes.data], len(x), [out.ctypes.data], train=True, keep=True), [dy.ctypes.data])
    return out, {name: network.gradient(name).reshape(value.shape) for name, value in values.items()}


@pytest.mark.parametrize("group", [1, 2, 4])
@pytest.mark.parametrize("lanes", [1, 2, 3])
def test_convolution_with_a_computed_weight(group, lanes):
    g = engine.Graph()
    values = {"w": array(4, 4 // group, 3, 3), "scale": array(4, 1, 1, 1)}
    weight = g.node("Mul", [g.parameter("w", list(values["w"].shape)), g.parameter("scale", [4, 1, 1, 1])])[0]
    g.output(g.node("Conv", [g.input("x", [-1, 4, 9, 9]), weight], {"group": group})[0])
    x = array(5, 4, 9, 9)
    out, gradients = step(g, values, x, [5, 4, 7, 7], lanes)
    w, scale = (torch.from_numpy(values[name]).double().requires_grad_() for name in ("w", "scale"))
    expected = F.conv2d(torch.from_numpy(x).double(), w * scale, groups=group)
    expected.sum().backward()
    assert np.abs(out - expected.detach().numpy()).max() < 1e-5 * expected.abs().max().item()
    for name, reference in (("w", w.grad), ("scale", scale.grad)):
        assert np.abs(gradients[name] - reference.numpy()).max() < 1e-5 * reference.abs().max().item(), name


@pytest.mark.parametrize("lanes", [1, 2])
@pytest.mark.parametrize("inputs", [1, 3, 16])
@pytest.mark.parametrize("pads", [0, 1])
def test_gradients_behind_a_pool_that_rounds_up(inputs, lanes, pads):
    """The last windows reach beyond the convolution's output, and nothing beyond its input may be touched."""
    g = engine.Graph()
    values = {"first": array(inputs, inputs, 1, 1), "w": array(16, inputs, 3, 3)}
    h = g.node("Conv", [g.input("x", [-1, inputs, 7, 7]), g.parameter("first", list(values["first"].shape))])[0]
    h = g.node("Conv", [h, g.parameter("w", list(values["w"].shape))], {"pads": [pads] * 4})[0]
    side = 4 if pads else 3
    g.output(g.node("MaxPool", [h], {"kernel_shape": [2, 2], "strides": [2, 2], "ceil_mode": 1})[0])
    x = array(6, inputs, 7, 7)
    out, gradients = step(g, values, x, [6, 16, side, side], lanes)
    first, w = (torch.from_numpy(values[name]).double().requires_grad_() for name in ("first", "w"))
    h = F.conv2d(F.conv2d(torch.from_numpy(x).double(), first), w, padding=pads)
    expected = F.max_pool2d(h, 2, ceil_mode=True)
    expected.sum().backward()
    assert np.abs(out - expected.detach().numpy()).max() < 1e-5 * expected.abs().max().item()
    for name, reference in (("first", first.grad), ("w", w.grad)):
        assert np.abs(gradients[name] - reference.numpy()).max() < 2e-5 * reference.abs().max().item(), name


def test_a_loss_that_another_node_reads():
    g = engine.Graph()
    scores = g.node("Gemm", [g.input("x", [-1, 6]), g.parameter("w", [6, 4])])[0]
    loss = g.node("SoftmaxCrossEntropyLoss", [scores, g.input("y", [-1], "int64")])[0]
    g.output(g.node("Add", [loss, loss])[0])
    network = engine.Network(8, 2)
    network.set_graph("train", g)
    x, y, w, out = array(8, 6), RNG.integers(0, 4, 8), array(6, 4), np.zeros((), np.float32)
    network.memory("w")[:] = w.ravel()
    network.forward([x.ctypes.data, y.ctypes.data], 8, [out.ctypes.data], train=True)
    expected = 2 * F.cross_entropy(torch.from_numpy(x @ w), torch.from_numpy(y)).item()
    assert float(out) == pytest.approx(expected, rel=1e-5)


def test_a_loss_that_does_not_fit_leaves_the_network_usable():
    g = engine.Graph()
    g.output(g.node("Conv", [g.input("x", [-1, 2, 5, 5]), g.parameter("w", [3, 2, 3, 3])])[0])
    network = engine.Network(2, 1)
    network.set_graph("train", g)
    network.set_solver("w", n2d2.solver.SGD(0.1).to_native())
    x = array(2, 2, 5, 5)
    with pytest.raises(n2d2.errors.ShapeError, match="need an output of shape"):
        network.step([x], 2, np.zeros(2, np.int64), "SoftmaxCrossEntropyLoss", True)
    with pytest.raises(n2d2.errors.ShapeError):
        network.step([x], 2, np.zeros((2, 3, 3, 3), np.float32), "SoftmaxCrossEntropyLoss", False)
    network.set_profiling(True)
    assert network.profile_text() == ""
    assert "Conv" in network.plan_text()
    assert network.step([x], 2, np.zeros((2, 3, 3, 3), np.float32), "MeanSquaredError", False) == pytest.approx(0.0)
