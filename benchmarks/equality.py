"""One training step in n2d2 and in PyTorch: outputs, gradients, updated weights and statistics. The rule is that of tests/python/parity.py,
with several shaken runs."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import torch
import torch.nn as nn
from parity import distance, error_and_allowance, shaken
from torch_nets import shaken_copy

import n2d2
import pytorch_interoperability

RATE, MOMENTUM = 0.01, 0.9
TWINS = 6
"""Shaken runs in float64 whose largest change counts: where an input of a ReLU is 0 but for rounding, each switches it about every second time."""
Values = dict[str, np.ndarray]
criterion = nn.CrossEntropyLoss()


def gradients(net: Any, x: torch.Tensor, y: torch.Tensor) -> Values:
    """Output, gradients of the input and of all weights."""
    x = x.clone().requires_grad_()
    out = net(x)
    criterion(out, y).backward()
    found = {"output": out, "gradient of the input": x.grad, **{f"gradient of {n}": p.grad for n, p in net.named_parameters()}}
    return {name: value.detach().numpy().copy() for name, value in found.items()}


def state_of(net: nn.Module) -> Values:
    """Weights and statistics."""
    return {f"updated {name}": value.numpy().copy() for name, value in net.state_dict().items() if value.is_floating_point()}


def torch_step(net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> Values:
    """All that PyTorch computes in a step, in the type of the network."""
    optimizer = torch.optim.SGD(net.parameters(), RATE, MOMENTUM)
    found = gradients(net, x, y)
    optimizer.step()
    return {**found, **state_of(net)}


def n2d2_step(net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> Values:
    """The same in n2d2: gradients as handed to torch, weights as left by `DeepNetCell.step`."""
    found = gradients(pytorch_interoperability.wrap(copy.deepcopy(net), tuple(x.shape), update="torch"), x, y)
    solver = n2d2.solver.SGD(RATE, MOMENTUM, form="torch")
    block = pytorch_interoperability.wrap(copy.deepcopy(net), tuple(x.shape), solver=solver)
    block.get_block().step(x.numpy(), y.numpy(), n2d2.loss.CrossEntropy())
    return {**found, **state_of(block)}


def differences(net: nn.Module, x: torch.Tensor, y: torch.Tensor) -> list[str]:
    """Tensors that are farther off than the rule allows, with distance and allowance; none: equal."""
    exact = torch_step(copy.deepcopy(net).double(), x.double(), y)
    framework = torch_step(copy.deepcopy(net), x, y)
    twins = [
        torch_step(shaken_copy(net, 100 * i).double(), torch.from_numpy(shaken(x.numpy(), 100 * i + 99)).double(), y) for i in range(TWINS)
    ]
    ours = n2d2_step(net, x, y)
    found = []
    for name, value in exact.items():
        if ours[name].shape != value.shape:
            found.append(f"{name}: shape {ours[name].shape}, expected {value.shape}")
            continue
        noise = max((twin[name] for twin in twins), key=lambda changed: distance(changed, value))
        gap, allowed = error_and_allowance(ours[name], value, framework[name], noise)
        if not gap <= allowed:  # so that NaN counts
            found.append(f"{name}: {gap:.2e} from the exact value, allowed {allowed:.2e}")
    return found
