"""Vision transformer (Dosovitskiy et al. 2020): patches as tokens, a class token, learnt positions, attention by nn.MultiheadAttention."""

from __future__ import annotations

import torch
import torch.nn as nn


class Encoder(nn.Module):
    """Norm and attention, norm and MLP, each beside a shortcut."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.ln1, self.attention = nn.LayerNorm(width, eps=1e-6), nn.MultiheadAttention(width, heads, dropout, batch_first=True)
        self.ln2 = nn.LayerNorm(width, eps=1e-6)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Dropout(dropout), nn.Linear(2 * width, width))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.ln1(x)
        y, _ = self.attention(y, y, y, need_weights=False)
        x = x + y
        return x + self.mlp(self.ln2(x))


class ViT(nn.Module):
    """Input [N, 3, size, size]."""

    def __init__(self, size: int = 16, patch: int = 4, width: int = 16, depth: int = 2, heads: int = 4, classes: int = 10) -> None:
        super().__init__()
        self.conv_proj = nn.Conv2d(3, width, patch, patch)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(0.02 * torch.randn(1, (size // patch) ** 2 + 1, width))
        self.layers = nn.Sequential(*[Encoder(width, heads, 0.0) for _ in range(depth)])
        self.ln, self.head = nn.LayerNorm(width, eps=1e-6), nn.Linear(width, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv_proj(x)
        x = x.reshape(x.shape[0], x.shape[1], -1).permute(0, 2, 1)
        x = torch.cat([self.class_token.expand(x.shape[0], -1, -1), x], dim=1)
        x = self.ln(self.layers(x + self.positions))
        return self.head(x[:, 0])
