"""Multiply-accumulates of a network's convolutions and dense layers."""

from __future__ import annotations

import math
from typing import Any

import torch
import torch.nn as nn


def macs_of(net: nn.Module, shape: tuple[int, ...]) -> tuple[int, int]:
    """For one row: of all layers, and of those that read the data (their input needs no gradient)."""
    every: list[int] = []
    first: list[int] = []
    data = torch.zeros(2, *shape)

    def count(module: nn.Module, inputs: Any, output: torch.Tensor) -> None:
        assert isinstance(module, nn.Conv2d | nn.Linear)
        every.append(module.weight[0].numel() * math.prod(output.shape[1:]))
        if inputs[0] is data:
            first.append(every[-1])

    hooks = [m.register_forward_hook(count) for m in net.modules() if isinstance(m, nn.Conv2d | nn.Linear)]
    training = net.training
    with torch.no_grad():
        net.eval()(data)
    net.train(training)
    for hook in hooks:
        hook.remove()
    return sum(every), sum(first)
