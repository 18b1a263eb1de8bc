"""Classifiers on LSTM (Hochreiter and Schmidhuber 1997) and GRU (Cho et al. 2014), and convolutions over time (Kim 2014)."""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F


class TextLSTM(nn.Module):
    """Tokens int64 [N, T]; embedding, LSTM in both directions, the last states, logits."""

    def __init__(
        self, words: int = 20, width: int = 8, hidden: int = 6, layers: int = 1, classes: int = 4, bidirectional: bool = True
    ) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width, padding_idx=0)
        self.lstm = nn.LSTM(width, hidden, layers, batch_first=True, bidirectional=bidirectional)
        self.fc = nn.Linear(hidden * (2 if bidirectional else 1), classes)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        _, (last, _) = self.lstm(self.embedding(tokens))
        joined = torch.cat([last[-2], last[-1]], dim=1) if self.lstm.bidirectional else last[-1]
        return self.fc(joined)


class SequenceGRU(nn.Module):
    """[N, T, features]; two GRU layers from a given start, the last step's output, logits."""

    def __init__(self, features: int = 5, hidden: int = 8, classes: int = 4) -> None:
        super().__init__()
        self.hidden = hidden
        self.gru = nn.GRU(features, hidden, num_layers=2, batch_first=True)
        self.fc = nn.Linear(hidden, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        start = torch.zeros(2, x.size(0), self.hidden)
        out, _ = self.gru(x, start)
        return self.fc(out[:, -1, :])


class ImageLSTM(nn.Module):
    """The lines of an image [N, 1, T, features] as steps, time in front as nn.LSTM has it by default."""

    def __init__(self, features: int = 8, hidden: int = 8, classes: int = 4) -> None:
        super().__init__()
        self.lstm, self.fc = nn.LSTM(features, hidden), nn.Linear(hidden, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out, _ = self.lstm(x.squeeze(1).permute(1, 0, 2))
        return self.fc(out[-1])


class TextCNN(nn.Module):
    """Tokens int64 [N, T]; convolutions of several widths over time, the maximum of each, logits."""

    def __init__(self, words: int = 20, width: int = 8, filters: int = 6, classes: int = 4) -> None:
        super().__init__()
        self.embedding = nn.Embedding(words, width)
        self.convs = nn.ModuleList([nn.Conv1d(width, filters, size, padding=size - 1) for size in (2, 3, 4)])
        self.fc = nn.Linear(3 * filters, classes)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.embedding(tokens).transpose(1, 2)
        x = torch.cat([F.relu(conv(x)).max(dim=2).values for conv in self.convs], 1)
        return self.fc(x)
