"""MobileNetV2 (Sandler et al. 2018), MobileNetV3 (Howard et al. 2019), MNASNet (Tan et al. 2018), EfficientNet (Tan and Le 2019)."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn as nn


def conv(inputs: int, outputs: int, kernel: int, stride: int, groups: int, activation: Callable[..., nn.Module] | None) -> list[nn.Module]:
    layers = [nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(outputs)]
    return layers if activation is None else [*layers, activation(inplace=True)]


class SqueezeExcite(nn.Module):
    """Channels scaled by a gate computed from their means (Hu et al. 2017)."""

    def __init__(self, channels: int, squeeze: int, activation: type, gate: type) -> None:
        super().__init__()
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc1, self.fc2 = nn.Conv2d(channels, squeeze, 1), nn.Conv2d(squeeze, channels, 1)
        self.activation, self.gate = activation(), gate()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.gate(self.fc2(self.activation(self.fc1(self.pool(x))))) * x


class StochasticDepth(nn.Module):
    """Drops the branch of a whole row in training with probability p (Huang et al. 2016)."""

    def __init__(self, p: float) -> None:
        super().__init__()
        self.p = p

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not self.training or self.p == 0.0:
            return x
        keep = torch.empty([x.shape[0]] + [1] * (x.ndim - 1)).bernoulli_(1.0 - self.p).div_(1.0 - self.p)
        return x * keep


class InvertedResidual(nn.Module):
    """1x1 up, depthwise, an optional gate, 1x1 down; a shortcut where shapes allow."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        stride: int,
        expand: int = 3,
        kernel: int = 3,
        activation: type = nn.ReLU6,
        gate: nn.Module | None = None,
        drop: float = 0.0,
    ) -> None:
        super().__init__()
        width = inputs * expand
        layers = conv(inputs, width, 1, 1, 1, activation) if expand > 1 else []
        layers += conv(width, width, kernel, stride, width, activation)
        layers += [gate] if gate is not None else []
        self.layers = nn.Sequential(*layers, *conv(width, outputs, 1, 1, 1, None))
        self.drop = StochasticDepth(drop)
        self.has_shortcut = stride == 1 and inputs == outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + self.drop(self.layers(x)) if self.has_shortcut else self.layers(x)


def mobilenet_v2(classes: int = 10) -> nn.Module:
    blocks = [InvertedResidual(8, 8, 1, 1), InvertedResidual(8, 12, 2), InvertedResidual(12, 12, 1), InvertedResidual(12, 16, 2)]
    head = [*conv(16, 32, 1, 1, 1, nn.ReLU6), nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(1), nn.Dropout(0.0), nn.Linear(32, classes)]
    return nn.Sequential(*conv(3, 8, 3, 2, 1, nn.ReLU6), *blocks, *head)


def mobilenet_v3(classes: int = 10) -> nn.Module:
    def gate(channels: int) -> nn.Module:
        return SqueezeExcite(channels, 8, nn.ReLU, nn.Hardsigmoid)

    blocks = [
        InvertedResidual(8, 8, 1, 1, activation=nn.ReLU, gate=gate(8)),
        InvertedResidual(8, 12, 2, activation=nn.ReLU),
        InvertedResidual(12, 12, 1, kernel=5, activation=nn.Hardswish, gate=gate(36)),
    ]
    pooled = [*conv(12, 24, 1, 1, 1, nn.Hardswish), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    head = [nn.Linear(24, 32), nn.Hardswish(inplace=True), nn.Dropout(p=0.0, inplace=True), nn.Linear(32, classes)]
    return nn.Sequential(*conv(3, 8, 3, 2, 1, nn.Hardswish), *blocks, *pooled, *head)


def mnasnet(classes: int = 10) -> nn.Module:
    stem = [*conv(3, 8, 3, 2, 1, nn.ReLU), *conv(8, 8, 3, 1, 8, nn.ReLU), *conv(8, 8, 1, 1, 1, None)]
    blocks = [InvertedResidual(8, 12, 2, activation=nn.ReLU), InvertedResidual(12, 12, 1, kernel=5, activation=nn.ReLU)]
    return nn.Sequential(*stem, *blocks, *conv(12, 32, 1, 1, 1, nn.ReLU), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(32, classes))


def efficientnet(classes: int = 10, drop: float = 0.0) -> nn.Module:
    def gate(channels: int) -> nn.Module:
        return SqueezeExcite(channels, 4, nn.SiLU, nn.Sigmoid)

    blocks = [
        InvertedResidual(8, 8, 1, 1, activation=nn.SiLU, gate=gate(8), drop=drop),
        InvertedResidual(8, 12, 2, kernel=5, activation=nn.SiLU, gate=gate(24)),
        InvertedResidual(12, 12, 1, activation=nn.SiLU, gate=gate(36), drop=drop),
    ]
    head = [*conv(12, 32, 1, 1, 1, nn.SiLU), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.0), nn.Linear(32, classes)]
    return nn.Sequential(*conv(3, 8, 3, 2, 1, nn.SiLU), *blocks, *head)
