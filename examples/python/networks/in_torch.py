"""The five networks as PyTorch modules; images are [N, C, H, W], outputs are logits."""

from __future__ import annotations

import itertools

import torch
import torch.nn as nn
import torch.nn.functional as F

from networks.shapes import AUTOENCODER_ROW, AUTOENCODER_WIDTHS, DS_CNN_DROPOUTS, MOBILENET_PAIRS, RESNET8_BLOCKS, RESNET18_BLOCKS


def conv_bn(inputs: int, outputs: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """Convolution that keeps the extent (or divides it by the stride), BatchNorm, ReLU."""
    conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(conv, nn.BatchNorm2d(outputs), nn.ReLU())


class Residual(nn.Module):
    """Two 3x3 convolutions beside a shortcut (He et al. 2015, figure 2); 1x1 on the shortcut where the shape changes."""

    def __init__(self, inputs: int, outputs: int, stride: int, shortcut_bn: bool) -> None:
        super().__init__()
        self.first = conv_bn(inputs, outputs, 3, stride)
        self.second = nn.Sequential(nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False), nn.BatchNorm2d(outputs))
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=not shortcut_bn)
            if shortcut_bn:
                self.shortcut = nn.Sequential(self.shortcut, nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.second(self.first(x)) + self.shortcut(x))


def head(channels: int, classes: int) -> list[nn.Module]:
    """Mean over the image, then a dense layer."""
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)]


def resnet8(classes: int = 10) -> nn.Module:
    """MLPerf Tiny's image classification: three residual blocks of 16, 32 and 64 channels, for images [N, 3, 32, 32]."""
    blocks = [Residual(*block, shortcut_bn=False) for block in RESNET8_BLOCKS]
    return nn.Sequential(conv_bn(3, 16, 3), *blocks, *head(64, classes))


def mobilenet_v1(classes: int = 2) -> nn.Module:
    """MobileNetV1 with a quarter of its channels: 13 pairs of a depthwise 3x3 and a 1x1 convolution (Howard et al. 2017, table 1).

    MLPerf Tiny's visual wake words: is there a person in the image [N, 3, 96, 96]?
    """
    layers: list[nn.Module] = [conv_bn(3, 8, 3, 2)]
    inputs = 8
    for outputs, stride in MOBILENET_PAIRS:
        layers += [conv_bn(inputs, inputs, 3, stride, groups=inputs), conv_bn(inputs, outputs, 1)]
        inputs = outputs
    return nn.Sequential(*layers, *head(inputs, classes))


def ds_cnn(classes: int = 12, dropouts: tuple[float, float] = DS_CNN_DROPOUTS) -> nn.Module:
    """Small depthwise-separable network for key words (Zhang et al. 2017), as in MLPerf Tiny: 49 frames of 10 coefficients, [N, 1, 49, 10]."""
    layers: list[nn.Module] = [nn.Conv2d(1, 64, (10, 4), 2, (5, 1), bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.Dropout(dropouts[0])]
    for _ in range(4):
        layers += [conv_bn(64, 64, 3, groups=64), conv_bn(64, 64, 1)]
    return nn.Sequential(*layers, nn.Dropout(dropouts[1]), *head(64, classes))


def autoencoder() -> nn.Module:
    """Dense autoencoder for machine sounds (Koizumi et al. 2020), as in MLPerf Tiny: five frames of 128 mel bands, [N, 640], and back."""
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise([AUTOENCODER_ROW, *AUTOENCODER_WIDTHS]):
        layers += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(AUTOENCODER_WIDTHS[-1], AUTOENCODER_ROW))


def resnet18(classes: int = 1000) -> nn.Module:
    """ResNet-18 (He et al. 2015, table 1), for images [N, 3, 224, 224] and others."""
    stem = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    blocks = [Residual(*block, shortcut_bn=True) for block in RESNET18_BLOCKS]
    return nn.Sequential(*stem, *blocks, *head(512, classes))
