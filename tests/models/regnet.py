"""RegNet (Radosavovic et al. 2020): stages of grouped bottlenecks (X), with squeeze-and-excite (Y)."""

from __future__ import annotations

import torch
import torch.nn as nn
from mobilenet import SqueezeExcite, conv


class Block(nn.Module):
    """1x1, 3x3 in groups of `group_width` channels, 1x1, all of one width."""

    def __init__(self, inputs: int, width: int, stride: int, group_width: int) -> None:
        super().__init__()
        gate = SqueezeExcite(width, max(1, inputs // 4), nn.ReLU, nn.Sigmoid)
        self.layers = nn.Sequential(
            *conv(inputs, width, 1, 1, 1, nn.ReLU),
            *conv(width, width, 3, stride, width // group_width, nn.ReLU),
            gate,
            *conv(width, width, 1, 1, 1, None),
        )
        self.proj = nn.Sequential(*conv(inputs, width, 1, stride, 1, None)) if stride > 1 or inputs != width else nn.Identity()
        self.activation = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.activation(self.proj(x) + self.layers(x))


def regnet_y(classes: int = 10) -> nn.Module:
    """Input [N, 3, 32, 32] or larger."""
    blocks = [Block(8, 16, 2, 8), Block(16, 24, 2, 8), Block(24, 24, 1, 8)]
    return nn.Sequential(*conv(3, 8, 3, 2, 1, nn.ReLU), *blocks, nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(24, classes))
