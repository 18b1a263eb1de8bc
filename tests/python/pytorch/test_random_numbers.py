"""What torch's random operators are like in the engine."""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F

import pytorch_interoperability as interop


def test_random_numbers():
    """Torch draws others; what they are like is compared."""
    torch.manual_seed(14)

    class Random(nn.Module):
        def forward(self, x: torch.Tensor) -> list[torch.Tensor]:
            mask = x.new_empty(x.shape[0], 1, 1, 1).bernoulli_(0.75).div_(0.75)
            noise = torch.randn_like(x)
            drops = [F.dropout(x, 0.25, self.training), F.dropout2d(x, 0.25, self.training), F.alpha_dropout(x, 0.25, self.training)]
            return [*drops, x * mask, noise, torch.randn(x.shape[0], 40)]

    block = interop.wrap(Random(), (4, 8, 5, 5))
    x = torch.ones(400, 8, 5, 5, requires_grad=True)
    single, channel, alpha, rows, noise, other = block(x)
    for dropped in (single, channel, rows):
        torch.testing.assert_close(dropped.mean(), torch.tensor(1.0), rtol=0.1, atol=0)
        assert set(dropped.unique().tolist()) == {0.0, dropped.max().item()}
        torch.testing.assert_close(dropped.max(), torch.tensor(4 / 3))
    assert (channel == channel[:, :, :1, :1]).all()
    assert (channel[:, 0] != channel[:, 1]).any()
    assert (rows == rows[:, :1, :1, :1]).all()
    low = -1.7580993408473766  # Klambauer et al. 2017: mean and variance stay 0 and 1
    scale = (0.75 * (1 + 0.25 * low**2)) ** -0.5
    shift = -scale * low * 0.25
    torch.testing.assert_close(alpha.detach().unique(), torch.tensor([scale * low + shift, scale + shift]))
    torch.testing.assert_close((alpha > 0).float().mean(), torch.tensor(0.75), rtol=0.02, atol=0)
    for normal in (noise, other):
        assert abs(float(normal.detach().mean())) < 0.05
        assert abs(float(normal.detach().std()) - 1) < 0.05
    (gradient,) = torch.autograd.grad(single.sum() + rows.sum(), x)
    torch.testing.assert_close(gradient, (single + rows).detach())
    assert not torch.equal(block(x)[0], single)
    torch.manual_seed(5)
    first = block(x)[0]
    torch.manual_seed(5)
    assert torch.equal(block(x)[0], first)
    block.eval()
    assert torch.equal(block(x)[0], x)
