"""Over many steps the engine's weights stay as near to float64 as PyTorch's own do in float32.

With Adam one run is a draw: it turns the noise of gradients near zero into full steps, and of PyTorch's runs from weights that differ in
the last bit one ends 1,000 times farther off than another. So Adam is judged by the median ratio of five runs.
"""

from __future__ import annotations

import copy
import statistics
from collections.abc import Callable

import pytest
import torch
import torch.nn as nn
from torch_nets import Tutorial, digits

import n2d2
import pytorch_interoperability as interop

STEPS = 50
MOST = 3.0
"""How many times farther from float64 than PyTorch in float32."""
criterion = nn.CrossEntropyLoss()


def convnet() -> nn.Module:
    """The MNIST convnet of the Keras examples: 3x3 convolutions of 32 and 64 channels, each followed by a pool."""
    return nn.Sequential(
        *(nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(1600, 10)),
    )


def enlarged(shape: tuple[int, ...]) -> tuple[torch.Tensor, torch.Tensor]:
    """The digits as images [N, C, H, W] of that size."""
    images, labels = digits()
    return nn.functional.interpolate(images, shape[2:], mode="bilinear").expand(-1, shape[1], -1, -1).contiguous(), labels


def distance(net: nn.Module, exact: nn.Module) -> float:
    """Euclidean distance of all weights, relative to their length."""
    a, b = (torch.cat([p.detach().double().flatten() for p in m.parameters()]) for m in (net, exact))
    return float((a - b).norm() / b.norm())


OPTIMIZERS = {
    "sgd": (lambda p: torch.optim.SGD(p, 0.05), lambda: n2d2.solver.SGD(0.05, form="torch")),
    "momentum": (lambda p: torch.optim.SGD(p, 0.01, 0.9), lambda: n2d2.solver.SGD(0.01, 0.9, form="torch")),
    "adam": (lambda p: torch.optim.Adam(p, 1e-3), lambda: n2d2.solver.Adam(1e-3, form="torch")),
}


@pytest.mark.parametrize("solver", OPTIMIZERS)
@pytest.mark.parametrize(
    ("make", "channels", "extent", "rows"),
    [(Tutorial, 3, 32, 4), pytest.param(convnet, 1, 28, 32, marks=pytest.mark.slow)],
    ids=["tutorial", "convnet"],
)
def test_fifty_steps_stay_near_float64(make, channels, extent, rows, solver):
    seeds = range(5) if solver == "adam" else range(1)
    ratios = [ratio_of_a_run(seed, make, (rows, channels, extent, extent), solver) for seed in seeds]
    assert statistics.median(ratios) <= MOST, ratios


def ratio_of_a_run(seed: int, make: Callable[[], nn.Module], shape: tuple[int, ...], solver: str) -> float:
    """Our distance from float64 after the steps, in units of PyTorch's."""
    torch.manual_seed(seed)
    net = make()
    exact, ours = copy.deepcopy(net).double(), copy.deepcopy(net)
    make_optimizer, make_solver = OPTIMIZERS[solver]
    block = interop.wrap(ours, shape, solver=make_solver())
    optimizers = {m: make_optimizer(m.parameters()) for m in (exact, net)}
    images, labels = enlarged(shape)
    for wanted in torch.randperm(len(images)).split(shape[0])[:STEPS]:
        x, y = images[wanted], labels[wanted]
        for m, optimizer in optimizers.items():
            optimizer.zero_grad()
            criterion(m(x.to(next(m.parameters()).dtype)), y).backward()
            optimizer.step()
        criterion(block(x), y).backward()
    assert distance(ours, make()) > 1e-2  # it has moved
    return distance(ours, exact) / distance(net, exact)
