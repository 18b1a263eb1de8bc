"""The networks of the workloads in PyTorch; outputs are logits."""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F

from catalog import Workload
from networks import in_torch


class Tutorial(nn.Module):
    """The network of PyTorch's CIFAR10 tutorial."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.pool, self.conv2 = nn.Conv2d(3, 6, 5), nn.MaxPool2d(2, 2), nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


def mnist(w: Workload) -> nn.Module:
    """Keras' MNIST convnet."""
    convs = [nn.Conv2d(1, 32, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()]
    return nn.Sequential(*convs, *([nn.Dropout(w.dropout)] if w.dropout else []), nn.Linear(1600, w.classes))


def build(workload: Workload) -> nn.Module:
    """The workload's network, with seeded weights."""
    torch.manual_seed(0)
    if workload.net.startswith("variation-"):
        from models.variation_nets import net_of

        return net_of(workload.net).build()
    if workload.net == "tutorial":
        return Tutorial()
    if workload.net == "mnist":
        return mnist(workload)
    make = getattr(in_torch, workload.net)
    return make(workload.classes) if workload.classes else make()
