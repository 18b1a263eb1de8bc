"""Convolutions, pools, resizing and padding of torch against PyTorch, several to a network."""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F
from one_step import check_function


def test_convolutions_and_pools():
    torch.manual_seed(7)
    check_function(
        lambda x, w: [
            F.conv1d(x, w, padding=1),
            F.conv1d(x, w, stride=2, dilation=2),
            F.conv1d(x, w, padding="same"),
            F.conv_transpose1d(x, w.transpose(0, 1), stride=2, output_padding=1, padding=1),
            F.max_pool1d(x, 2),
            F.avg_pool1d(x, 3, 2, 1),
            F.adaptive_avg_pool1d(x, 1),
            F.adaptive_avg_pool1d(x, 3),
        ],
        torch.randn(3, 4, 9),
        6,
        4,
        3,
    )
    check_function(
        lambda x, w: [
            F.conv3d(x, w, padding=1),
            F.conv_transpose3d(x, w, stride=2),
            F.max_pool3d(x, 2),
            F.avg_pool3d(x, 2),
            F.adaptive_avg_pool3d(x, 1),
            F.adaptive_avg_pool3d(x, 2),
        ],
        torch.randn(2, 4, 4, 6, 4),
        4,
        4,
        3,
        3,
        3,
    )


def test_resizing_and_padding():
    torch.manual_seed(11)
    check_function(
        lambda x, w: [
            F.interpolate(x, scale_factor=2),
            F.interpolate(x, size=(7, 3)),
            F.interpolate(x, scale_factor=1.7, mode="nearest-exact"),
            F.interpolate(x, scale_factor=2, mode="bilinear"),
            F.interpolate(x, size=(9, 4), mode="bilinear", align_corners=True),
            F.interpolate(x, scale_factor=1.3, mode="bilinear"),
            F.interpolate(x, scale_factor=2, mode="bicubic"),
            F.interpolate(x, size=(3, 9), mode="bicubic", align_corners=True),
            F.adaptive_avg_pool2d(x, (2, 4)),
            F.adaptive_max_pool2d(x, (3, 2)),
            F.adaptive_max_pool2d(x, 1),
            F.pad(x, (2, 1, 1, 2), mode="reflect"),
            F.pad(x, (2, 1, 1, 2), mode="replicate"),
            F.pad(x, (2, 1, 1, 2), mode="circular"),
            nn.ReflectionPad2d(1)(x) * 2,
            nn.ZeroPad2d((1, 0, 2, 1))(x) + 1,
        ],
        torch.randn(3, 2, 5, 6),
    )
    check_function(
        lambda x, w: [
            F.interpolate(x, scale_factor=2, mode="linear"),
            F.interpolate(x, size=3),
            F.pad(x, (1, 2), mode="reflect"),
            F.adaptive_max_pool1d(x, 2),
        ],
        torch.randn(3, 2, 7),
    )
