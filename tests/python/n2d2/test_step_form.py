"""The step form, in which loss, backward and update run as one program and rows go through in chunks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import n2d2
from n2d2._engine import engine

ROWS = 150  # several chunks a lane, and a rest
SHAPES = {"c1.w": (8, 2, 3, 3), "c1.b": (8,), "c2.w": (16, 8, 3, 3), "c2.b": (16,), "f.w": (10, 400), "f.b": (10,)}


def graph() -> object:
    """conv - relu - pool - conv - pool - relu - dense on 2 x 28 x 28, so large that rows go through in chunks."""
    g = engine.Graph()
    parameter = {name: g.parameter(name, list(shape)) for name, shape in SHAPES.items()}
    pool = {"kernel_shape": [2, 2], "strides": [2, 2]}
    h = g.node("Relu", g.node("Conv", [g.input("x", [-1, 2, 28, 28]), parameter["c1.w"], parameter["c1.b"]]))[0]
    h = g.node("MaxPool", [h], pool)[0]
    h = g.node("MaxPool", g.node("Conv", [h, parameter["c2.w"], parameter["c2.b"]]), pool)[0]
    h = g.node("Flatten", g.node("Relu", [h]))[0]
    g.output(g.node("Gemm", [h, parameter["f.w"], parameter["f.b"]], {"transB": 1})[0])
    return g


def network(lanes: int, rate: float = 1.0) -> object:
    """With solvers that subtract the gradient, so that weights show it."""
    made = engine.Network(ROWS, lanes)
    made.set_graph("train", graph())
    rng = np.random.default_rng(0)
    for name, shape in sorted(SHAPES.items()):
        made.memory(name)[:] = (rng.standard_normal(shape) * 0.2).astype(np.float32).ravel()
        made.set_solver(name, n2d2.solver.SGD(rate).to_native())
    return made


def weights(made: object) -> dict[str, np.ndarray]:
    return {name: made.memory(name).copy() for name in SHAPES}


def reference(start: dict[str, np.ndarray], x: np.ndarray, loss_of: object) -> tuple[float, dict[str, np.ndarray]]:
    """Loss and gradients in float64."""
    w = {name: torch.from_numpy(start[name].reshape(shape)).double().requires_grad_() for name, shape in SHAPES.items()}
    h = F.max_pool2d(F.relu(F.conv2d(torch.from_numpy(x).double(), w["c1.w"], w["c1.b"])), 2)
    h = F.relu(F.max_pool2d(F.conv2d(h, w["c2.w"], w["c2.b"]), 2))
    loss = loss_of(F.linear(h.flatten(1), w["f.w"], w["f.b"]))
    loss.backward()
    return loss.item(), {name: value.grad.numpy().ravel() for name, value in w.items()}


def targets(kind: str, rows: int) -> tuple[np.ndarray, str, object]:
    rng = np.random.default_rng(1)
    if kind == "classes":
        y = rng.integers(0, 10, rows)
        return y, "SoftmaxCrossEntropyLoss", lambda out: F.cross_entropy(out, torch.from_numpy(y))
    y = rng.random((rows, 10), np.float32)
    y /= y.sum(1, keepdims=True)
    if kind == "shares":
        return y, "SoftmaxCrossEntropyLoss", lambda out: F.cross_entropy(out, torch.from_numpy(y).double())
    return y, "MeanSquaredError", lambda out: F.mse_loss(out, torch.from_numpy(y).double())


@pytest.mark.parametrize("kind", ["classes", "shares", "values"])
@pytest.mark.parametrize(("lanes", "rows"), [(1, ROWS), (2, ROWS), (3, 149), (2, 3), (2, 1)])
def test_a_step_is_loss_gradient_and_update(kind, lanes, rows):
    made = network(lanes)
    x = np.random.default_rng(2).standard_normal((rows, 2, 28, 28)).astype(np.float32)
    y, loss, loss_of = targets(kind, rows)
    start = weights(made)
    value = made.step([x], rows, y, loss, kind == "classes")
    expected, gradients = reference(start, x, loss_of)
    assert value == pytest.approx(expected, rel=2e-6)
    for name, end in weights(made).items():
        gradient = start[name].astype(np.float64) - end
        scale = np.abs(gradients[name]).max()
        # The difference of two weights has the rounding of the weights.
        assert np.abs(gradient - gradients[name]).max() <= 2e-5 * scale + 2e-7 * np.abs(start[name]).max(), name
    assert made.update_count == 1
    if rows == ROWS:
        assert "chunks of" in made.plan_text()


def test_rows_and_chunks_do_not_change_bits_between_runs():
    x = np.random.default_rng(2).standard_normal((ROWS, 2, 28, 28)).astype(np.float32)
    y = np.random.default_rng(1).integers(0, 10, ROWS)
    runs = []
    for _ in range(2):
        made = network(2, 0.1)
        losses = [made.step([x], ROWS, y, "SoftmaxCrossEntropyLoss", True) for _ in range(3)]
        runs.append((losses, weights(made)))
    assert runs[0][0] == runs[1][0]
    for name in SHAPES:
        assert (runs[0][1][name] == runs[1][1][name]).all()


def test_class_numbers_out_of_range_are_refused_before_anything_changes():
    made = network(2)
    x = np.zeros((4, 2, 28, 28), np.float32)
    before = weights(made)
    with pytest.raises(n2d2.errors.ValueError, match="class numbers go from 0 to 9, got -1 to 10"):
        made.step([x], 4, np.array([0, -1, 10, 3]), "SoftmaxCrossEntropyLoss", True)
    assert all((before[name] == made.memory(name)).all() for name in SHAPES)
    assert made.update_count == 0


def test_the_step_form_needs_less_memory_than_the_split_form():
    """What lives inside a chunk has the memory of one chunk."""
    made = network(1)
    x = np.zeros((ROWS, 2, 28, 28), np.float32)
    made.step([x], ROWS, np.zeros(ROWS, np.int64), "SoftmaxCrossEntropyLoss", True)
    out = np.zeros((ROWS, 10), np.float32)
    made.drop(made.forward([x.ctypes.data], ROWS, [out.ctypes.data], train=True, keep=True))
    sizes = [line for line in made.plan_text().splitlines() if line.startswith("bytes:")]
    local = [int(line.split()[2]) + int(line.split()[5]) for line in sizes]
    assert len(local) == 2
    split, step = local
    assert step < 0.7 * split
