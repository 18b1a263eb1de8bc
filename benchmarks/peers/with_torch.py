"""PyTorch in its settings. Measures step, loop, loader and predict."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn as nn

from catalog import PeerKind, Workload
from models import torch_nets
from runner import Runner, batches, fastest, inputs, stepping
from torch_loop import criterion_of, loop, optimizer_of

CHANNELS_LAST = ("torch_channels_last", "torch_malloc")


def make(workload: Workload, kind: PeerKind, measure: str) -> Runner:
    """Work for the worker."""
    channels_last = kind.name in CHANNELS_LAST and len(workload.shape) == 3
    net: Any = torch_nets.build(workload)
    if channels_last:
        net = net.to(memory_format=torch.channels_last)
    if kind.name == "torch_compile":
        net = torch.compile(net, dynamic=False)
    if measure.startswith("predict"):
        return predicting(net.eval(), inputs(workload, measure, channels_last), channels_last)
    criterion = criterion_of(workload)
    optimizer = optimizer_of(workload, net, fused=kind.name != "torch_eager")
    if measure in ("loop", "loader"):
        return loop(workload, net, optimizer, criterion, measure, channels_last)

    def step(x: np.ndarray, y: np.ndarray) -> float:
        optimizer.zero_grad()
        loss = criterion(net(tensor(x, channels_last)), torch.from_numpy(y))
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return stepping(step, batches(workload, channels_last=channels_last))


def tensor(x: np.ndarray, channels_last: bool) -> torch.Tensor:
    """Without a copy: an array that is channels last becomes a tensor in that memory format."""
    t = torch.from_numpy(x)
    return t.permute(0, 3, 1, 2) if channels_last else t


def predicting(net: nn.Module, x: np.ndarray, channels_last: bool) -> Runner:
    """Inference of one batch."""

    def call() -> np.ndarray:
        with torch.inference_mode():
            return net(tensor(x, channels_last)).numpy()

    return fastest({"net(x) in inference_mode": call})
