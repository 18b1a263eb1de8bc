"""GoogLeNet (Szegedy et al. 2014) with its auxiliary head, and blocks of Inception v3 (Szegedy et al. 2015)."""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F


def conv(inputs: int, outputs: int, kernel: int | tuple[int, int], stride: int = 1, padding: int | tuple[int, int] = 0) -> nn.Sequential:
    layers = (nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False), nn.BatchNorm2d(outputs, eps=0.001), nn.ReLU(inplace=True))
    return nn.Sequential(*layers)


class Inception(nn.Module):
    """Four branches: 1x1; 1x1 and 3x3; 1x1 and 5x5; pool and 1x1."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.branch1 = conv(inputs, width, 1)
        self.branch2 = nn.Sequential(conv(inputs, width, 1), conv(width, 2 * width, 3, padding=1))
        self.branch3 = nn.Sequential(conv(inputs, width // 2, 1), conv(width // 2, width, 5, padding=2))
        self.branch4 = nn.Sequential(nn.MaxPool2d(3, 1, 1, ceil_mode=True), conv(inputs, width, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.branch1(x), self.branch2(x), self.branch3(x), self.branch4(x)], 1)


class Auxiliary(nn.Module):
    """A classifier in the middle of the network, for training."""

    def __init__(self, inputs: int, classes: int) -> None:
        super().__init__()
        self.conv, self.fc1, self.fc2 = conv(inputs, 8, 1), nn.Linear(32, 16), nn.Linear(16, classes)
        self.dropout = nn.Dropout(0.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(F.adaptive_avg_pool2d(x, (2, 2)))
        return self.fc2(self.dropout(F.relu(self.fc1(torch.flatten(x, 1)), inplace=True)))


class GoogLeNet(nn.Module):
    """Input [N, 3, 32, 32] or larger. A dict of the logits; in training also those of the auxiliary head."""

    def __init__(self, width: int = 4, classes: int = 10) -> None:
        super().__init__()
        self.stem = nn.Sequential(conv(3, 8, 7, 2, 3), nn.MaxPool2d(3, 2, ceil_mode=True), conv(8, 8, 1), conv(8, 12, 3, padding=1))
        self.inception1, self.inception2 = Inception(12, width), Inception(5 * width, width)
        self.pool = nn.MaxPool2d(3, 2, ceil_mode=True)
        self.inception3 = Inception(5 * width, 2 * width)
        self.auxiliary = Auxiliary(5 * width, classes)
        self.fc = nn.Linear(10 * width, classes)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        x = self.inception2(self.inception1(self.stem(x)))
        side = self.auxiliary(x) if self.training else None
        x = F.adaptive_avg_pool2d(self.inception3(self.pool(x)), 1)
        logits = {"out": self.fc(torch.flatten(x, 1))}
        return logits if side is None else logits | {"aux": side}


class Factorised(nn.Module):
    """Inception v3's block of 1xn and nx1 convolutions, and its reduction by a strided convolution beside a pool."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.a = conv(inputs, width, 1)
        self.b = nn.Sequential(
            conv(inputs, width, 1), conv(width, width, (1, 7), padding=(0, 3)), conv(width, width, (7, 1), padding=(3, 0))
        )
        self.c = conv(inputs, width, 1)
        self.reduce = conv(3 * width, 2 * width, 3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pooled = self.c(F.avg_pool2d(x, kernel_size=3, stride=1, padding=1))
        x = torch.cat([self.a(x), self.b(x), pooled], 1)
        return torch.cat([self.reduce(x), F.max_pool2d(x, kernel_size=3, stride=2)], 1)


def inception_v3(classes: int = 10) -> nn.Module:
    layers = (conv(3, 8, 3, 2), conv(8, 12, 3), Factorised(12, 8), Factorised(40, 8), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    return nn.Sequential(*layers, nn.Linear(40, classes))
