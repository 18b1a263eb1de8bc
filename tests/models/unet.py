"""U-Net (Ronneberger et al. 2015), going up by transposed convolutions or by interpolation."""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F


def double(inputs: int, outputs: int) -> nn.Sequential:
    layers: list[nn.Module] = []
    for channels in (inputs, outputs):
        layers += [nn.Conv2d(channels, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers)


class Up(nn.Module):
    """Twice the extent, padded to the skipped features, joined with them."""

    def __init__(self, inputs: int, skipped: int, outputs: int, bilinear: bool) -> None:
        super().__init__()
        if bilinear:
            self.up: nn.Module = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=True)
        else:
            self.up = nn.ConvTranspose2d(inputs, inputs, 2, stride=2)
        self.conv = double(inputs + skipped, outputs)

    def forward(self, x: torch.Tensor, skipped: torch.Tensor) -> torch.Tensor:
        x = self.up(x)
        high, wide = skipped.size(2) - x.size(2), skipped.size(3) - x.size(3)
        x = F.pad(x, [wide // 2, wide - wide // 2, high // 2, high - high // 2])
        return self.conv(torch.cat([skipped, x], dim=1))


class UNet(nn.Module):
    """Input [N, 1, H, W] from 8 upwards; logits [N, classes, H, W]."""

    def __init__(self, width: int = 6, classes: int = 3, bilinear: bool = False) -> None:
        super().__init__()
        self.inc = double(1, width)
        self.down1 = nn.Sequential(nn.MaxPool2d(2), double(width, 2 * width))
        self.down2 = nn.Sequential(nn.MaxPool2d(2), double(2 * width, 4 * width))
        self.up1, self.up2 = Up(4 * width, 2 * width, 2 * width, bilinear), Up(2 * width, width, width, bilinear)
        self.outc = nn.Conv2d(width, classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        first = self.inc(x)
        second = self.down1(first)
        x = self.up1(self.down2(second), second)
        return self.outc(self.up2(x, first))
