"""The five networks for devices in PyTorch, with values at which no ReLU switches by rounding."""

from __future__ import annotations

import itertools

import torch
import torch.nn as nn
from device_networks import SURE, Case, batch, sure_scale_and_shift

from networks import in_torch


def made(case: Case, seed: int = 0) -> nn.Module:
    """The network with PyTorch's initial weights."""
    torch.manual_seed(seed)
    return getattr(in_torch, case.name)(**case.arguments)


def without_flips(net: nn.Module) -> nn.Module:
    """The network, all inputs of its ReLUs far from zero."""
    norms = (nn.BatchNorm1d, nn.BatchNorm2d)
    followed = {a for m in net.modules() if isinstance(m, nn.Sequential) for a, b in itertools.pairwise(m) if isinstance(b, nn.ReLU)}
    with torch.no_grad():
        for i, m in enumerate(m for m in net.modules() if isinstance(m, norms)):
            gamma, beta = sure_scale_and_shift(m.num_features, m in followed, i)
            m.weight.copy_(torch.from_numpy(gamma))
            m.bias.copy_(torch.from_numpy(beta))
        for m in net.modules():
            if isinstance(m, in_torch.Residual) and isinstance(m.shortcut, nn.Conv2d):
                m.shortcut.bias += SURE
    return net


def tensors(case: Case, rows: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """A batch as tensors."""
    x, y = batch(case, rows, seed)
    return torch.from_numpy(x), torch.from_numpy(y)


def with_batch_statistics(net: nn.Module) -> nn.Module:
    """The network, whose running statistics become those of the batch."""
    for m in net.modules():
        if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d):
            m.momentum = 1.0
    return net
