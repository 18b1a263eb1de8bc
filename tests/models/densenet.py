"""DenseNet-BC (Huang et al. 2016): each layer reads the concatenation of all before it."""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F


class Layer(nn.Module):
    """Norm, ReLU, 1x1 to 4 * growth channels, norm, ReLU, 3x3 to growth channels."""

    def __init__(self, channels: int, growth: int, dropout: float) -> None:
        super().__init__()
        self.norm1, self.conv1 = nn.BatchNorm2d(channels), nn.Conv2d(channels, 4 * growth, 1, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(4 * growth), nn.Conv2d(4 * growth, growth, 3, padding=1, bias=False)
        self.dropout = dropout

    def forward(self, features: list[torch.Tensor]) -> torch.Tensor:
        x = self.conv1(F.relu(self.norm1(torch.cat(features, 1)), inplace=True))
        x = self.conv2(F.relu(self.norm2(x), inplace=True))
        return F.dropout(x, self.dropout, self.training) if self.dropout > 0 else x


class DenseBlock(nn.ModuleDict):
    """Layers that keep all features."""

    def __init__(self, count: int, channels: int, growth: int, dropout: float) -> None:
        super().__init__({f"layer{i}": Layer(channels + i * growth, growth, dropout) for i in range(count)})

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = [x]
        for layer in self.values():
            features.append(layer(features))
        return torch.cat(features, 1)


class DenseNet(nn.Module):
    """Input [N, 3, 32, 32] or larger."""

    def __init__(self, growth: int = 6, depths: tuple[int, ...] = (2, 2), classes: int = 10, dropout: float = 0.0) -> None:
        super().__init__()
        channels = 2 * growth
        layers: list[nn.Module] = [nn.Conv2d(3, channels, 3, padding=1, bias=False)]
        for i, depth in enumerate(depths):
            layers.append(DenseBlock(depth, channels, growth, dropout))
            channels += depth * growth
            layers.append(nn.BatchNorm2d(channels))
            if i < len(depths) - 1:
                layers += [nn.ReLU(inplace=True), nn.Conv2d(channels, channels // 2, 1, bias=False), nn.AvgPool2d(2, 2)]
                channels //= 2
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Linear(channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.features(x), inplace=True)
        x = F.adaptive_avg_pool2d(x, (1, 1))
        return self.classifier(torch.flatten(x, 1))
