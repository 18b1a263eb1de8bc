"""Swin transformer (Liu et al. 2021): attention in windows, shifted in every other block, relative positions, merged patches."""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F


class WindowAttention(nn.Module):
    """Attention among the window's positions, with a learnt bias per relative position."""

    def __init__(self, width: int, window: int, heads: int) -> None:
        super().__init__()
        self.window, self.heads, self.scale = window, heads, (width // heads) ** -0.5
        self.qkv, self.proj = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.bias_table = nn.Parameter(0.02 * torch.randn((2 * window - 1) ** 2, heads))
        grid = torch.stack(torch.meshgrid(torch.arange(window), torch.arange(window), indexing="ij")).flatten(1)
        apart = (grid[:, :, None] - grid[:, None, :]) + window - 1
        self.register_buffer("index", (apart[0] * (2 * window - 1) + apart[1]).flatten())

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        windows, area, width = x.shape
        q, k, v = self.qkv(x).reshape(windows, area, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        scores = (q * self.scale) @ k.transpose(-2, -1)
        bias = self.bias_table[self.index].view(area, area, self.heads).permute(2, 0, 1).contiguous()
        scores = scores + bias.unsqueeze(0)
        if mask is not None:
            count = mask.shape[0]
            scores = scores.view(windows // count, count, self.heads, area, area) + mask.unsqueeze(1).unsqueeze(0)
            scores = scores.view(windows, self.heads, area, area)
        x = (F.softmax(scores, dim=-1) @ v).transpose(1, 2).reshape(windows, area, width)
        return self.proj(x)


class Block(nn.Module):
    """Attention in windows of a grid that is rolled by `shift`, then an MLP."""

    def __init__(self, width: int, size: int, window: int, shift: int, heads: int) -> None:
        super().__init__()
        self.size, self.window, self.shift = size, window, shift
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = WindowAttention(width, window, heads)
        self.mlp = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))
        self.register_buffer("mask", self._mask() if shift else None)

    def _mask(self) -> torch.Tensor:
        """-100 between positions that the roll brought together: [windows, area, area]."""
        region = torch.zeros(self.size, self.size)
        cuts = (slice(0, -self.window), slice(-self.window, -self.shift), slice(-self.shift, None))
        for i, rows in enumerate(cuts):
            for j, columns in enumerate(cuts):
                region[rows, columns] = 3 * i + j
        n, w = self.size // self.window, self.window
        parts = region.view(n, w, n, w).transpose(1, 2).reshape(n * n, w * w)
        return torch.where(parts[:, None] == parts[:, :, None], 0.0, -100.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        rows, height, width, channels = x.shape
        w = self.window
        y = self.norm1(x)
        if self.shift:
            y = torch.roll(y, (-self.shift, -self.shift), (1, 2))
        y = y.view(rows, height // w, w, width // w, w, channels).permute(0, 1, 3, 2, 4, 5).reshape(-1, w * w, channels)
        y = self.attention(y, self.mask)
        y = y.view(rows, height // w, width // w, w, w, channels).permute(0, 1, 3, 2, 4, 5).reshape(rows, height, width, channels)
        if self.shift:
            y = torch.roll(y, (self.shift, self.shift), (1, 2))
        x = x + y
        return x + self.mlp(self.norm2(x))


class Merge(nn.Module):
    """Four neighbours become one token of twice the width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm, self.reduction = nn.LayerNorm(4 * width), nn.Linear(4 * width, 2 * width, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        parts = [x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]]
        return self.reduction(self.norm(torch.cat(parts, -1)))


class Swin(nn.Module):
    """Input [N, 3, 32, 32]."""

    def __init__(self, width: int = 8, classes: int = 10) -> None:
        super().__init__()
        self.embed, self.norm0 = nn.Conv2d(3, width, 4, 4), nn.LayerNorm(width)
        self.layers = nn.Sequential(Block(width, 8, 4, 0, 2), Block(width, 8, 4, 2, 2), Merge(width), Block(2 * width, 4, 4, 0, 4))
        self.norm, self.head = nn.LayerNorm(2 * width), nn.Linear(2 * width, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.norm0(self.embed(x).permute(0, 2, 3, 1))
        x = self.norm(self.layers(x)).permute(0, 3, 1, 2)
        return self.head(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))
