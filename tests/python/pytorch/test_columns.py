"""nn.Unfold, nn.Fold and nn.Bilinear against PyTorch."""

from __future__ import annotations

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from one_step import check_one_step

import pytorch_interoperability as interop
from n2d2 import errors


class Columns(nn.Module):
    """Windows with every option, their sum, windows that do not reach the border, and columns that come from elsewhere."""

    def __init__(self) -> None:
        super().__init__()
        self.w = nn.Parameter(torch.randn(4, 7, 6))

    def forward(self, x: torch.Tensor) -> object:
        y = x * self.w
        return (
            F.unfold(y, 3),
            F.unfold(x + self.w, (2, 3), dilation=(2, 1), padding=(1, 0), stride=(1, 2)),
            F.fold(F.unfold(y, 3, padding=1, stride=2).tanh(), (7, 6), 3, padding=1, stride=2),
            F.fold(y.reshape(-1, 8, 21), (8, 4), 2),
        )


def test_unfold_and_fold():
    torch.manual_seed(32)
    check_one_step(Columns(), torch.randn(2, 4, 7, 6))


def test_images_without_a_batch_are_refused():
    with pytest.raises(errors.UnsupportedError, match="im2col with an input of rank 3; give it with the batch in front"):
        interop.wrap(nn.Sequential(nn.Linear(5, 5), nn.Unfold(2)), (3, 4, 5))


class Joined(nn.Module):
    """nn.Bilinear of two and of three axes."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.plain, self.join = nn.Linear(5, 4), nn.Bilinear(4, 5, 3, bias=False), nn.Bilinear(5, 4, 6)

    def forward(self, x: torch.Tensor) -> object:
        y = self.first(x).tanh()
        return self.join(x, y), self.plain(y[:, 0], x[:, 1])


def test_bilinear():
    torch.manual_seed(31)
    check_one_step(Joined(), torch.randn(3, 2, 5))
