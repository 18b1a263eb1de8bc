"""Networks that several tests train, and real images."""

from __future__ import annotations

import copy

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from parity import shaken
from sklearn.datasets import load_digits


class Tutorial(nn.Module):
    """The network of PyTorch's CIFAR10 tutorial."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


def batch_norm_net() -> nn.Module:
    """Convolutions and a dense layer with batch normalisation, a residual sum and a global pool."""

    class Residual(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.bn = nn.Conv2d(8, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.relu(self.bn(self.conv(x)) + x)

    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        Residual(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, 16),
        nn.BatchNorm1d(16),
        nn.ReLU(),
        nn.Linear(16, 10),
    )


def small(seed: int = 0) -> nn.Sequential:
    """Two dense layers, 6 numbers in and 4 out."""
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4))


def small_batch(rows: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    """Random numbers and class numbers for `small`."""
    return torch.randn(rows, 6), torch.randint(0, 4, (rows,))


def assert_same_weights(a: nn.Module, b: nn.Module, tolerance: float = 1e-6) -> None:
    """Equal parameters, in absolute distance."""
    for (name, p), q in zip(a.named_parameters(), b.parameters(), strict=True):
        assert torch.allclose(p, q, atol=tolerance), name


def digits() -> tuple[torch.Tensor, torch.Tensor]:
    """scikit-learn's digits, [1797, 1, 8, 8] in [0, 1]."""
    bunch = load_digits()
    return torch.from_numpy((bunch.images[:, None] / 16).astype(np.float32)), torch.from_numpy(bunch.target.astype(np.int64))


def shaken_copy(net: nn.Module, seed: int = 0) -> nn.Module:
    """The network with every weight changed by up to one rounding of float32."""
    twin = copy.deepcopy(net)
    for i, parameter in enumerate(twin.parameters()):
        parameter.data = torch.from_numpy(shaken(parameter.detach().numpy(), seed + i))
    return twin
