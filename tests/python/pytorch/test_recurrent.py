"""nn.LSTM, nn.GRU and nn.RNN in their forms: layers, directions, states, biases, time in front; outputs and final states."""

from __future__ import annotations

import pytest
import torch
import torch.nn as nn
from one_step import check_one_step


class Sequence(nn.Module):
    """A recurrent module, from states that are computed when `given`; its output and final states."""

    def __init__(self, cls: type[nn.RNNBase], given: bool = False, **arguments: object) -> None:
        super().__init__()
        self.run = cls(3, 4, **arguments)
        self.count = self.run.num_layers * (2 if self.run.bidirectional else 1)
        self.start = nn.Linear(3, 4 * self.count) if given else None

    def forward(self, x: torch.Tensor) -> object:
        """x: [N, T, 3]."""
        state = None
        if self.start is not None:
            state = self.start(x[:, 0]).unflatten(1, (self.count, 4)).transpose(0, 1)
            state = (state, torch.tanh(state)) if isinstance(self.run, nn.LSTM) else state
        y, ends = self.run(x if self.run.batch_first else x.transpose(0, 1), state)
        ends = ends if isinstance(ends, tuple) else (ends,)
        return [y if self.run.batch_first else y.transpose(0, 1), *[end.transpose(0, 1) for end in ends]]


@pytest.mark.parametrize("cls", [nn.LSTM, nn.GRU, nn.RNN])
@pytest.mark.parametrize(
    "arguments",
    [
        {"batch_first": True},
        {"batch_first": True, "bidirectional": True, "given": True},
        {"num_layers": 2, "bidirectional": True},
        {"num_layers": 2, "bias": False, "given": True},
    ],
    ids=str,
)
def test_forms(cls, arguments):
    torch.manual_seed(0)
    check_one_step(Sequence(cls, **arguments), torch.randn(5, 6, 3))


def test_relu():
    torch.manual_seed(0)
    check_one_step(Sequence(nn.RNN, nonlinearity="relu", batch_first=True), torch.randn(5, 6, 3))
