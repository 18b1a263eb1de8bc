"""The networks of the workloads in PyTorch; outputs are logits."""

from __future__ import annotations

import itertools

import torch
import torch.nn as nn
import torch.nn.functional as F

from catalog import Workload
from models.shapes import AUTOENCODER_WIDTHS, MOBILENET_PAIRS, RESNET8_BLOCKS, RESNET18_BLOCKS


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


def head(channels: int, classes: int) -> list[nn.Module]:
    """Mean over the image, then a dense layer."""
    return [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, classes)]


def resnet8(w: Workload) -> nn.Module:
    """MLPerf Tiny's image classification: three residual blocks of 16, 32 and 64 channels (Banbury et al. 2021)."""
    blocks = [Residual(*block, shortcut_bn=False) for block in RESNET8_BLOCKS]
    return nn.Sequential(conv_bn(3, 16, 3), *blocks, *head(64, w.classes))


def mobilenet_v1(w: Workload) -> nn.Module:
    """MobileNetV1 with a quarter of its channels: 13 pairs of a depthwise 3x3 and a 1x1 convolution (Howard et al. 2017, table 1)."""
    layers: list[nn.Module] = [conv_bn(3, 8, 3, 2)]
    inputs = 8
    for outputs, stride in MOBILENET_PAIRS:
        layers += [conv_bn(inputs, inputs, 3, stride, groups=inputs), conv_bn(inputs, outputs, 1)]
        inputs = outputs
    return nn.Sequential(*layers, *head(inputs, w.classes))


def ds_cnn(w: Workload) -> nn.Module:
    """Small depthwise-separable network for key words (Zhang et al. 2017), as in MLPerf Tiny."""
    layers: list[nn.Module] = [nn.Conv2d(1, 64, (10, 4), 2, (5, 1), bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.Dropout(0.2)]
    for _ in range(4):
        layers += [conv_bn(64, 64, 3, groups=64), conv_bn(64, 64, 1)]
    return nn.Sequential(*layers, nn.Dropout(0.4), *head(64, w.classes))


def autoencoder(w: Workload) -> nn.Module:
    """Dense autoencoder for machine sounds (Koizumi et al. 2020), as in MLPerf Tiny."""
    widths = [640, *AUTOENCODER_WIDTHS]
    layers: list[nn.Module] = []
    for inputs, outputs in itertools.pairwise(widths):
        layers += [nn.Linear(inputs, outputs), nn.BatchNorm1d(outputs), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(128, 640))


def resnet18(w: Workload) -> nn.Module:
    """ResNet-18 (He et al. 2015, table 1)."""
    stem = [nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(), nn.MaxPool2d(3, 2, 1)]
    blocks = [Residual(*block, shortcut_bn=True) for block in RESNET18_BLOCKS]
    return nn.Sequential(*stem, *blocks, *head(512, w.classes))


BUILDERS = {
    "mnist": mnist,
    "tutorial": lambda w: Tutorial(),
    "resnet8": resnet8,
    "mobilenet_v1": mobilenet_v1,
    "ds_cnn": ds_cnn,
    "autoencoder": autoencoder,
    "resnet18": resnet18,
}


def build(workload: Workload) -> nn.Module:
    """The workload's network, with seeded weights."""
    torch.manual_seed(0)
    if workload.net.startswith("variation-"):
        from models.variation_nets import net_of

        return net_of(workload.net).build()
    return BUILDERS[workload.net](workload)
