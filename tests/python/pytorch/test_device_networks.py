"""The five networks for devices against PyTorch: one step in full, at several batch sizes; the update; ten steps."""

from __future__ import annotations

import copy
from collections.abc import Iterator

import numpy as np
import pytest
import torch
import torch.nn as nn
from device_networks import CASES, FULL_RESNET18, Case
from flipless_torch import made, tensors, with_batch_statistics, without_flips
from one_step import compare_step
from parity import Twin, assert_one_step_close, shaken
from torch_nets import shaken_copy

import n2d2
import pytorch_interoperability as interop

ALL = [*CASES.values(), pytest.param(FULL_RESNET18, marks=pytest.mark.slow)]
IDS = [*CASES, "resnet18 of 224"]
LONG = [*(pytest.param(case, marks=[pytest.mark.slow] * (case.name == "resnet18")) for case in CASES.values()), ALL[-1]]
RATE = 1.0
"""Large, so that the update is not lost in the rounding of the weights."""


@pytest.mark.parametrize("case", ALL, ids=IDS)
def test_one_step_of_several_sizes(case):
    """Outputs in both modes, gradients of the input and all parameters, and the batch statistics: momentum 1 makes them the running ones."""
    net = with_batch_statistics(without_flips(made(case)))
    sizes = (4, 1) if case.name == "resnet18" else (10, 7, 1)
    block = interop.wrap(copy.deepcopy(net), (sizes[0], *case.shape), update="torch")
    for rows in sizes:
        if rows > 1 or case.classes:  # torch takes no single value per channel
            compare_step(block, net, tensors(case, rows, rows)[0], without_onednn=True)


def test_a_single_row_is_refused_where_pytorch_refuses_it():
    net = made(CASES["autoencoder"])
    block = interop.wrap(copy.deepcopy(net), (10, 640))
    before = copy.deepcopy(block.state_dict())
    for each in (net, block):
        with pytest.raises(ValueError, match="value"):
            each(torch.zeros(1, 640))
    assert all(torch.equal(before[name], value) for name, value in block.state_dict().items())
    assert block.eval()(torch.zeros(1, 640)).shape == (1, 640)
    with torch.no_grad(), pytest.raises(n2d2.errors.ShapeError, match="BatchNormalization '1' .* two rows or more"):
        block.train()(torch.zeros(1, 640))


def criterion_of(case: Case) -> nn.Module:
    """PyTorch's loss."""
    return nn.CrossEntropyLoss() if case.classes else nn.MSELoss()


def changes(net: nn.Module, before: nn.Module, loss: float) -> dict[str, np.ndarray]:
    """By how much parameters and buffers have changed, and the loss."""
    old = before.state_dict()
    moved = {name: (t.double() - old[name].double()).numpy() for name, t in net.state_dict().items() if t.is_floating_point()}
    return {**moved, "loss": np.array(loss)}


def torch_update(net: nn.Module, case: Case, x: torch.Tensor, y: torch.Tensor) -> dict[str, np.ndarray]:
    """One step of SGD in PyTorch."""
    after = copy.deepcopy(net)
    loss = criterion_of(case)(after(x), y)
    loss.backward()
    torch.optim.SGD(after.parameters(), RATE).step()
    return changes(after, net, loss.item())


def exact_update(net: nn.Module, case: Case, x: torch.Tensor, y: torch.Tensor) -> dict[str, np.ndarray]:
    """The same in float64."""
    return torch_update(copy.deepcopy(net).double(), case, x.double(), y if case.classes else y.double())


@pytest.mark.parametrize("form", ["loss outside", "loss inside"])
@pytest.mark.parametrize("case", ALL, ids=IDS)
def test_update(case, form):
    """How weights and running statistics move in a whole batch, and then in a smaller one from the same start."""
    net = without_flips(made(case))
    sizes = (4, 3) if case.name == "resnet18" else (10, 7)
    block = interop.wrap(copy.deepcopy(net), (sizes[0], *case.shape), solver=n2d2.solver.SGD(RATE, form="torch"))
    inside = n2d2.loss.CrossEntropy() if case.classes else n2d2.loss.MSE()
    for rows in sizes:
        x, y = tensors(case, rows, rows)
        block.load_state_dict(net.state_dict())
        if form == "loss inside":
            loss = float(block.get_block().step(x.numpy(), y.numpy(), inside))
        else:
            outside = criterion_of(case)(block(x), y)
            outside.backward()
            loss = outside.item()
        ours = changes(block, net, loss)
        exact, framework = exact_update(net, case, x, y), torch_update(net, case, x, y)
        noisy_x = torch.from_numpy(shaken(x.numpy(), 99))
        noise = exact_update(shaken_copy(net), case, noisy_x, y if case.classes else noisy_x)
        for name, value in exact.items():
            assert_one_step_close(ours[name], value, framework[name], noise[name], f"{rows} rows, {name}")


def trained(models: list[nn.Module], case: Case, rate: float, steps: int = 10) -> Iterator[list[dict[str, torch.Tensor]]]:
    """The states after every step of plain SGD on batches of 10; the last model is wrapped."""
    optimizers = [torch.optim.SGD(m.parameters(), rate) for m in models[:-1]]
    for step in range(steps):
        x, y = tensors(case, 10, step)
        for optimizer in optimizers:
            optimizer.zero_grad()
        for m in models:
            criterion_of(case)(m(x), y).backward()
        for optimizer in optimizers:
            optimizer.step()
        yield [m.state_dict() for m in models]


def wrapped(net: nn.Module, case: Case, rate: float) -> nn.Module:
    """A copy in n2d2."""
    return interop.wrap(copy.deepcopy(net), (10, *case.shape), solver=n2d2.solver.SGD(rate, form="torch"))


@pytest.mark.parametrize("case", LONG, ids=IDS)
def test_ten_steps(case):
    """From PyTorch's initial weights by the rule of `parity.Twin`, with six twins: in MobileNetV1 a ReLU that switches by rounding moves weights
    by 1e-3 in one step, and each of them sees other switches (of ResNet18's first six, three see one in the second step, three see none)."""
    net = made(case)
    rule = Twin()
    models = [net, *(shaken_copy(net, seed) for seed in range(0, 6000, 1000)), wrapped(net, case, 0.01)]
    for step, (plain, *twins, ours) in enumerate(trained(models, case, 0.01)):
        for name, value in plain.items():
            for twin in twins:
                rule.see(value, twin[name])
        for name, value in plain.items():
            rule.check(ours[name], value, value, f"step {step}, {name}")


@pytest.mark.parametrize("case", LONG, ids=IDS)
def test_ten_steps_without_flips(case):
    """A twin that is the network itself allows nothing: the plain rule decides."""
    net = without_flips(made(case))
    rate = {"mobilenet_v1": 1e-4, "resnet18": 1e-3}.get(case.name, 0.01)
    for step, (plain, ours) in enumerate(trained([net, wrapped(net, case, rate)], case, rate)):
        for name, value in plain.items():
            Twin().check(ours[name], value, value, f"step {step}, {name}")
