"""ConvNeXt (Liu et al. 2022): 7x7 depthwise, layer normalisation over channels, GELU, a learnt scale per channel."""

from __future__ import annotations

import itertools

import torch
import torch.nn as nn
import torch.nn.functional as F
from mobilenet import StochasticDepth


class ChannelNorm(nn.LayerNorm):
    """Layer normalisation of [N, C, H, W] over C."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.permute(0, 2, 3, 1)
        x = F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        return x.permute(0, 3, 1, 2)


class Block(nn.Module):
    """Depthwise, norm, dense up, GELU, dense down, scale; beside a shortcut."""

    def __init__(self, width: int, drop: float) -> None:
        super().__init__()
        self.dwconv = nn.Conv2d(width, width, 7, padding=3, groups=width)
        self.norm = nn.LayerNorm(width, eps=1e-6)
        self.up, self.act, self.down = nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        self.scale = nn.Parameter(0.5 * torch.ones(width))
        self.drop = StochasticDepth(drop)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(self.dwconv(x).permute(0, 2, 3, 1))
        y = self.scale * self.down(self.act(self.up(y)))
        return x + self.drop(y.permute(0, 3, 1, 2))


class ConvNeXt(nn.Module):
    """Input [N, 3, 32, 32] or larger."""

    def __init__(self, widths: tuple[int, ...] = (8, 16), classes: int = 10, drop: float = 0.0) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 4, 4), ChannelNorm(widths[0], eps=1e-6), Block(widths[0], drop)]
        for inputs, width in itertools.pairwise(widths):
            layers += [ChannelNorm(inputs, eps=1e-6), nn.Conv2d(inputs, width, 2, 2), Block(width, drop)]
        self.features = nn.Sequential(*layers)
        self.norm, self.head = nn.LayerNorm(widths[-1], eps=1e-6), nn.Linear(widths[-1], classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.features(x).mean([-2, -1])))
