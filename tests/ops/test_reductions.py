"""ReduceMean, ReduceSum, BatchNormalization and the losses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from harness import Case, check, distance

from n2d2 import errors
from n2d2._engine import engine


@pytest.mark.parametrize("op", ["ReduceMean", "ReduceSum"])
@pytest.mark.parametrize("keepdims", [0, 1])
@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        (["N", 7], [1]),
        (["N", 3, 5], [2]),
        (["N", 3, 5, 4], [2, 3]),
        (["N", 3, 5, 4], [1]),
        (["N", 6], [0]),
        (["N", 3, 4], [0, 2]),
        (["N", 5], []),
    ],
)
def test_reductions(op, keepdims, shape, axes):
    every = axes or list(range(len(shape)))
    function = torch.mean if op == "ReduceMean" else torch.sum
    check(op, Case([shape], lambda x: function(x, every, keepdim=bool(keepdims)), {"axes": axes, "keepdims": keepdims}))


def bn_reference(x, scale, shift):
    return F.batch_norm(x, None, None, scale, shift, True, 0.1, 1e-3)


def build_bn(shape, training, unbiased=0, momentum=0.9, lanes=1):
    g = engine.Graph()
    c = shape[0]
    x = g.input("x", [-1, *shape])
    state = [g.parameter("scale", [c]), g.parameter("shift", [c]), g.buffer("mean", [c]), g.buffer("var", [c])]
    attributes = {"training_mode": training, "epsilon": 1e-3, "momentum": momentum, "unbiased_variance": unbiased}
    g.output(g.node("BatchNormalization", [x, *state], attributes)[0])
    n = engine.Network(32, lanes)
    n.set_graph("train", g)
    return n


@pytest.mark.parametrize("shape", [(7,), (16,), (5, 6), (3, 5, 4), (16, 3, 3), (33, 2, 2)], ids=str)
@pytest.mark.parametrize("training", [0, 1])
@pytest.mark.parametrize("unbiased", [0, 1])
@pytest.mark.parametrize("lanes", [1, 3])
def test_batch_normalization(shape, training, unbiased, lanes):
    rng = np.random.default_rng(0)
    rows, c = 9, shape[0]
    n = build_bn(shape, training, unbiased, lanes=lanes)
    x = (rng.standard_normal((rows, *shape)) * 2 + 30).astype("f4")  # a mean far from zero
    start = {"scale": rng.random(c) + 0.5, "shift": rng.standard_normal(c), "mean": rng.standard_normal(c), "var": rng.random(c) + 0.5}
    for name, value in start.items():
        n.memory(name)[:] = value
    out, dy, dx = np.zeros_like(x), rng.standard_normal(x.shape).astype("f4"), np.zeros_like(x)
    state = n.forward([x.ctypes.data], rows, [out.ctypes.data], train=True, keep=True, input_gradients=True)
    n.backward(state, [dy.ctypes.data], [dx.ctypes.data])

    t = {name: torch.from_numpy(value.astype("f4")).double() for name, value in start.items()}
    xt, scale, shift = torch.from_numpy(x).double().requires_grad_(), t["scale"].requires_grad_(), t["shift"].requires_grad_()
    y = F.batch_norm(xt, t["mean"], t["var"], scale, shift, bool(training), 0.1, 1e-3)
    y.backward(torch.from_numpy(dy).double())
    if training and not unbiased:  # Keras keeps the biased variance, torch the unbiased one
        count = x.size / c
        biased = (t["var"] - 0.9 * torch.from_numpy(start["var"].astype("f4")).double()) * (count - 1) / count
        t["var"] = 0.9 * torch.from_numpy(start["var"].astype("f4")).double() + biased
    pairs = {
        "output": (out, y.detach()),
        "dx": (dx, xt.grad),
        "dscale": (n.gradient("scale"), scale.grad),
        "dshift": (n.gradient("shift"), shift.grad),
        "mean": (n.memory("mean"), t["mean"]),
        "var": (n.memory("var"), t["var"]),
    }
    for name, (ours, expected) in pairs.items():
        assert distance(np.asarray(ours, np.float64), expected.numpy()) < 3e-5, name  # the inputs themselves are rounded at 30 * 6e-8


def test_batch_normalization_passes_nan_and_refuses_bad_shapes():
    n = build_bn((3,), 1)
    x = np.array([[1, 2, np.nan], [2, 3, 4]], "f4")
    out = np.zeros_like(x)
    n.memory("scale")[:] = 1
    n.forward([x.ctypes.data], 2, [out.ctypes.data], train=True)
    assert np.isnan(out[:, 2]).all()
    assert np.isfinite(out[:, :2]).all()
    g = engine.Graph()
    x = g.input("x", [-1, 4, 5])
    state = [g.parameter("s", [4]), g.parameter("b", [5]), g.buffer("m", [4]), g.buffer("v", [4])]
    with pytest.raises(errors.ShapeError, match=r"B has shape \[5\], expected \[4\]"):
        g.node("BatchNormalization", [x, *state])


@pytest.mark.parametrize("classes", [1, 2, 3, 10, 33, 1000])
def test_cross_entropy_of_classes(classes):
    labels = lambda rng, rows: rng.integers(0, classes, rows)  # noqa: E731
    draw = lambda g, s: 5 * g.standard_normal(s)  # noqa: E731
    check("SoftmaxCrossEntropyLoss", Case([["N", classes], labels], F.cross_entropy, draw=draw, rows=(1, 7)))


@pytest.mark.parametrize("classes", [2, 3, 10, 33, 100, 7])
def test_cross_entropy_of_shares(classes):
    def shares(rng, rows):
        s = rng.random((rows, classes))
        return (s / s.sum(1, keepdims=True)).astype("f4")

    case = Case([["N", classes], shares], lambda x, t: -(t * F.log_softmax(x, 1)).sum(1).mean(), differentiable=(0,))
    check("SoftmaxCrossEntropyLoss", case)


@pytest.mark.parametrize("shape", [["N", 1], ["N", 7], ["N", 10], ["N", 3, 4], ["N", 2, 3, 4], ["N", 1000]], ids=str)
def test_mean_squared_error(shape):
    check("MeanSquaredError", Case([shape, shape], F.mse_loss))


def test_labels_out_of_range_give_nan_and_no_crash():
    g = engine.Graph()
    g.output(g.node("SoftmaxCrossEntropyLoss", [g.input("x", [-1, 3]), g.input("y", [-1], "int64")])[0])
    n = engine.Network(2)
    n.set_graph("train", g)
    x, out = np.zeros((2, 3), "f4"), np.zeros((), "f4")
    for label in (-1, 3, 2**40):
        y = np.array([0, label])
        n.forward([x.ctypes.data, y.ctypes.data], 2, [out.ctypes.data], train=True)
        assert np.isnan(out)


def test_bad_inputs_of_losses():
    g = engine.Graph()
    with pytest.raises(errors.ShapeError, match=r"expected int64\[N\] \(classes\) or float32\[N,3\] \(targets\)"):
        g.node("SoftmaxCrossEntropyLoss", [g.input("x", [-1, 3]), g.input("y", [-1, 4])])
    with pytest.raises(errors.ShapeError, match="need one shape"):
        g.node("MeanSquaredError", [g.input("a", [-1, 3]), g.input("b", [-1, 4])])
