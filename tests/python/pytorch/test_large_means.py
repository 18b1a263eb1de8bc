"""Batch statistics of inputs whose mean is up to 10,000 deviations: the errors are about those of PyTorch in float32.

Behind a convolution, whose sums have a large mean too, the statistics may be taken on the way.
The input's own rounding is no error here: float64 computes from the same float32 numbers.
"""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch
import torch.nn as nn
from one_step import exact_step, step
from parity import distance

import pytorch_interoperability as interop

MOST = 2.0
"""Times PyTorch's own error, its median over the seeds."""
SEEDS = 3
CHANNELS = 24


def alone() -> nn.Module:
    return nn.Sequential(nn.BatchNorm2d(CHANNELS, momentum=1.0))


def with_relu() -> nn.Module:
    return nn.Sequential(nn.BatchNorm2d(CHANNELS, momentum=1.0), nn.ReLU(), nn.AdaptiveAvgPool2d(1))


def after_a_convolution() -> nn.Module:
    return nn.Sequential(nn.Conv2d(CHANNELS, CHANNELS, 1, bias=False), nn.BatchNorm2d(CHANNELS, momentum=1.0))


def after_a_depthwise_one() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, groups=CHANNELS, bias=False), nn.BatchNorm2d(CHANNELS, momentum=1.0), nn.ReLU()
    )


def of_rows() -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.BatchNorm1d(CHANNELS, momentum=1.0))


def errors(make, ratio: float, seed: int) -> tuple[dict[str, float], dict[str, float]]:
    """Distances from float64 of every tensor of a step: ours, PyTorch's."""
    torch.manual_seed(seed)
    net = make()
    for m in net:
        if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d):
            nn.init.uniform_(m.weight, 0.5, 1.5)
            nn.init.normal_(m.bias)
    x = torch.randn(16, CHANNELS, 12, 12) + ratio * (1 + 0.1 * torch.randn(CHANNELS, 1, 1))
    exact, framework = exact_step(net, (x,)), step(copy.deepcopy(net), (x,))
    ours = step(interop.wrap(copy.deepcopy(net), example_inputs=(x,), update="torch"), (x,))
    return tuple({name: distance(found[name], value) for name, value in exact.items()} for found in (ours, framework))


@pytest.mark.parametrize("ratio", [1e0, 1e2, 1e3, 1e4])
@pytest.mark.parametrize("make", [alone, with_relu, after_a_convolution, after_a_depthwise_one, of_rows], ids=lambda make: make.__name__)
def test_errors_are_those_of_pytorch(make, ratio):
    found = [errors(make, ratio, seed) for seed in range(SEEDS)]
    for name in found[0][0]:
        ours, framework = (np.median([pair[i][name] for pair in found]) for i in (0, 1))
        assert ours <= MOST * framework + 2.4e-7, f"{name}: {ours:.1e}, PyTorch has {framework:.1e}"
