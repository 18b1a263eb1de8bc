"""Modules of torch.nn of several operators against PyTorch: cells, normalisations, attention, parametrized and tied weights."""

from __future__ import annotations

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from one_step import check_one_step


def test_cells_and_volumes():
    torch.manual_seed(15)

    class Cells(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm, self.gru, self.rnn = nn.LSTMCell(5, 6), nn.GRUCell(5, 6), nn.RNNCell(5, 6, nonlinearity="relu")
            self.volume = nn.Sequential(nn.Conv3d(1, 3, 2), nn.BatchNorm3d(3), nn.ReLU())

        def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
            h = c = g = r = torch.zeros(x.size(0), 6)
            for t in range(x.size(1)):
                h, c = self.lstm(x[:, t], (h, c))
                g, r = self.gru(x[:, t], g), self.rnn(x[:, t], r)
            return [h, c, g, r, F.cosine_similarity(h, g), self.volume(x.view(-1, 1, 3, 2, 10).transpose(2, 3))]

    check_one_step(Cells(), torch.randn(3, 12, 5))


def test_norms():
    torch.manual_seed(8)
    norms = nn.ModuleList(
        [nn.LayerNorm((5, 6)), nn.LayerNorm(6, elementwise_affine=False), nn.RMSNorm(6), nn.BatchNorm2d(4, affine=False), nn.LayerNorm(6)]
        + [
            nn.GroupNorm(2, 4),
            nn.GroupNorm(4, 4, affine=False),
            nn.InstanceNorm2d(4),
            nn.InstanceNorm2d(4, affine=True),
            nn.LocalResponseNorm(3),
        ]
    )

    class Norms(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.norms = norms

        def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
            return [norm(x) for norm in self.norms]

    check_one_step(Norms(), torch.randn(3, 4, 5, 6))


def test_attention():
    torch.manual_seed(9)
    mask = torch.tensor([[True, False, True, True]] * 3 + [[True] * 4])

    class Attention(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.MultiheadAttention(8, 2, batch_first=True)
            self.second = nn.MultiheadAttention(8, 4)
            self.third = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 12, dropout=0.0, batch_first=True), 1)
            self.third.requires_grad_(False)

        def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
            y, weights = self.first(x, x, x)
            z, _ = self.second(x.transpose(0, 1), x.transpose(0, 1), x.transpose(0, 1), attn_mask=~mask, need_weights=False)
            q = x.view(-1, 4, 2, 4).transpose(1, 2)
            causal = F.scaled_dot_product_attention(q, q, q, is_causal=True, scale=0.3)
            keep = (x[:, :, 0] < 0.5).view(-1, 1, 1, 4)
            padded = self.third(x, src_key_padding_mask=x[:, :, 1] > 0.5)
            return [
                y,
                weights,
                z.transpose(0, 1),
                causal,
                padded,
                F.scaled_dot_product_attention(q, q, q, attn_mask=mask),
                F.scaled_dot_product_attention(q, q, q, attn_mask=keep),
            ]

    x = torch.randn(3, 4, 8)
    x[:2, 0, 0], x[2, :, 0], x[:, 0, 1] = 0, 1, 0  # `keep` leaves the last row without a key, the padding does not
    check_one_step(Attention(), x)


@pytest.mark.parametrize("dim", [0, 1])
def test_weight_norm_and_ties(dim):
    torch.manual_seed(10)

    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a = nn.utils.parametrizations.weight_norm(nn.Linear(5, 5), dim=dim)
            self.b, self.c = nn.Linear(5, 5), nn.Linear(5, 5)
            self.c.weight = self.b.weight
            self.c.bias.requires_grad_(False)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.c(torch.tanh(self.b(torch.tanh(self.a(x)))))

    check_one_step(Tied(), torch.randn(3, 5))
