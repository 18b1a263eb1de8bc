"""The loop of PyTorch's tutorial, on tensors at hand or with a DataLoader."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from catalog import Workload
from runner import Runner, arrays, batches

LOADER_STEPS = 400


def criterion_of(workload: Workload) -> torch.nn.Module:
    """The workload's loss."""
    return torch.nn.CrossEntropyLoss() if workload.classes else torch.nn.MSELoss()


def optimizer_of(workload: Workload, net: torch.nn.Module, fused: bool) -> torch.optim.Optimizer:
    """The workload's solver."""
    if workload.solver == "adam":
        return torch.optim.Adam(net.parameters(), workload.rate, fused=fused)
    return torch.optim.SGD(net.parameters(), workload.rate, workload.momentum, fused=fused)


def epoch(net: Any, optimizer: Any, criterion: Any, data: Iterable[Any]) -> float:
    """As the tutorial writes it."""
    running_loss = 0.0
    for i, batch in enumerate(data):
        inputs, labels = batch
        optimizer.zero_grad()
        outputs = net(inputs)
        loss = criterion(outputs, labels)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
        if i % 2000 == 1999:
            running_loss = 0.0
    return running_loss


def loop(workload: Workload, net: Any, optimizer: Any, criterion: Any, measure: str, channels_last: bool) -> Runner:
    """Measures "loop" and "loader"."""
    if measure == "loader":
        x, y = (torch.from_numpy(a) for a in arrays(workload, LOADER_STEPS * workload.batch))
        dataset = torch.utils.data.TensorDataset(x.to(memory_format=torch.channels_last) if channels_last else x, y)
        loader = torch.utils.data.DataLoader(dataset, workload.batch, shuffle=True, num_workers=2)
        return Runner(lambda _: epoch(net, optimizer, criterion, loader), fixed_steps=LOADER_STEPS)
    pairs = [(torch.from_numpy(x), torch.from_numpy(y)) for x, y in batches(workload)]
    if channels_last:
        pairs = [(x.to(memory_format=torch.channels_last), y) for x, y in pairs]
    return Runner(lambda count: epoch(net, optimizer, criterion, (pairs[i % len(pairs)] for i in range(count))))
