"""A classifier on nn.TransformerEncoder (Vaswani et al. 2017), with sines as positions."""

from __future__ import annotations

import math

import torch
import torch.nn as nn


class Classifier(nn.Module):
    """Tokens int64 [N, T]; `norm_first` puts the normalisation in front of each part."""

    def __init__(
        self,
        words: int = 20,
        length: int = 6,
        width: int = 16,
        heads: int = 2,
        classes: int = 4,
        norm_first: bool = False,
        act: str = "relu",
    ) -> None:
        super().__init__()
        self.width = width
        self.embedding = nn.Embedding(words, width)
        angle = torch.arange(length)[:, None] * torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
        self.register_buffer("positions", torch.stack([angle.sin(), angle.cos()], dim=2).flatten(1))
        layer = nn.TransformerEncoderLayer(width, heads, 2 * width, dropout=0.0, activation=act, batch_first=True, norm_first=norm_first)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.fc = nn.Linear(width, classes)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.embedding(tokens) * math.sqrt(self.width) + self.positions
        return self.fc(self.encoder(x).mean(dim=1))
