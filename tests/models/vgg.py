"""VGG (Simonyan and Zisserman 2014), with and without batch normalisation."""

from __future__ import annotations

import torch
import torch.nn as nn


class VGG(nn.Module):
    """Stages of 3x3 convolutions with a pool behind each; input [N, 3, 2^stages * k, ...]."""

    def __init__(self, stages: tuple[tuple[int, ...], ...] = ((8,), (16,), (24, 24)), norm: bool = False, classes: int = 10) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 3
        for stage in stages:
            for width in stage:
                layers.append(nn.Conv2d(channels, width, 3, padding=1))
                if norm:
                    layers.append(nn.BatchNorm2d(width))
                layers.append(nn.ReLU(inplace=True))
                channels = width
            layers.append(nn.MaxPool2d(2, 2))
        self.features = nn.Sequential(*layers)
        self.avgpool = nn.AdaptiveAvgPool2d(2)
        self.classifier = nn.Sequential(nn.Linear(4 * channels, 48), nn.ReLU(True), nn.Dropout(0.0), nn.Linear(48, classes))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.avgpool(self.features(x))
        return self.classifier(x.view(x.size(0), -1))
