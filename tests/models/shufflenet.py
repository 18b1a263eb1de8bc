"""ShuffleNet V2 (Ma et al. 2018): split, work on one half, concatenate, shuffle channels."""

from __future__ import annotations

import torch
import torch.nn as nn


def shuffle(x: torch.Tensor, groups: int) -> torch.Tensor:
    """Channel g * k + i goes to i * groups + g."""
    rows, channels, height, width = x.size()
    x = x.view(rows, groups, channels // groups, height, width)
    return torch.transpose(x, 1, 2).contiguous().view(rows, channels, height, width)


def _branch(inputs: int, width: int, stride: int) -> list[nn.Module]:
    return [
        nn.Conv2d(inputs, width, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
        nn.Conv2d(width, width, 3, stride, 1, groups=width, bias=False),
        nn.BatchNorm2d(width),
        nn.Conv2d(width, width, 1, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
    ]


class Unit(nn.Module):
    """Stride 2: both branches see all channels. Stride 1: one half passes through."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        width = outputs // 2
        self.stride = stride
        self.right = nn.Sequential(*_branch(inputs if stride > 1 else width, width, stride))
        self.left = nn.Sequential(
            nn.Conv2d(inputs, inputs, 3, stride, 1, groups=inputs, bias=False),
            nn.BatchNorm2d(inputs),
            nn.Conv2d(inputs, width, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )
        if stride == 1:
            self.left = nn.Sequential()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.stride == 1:
            kept, x = x.chunk(2, dim=1)
            return shuffle(torch.cat((kept, self.right(x)), dim=1), 2)
        return shuffle(torch.cat((self.left(x), self.right(x)), dim=1), 2)


class ShuffleNetV2(nn.Module):
    """Input [N, 3, 32, 32] or larger."""

    def __init__(self, width: int = 8, classes: int = 10) -> None:
        super().__init__()
        self.conv1 = nn.Sequential(nn.Conv2d(3, width, 3, 2, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True))
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        self.stages = nn.Sequential(Unit(width, 2 * width, 2), Unit(2 * width, 2 * width, 1), Unit(2 * width, 4 * width, 2))
        self.fc = nn.Linear(4 * width, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stages(self.maxpool(self.conv1(x)))
        return self.fc(x.mean([2, 3]))
