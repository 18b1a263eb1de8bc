"""Loss curves of the five networks for devices overlap PyTorch's: see `curves`."""

from __future__ import annotations

import copy

import curves
import pytest
import torch
import torch.nn as nn
from device_networks import CASES
from torch_nets import shaken_copy

import n2d2
import pytorch_interoperability as interop
from networks import in_torch

pytest.importorskip("matplotlib")


def losses(net: nn.Module, optimizer: torch.optim.Optimizer | None, name: str, seed: int) -> list[float]:
    """Of every step; a wrapped network needs no optimizer."""
    criterion = nn.CrossEntropyLoss() if CASES[name].classes else nn.MSELoss()
    found = []
    for x, y in curves.batches(name, seed):
        inputs = torch.from_numpy(x).permute(0, 3, 1, 2).contiguous() if x.ndim == 4 else torch.from_numpy(x)
        if optimizer:
            optimizer.zero_grad()
        loss = criterion(net(inputs), torch.from_numpy(y))
        loss.backward()
        if optimizer:
            optimizer.step()
        found.append(loss.item())
    return found


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_curves_overlap(name):
    case, adam = CASES[name], curves.is_adam(name)
    runs = curves.Curves(name, [], [[] for _ in curves.twins_of(name)], [])
    for seed in curves.SEEDS:
        torch.manual_seed(seed)
        net = getattr(in_torch, name)(**({"classes": case.classes} if case.classes else {}))  # with dropout
        twins = [shaken_copy(net, 100_000 * twin + 1000 * seed) for twin in curves.twins_of(name)]
        solver = n2d2.solver.Adam(0.001, form="torch") if adam else n2d2.solver.SGD(0.01, 0.9, form="torch")
        block = interop.wrap(copy.deepcopy(net), (curves.BATCHES[name], *case.shape), solver=solver)
        for model, found in ((net, runs.framework), *zip(twins, runs.twins, strict=True)):
            optimizer = torch.optim.Adam(model.parameters(), 0.001) if adam else torch.optim.SGD(model.parameters(), 0.01, 0.9)
            found.append(losses(model, optimizer, name, seed))
        runs.ours.append(losses(block, None, name, seed))
    print(curves.draw(runs, "PyTorch"))
    runs.check()
