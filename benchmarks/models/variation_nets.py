"""Small convnets drawn from a seed: 8 with pools behind their convolutions, 8 without pools, 8 with BatchNorm and residual sums.

"variation-SEED-INDEX" names one; the same name is the same network on every machine.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

STRATA = ("pooled", "plain", "residual")
PER_STRATUM = 8
CLASSES = 10
# Bounds of a training step, so that PyTorch takes between about 0.3 and 60 ms on two cores.
FLOP_RANGE = (2e6, 1.5e9)
MOST_ELEMENTS = 3e6  # of all activations


class Residual(nn.Module):
    """relu(bn(conv(relu(bn(conv(x))))) + x)."""

    def __init__(self, channels: int, kernel: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, kernel, padding=kernel // 2, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, kernel, padding=kernel // 2)
        self.bn2 = nn.BatchNorm2d(channels)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + x)


LAYERS: dict[str, Any] = {
    "conv": nn.Conv2d,
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "max_pool": nn.MaxPool2d,
    "mean_pool": nn.AvgPool2d,
    "bn": nn.BatchNorm2d,
    "residual": Residual,
    "mean": lambda: nn.AdaptiveAvgPool2d(1),
    "flatten": nn.Flatten,
    "dense": nn.Linear,
}


@dataclass(frozen=True)
class Net:
    """What to build, and the batch to train it with."""

    name: str
    stratum: str
    shape: tuple[int, int, int]
    batch: int
    layers: tuple[tuple[Any, ...], ...]
    macs: tuple[int, int]
    classes: int = CLASSES

    def build(self) -> nn.Sequential:
        """With seeded weights."""
        torch.manual_seed(0)
        return nn.Sequential(*(LAYERS[kind](*arguments) for kind, *arguments in self.layers))

    def __str__(self) -> str:
        parts = [f"{kind}({','.join(map(str, arguments))})" if arguments else kind for kind, *arguments in self.layers]
        return f"{'x'.join(map(str, (self.batch, *self.shape)))}: {' '.join(parts)}"


class Draft:
    """A network while it is drawn."""

    def __init__(self, rng: np.random.Generator, batch: int) -> None:
        self.rng = rng
        self.batch = batch
        width = self.between(8, 64)
        height = width if rng.random() < 0.7 else self.between(8, 64)
        self.start = (self.log_between(1, 96), height, width)
        self.channels, self.height, self.width = self.start
        self.layers: list[tuple[Any, ...]] = []
        self.macs: list[int] = []
        self.elements = 0

    def between(self, low: int, high: int) -> int:
        """Both included."""
        return int(self.rng.integers(low, high + 1))

    def log_between(self, low: int, high: int) -> int:
        """Both included; small numbers are as likely as large ones."""
        return int(math.exp(self.rng.uniform(math.log(low), math.log(high + 1))))

    def window(self, kernel: int, stride: int, padding: int) -> None:
        """Extents behind a window that moves over the image."""
        self.height = (self.height + 2 * padding - kernel) // stride + 1
        self.width = (self.width + 2 * padding - kernel) // stride + 1

    def conv(self, kernel: int, stride: int = 1, padding: int = 0, least: int = 1) -> None:
        """To a drawn number of channels."""
        outputs = self.log_between(least, 96)
        self.layers.append(("conv", self.channels, outputs, kernel, stride, padding))
        self.window(kernel, stride, padding)
        self.macs.append(self.channels * outputs * kernel**2 * self.height * self.width)
        self.channels = outputs
        self.elements += outputs * self.height * self.width

    def drawn_conv(self) -> None:
        """Kernel 1 to 7, stride 1 to 2, padding up to half the kernel."""
        kernel = self.between(1, min(7, self.height, self.width))
        self.conv(kernel, 2 if self.rng.random() < 0.25 else 1, self.between(0, kernel // 2))

    def pool(self) -> None:
        """Window 2 or 3; mostly side by side, sometimes overlapping; what is left over at the edge is dropped."""
        kernel = self.between(2, 3)
        stride = 2 if kernel == 3 and self.rng.random() < 0.25 else kernel
        self.layers.append(("mean_pool" if self.rng.random() < 0.2 else "max_pool", kernel, stride))
        self.window(kernel, stride, 0)

    def norm_relu(self) -> None:
        """BatchNorm, ReLU."""
        self.layers += [("bn", self.channels), ("relu",)]

    def residual(self, kernel: int) -> None:
        """Two convolutions beside a shortcut."""
        self.layers.append(("residual", self.channels, kernel))
        self.macs += [self.channels**2 * kernel**2 * self.height * self.width] * 2
        self.elements += 2 * self.channels * self.height * self.width

    def head(self, mean: bool) -> None:
        """To the classes, from the mean over the image or from all of it."""
        if mean:
            self.layers.append(("mean",))
        inputs = self.channels * (1 if mean else self.height * self.width)
        self.layers += [("flatten",), ("dense", inputs, CLASSES)]
        self.macs.append(inputs * CLASSES)

    def is_wanted(self) -> bool:
        """Whether its step has the wanted size."""
        flop = 2 * self.batch * (3 * sum(self.macs) - self.macs[0])
        return FLOP_RANGE[0] <= flop <= FLOP_RANGE[1] and self.elements * self.batch <= MOST_ELEMENTS


def pooled(draft: Draft) -> bool:
    """One to three convolutions, each with a pool behind its ReLU or before it."""
    for _ in range(draft.between(1, 3)):
        if min(draft.height, draft.width) < 6:
            break
        draft.drawn_conv()
        if min(draft.height, draft.width) < 3:
            return False
        before = draft.rng.random() < 0.75
        draft.layers += [("relu",)] if before else []
        draft.pool()
        draft.layers += [] if before else [("relu",)]
    draft.head(mean=False)
    return True


def plain(draft: Draft) -> bool:
    """One to four convolutions without pools."""
    for _ in range(draft.between(1, 4)):
        draft.drawn_conv()
        draft.layers.append(("tanh",) if draft.rng.random() < 0.15 else ("relu",))
    draft.head(mean=draft.rng.random() < 0.25)
    return True


def residual(draft: Draft) -> bool:
    """A convolution with BatchNorm, then one to three residual blocks, sometimes a strided convolution between them."""
    kernel = (1, 3, 5, 7)[draft.between(0, 3)]
    draft.conv(
        kernel, draft.between(1, 2), kernel // 2, least=2
    )  # BatchNorm makes the scale of a single channel, and its gradient, mere noise
    draft.norm_relu()
    for _ in range(draft.between(1, 3)):
        if draft.rng.random() < 0.3 and min(draft.height, draft.width) >= 8:
            draft.conv(3, 2, 1, least=2)
            draft.norm_relu()
        draft.residual((1, 3, 3, 5)[draft.between(0, 3)])
    rows = draft.batch * draft.height * draft.width
    draft.head(mean=draft.rng.random() < 0.6)
    return rows >= 32  # statistics of a handful of numbers are noise


@functools.cache
def net_of(name: str) -> Net:
    """The network of a name."""
    seed, index = map(int, name.split("-")[1:])
    stratum = STRATA[index // PER_STRATUM]
    rng = np.random.default_rng([seed, index])
    batch = int(2 ** rng.uniform(0, 8.005))  # drawn first, else large ones would be rare among what fits
    while True:
        draft = Draft(rng, max(batch, 2) if stratum == "residual" else batch)
        if {"pooled": pooled, "plain": plain, "residual": residual}[stratum](draft) and draft.is_wanted():
            return Net(name, stratum, draft.start, draft.batch, tuple(draft.layers), (sum(draft.macs), draft.macs[0]))


def names(seed: int) -> list[str]:
    """Of the whole set."""
    return [f"variation-{seed}-{i}" for i in range(len(STRATA) * PER_STRATUM)]
