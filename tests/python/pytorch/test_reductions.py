"""Reductions, products and losses of torch against PyTorch, several to a network."""

from __future__ import annotations

import torch
import torch.nn as nn
import torch.nn.functional as F
from one_step import check_function, check_one_step


def test_reductions():
    torch.manual_seed(3)
    check_function(
        lambda x, w: [
            x.mean(),
            (x * w).sum(),
            x.mean(1),
            x.sum((1, 2), keepdim=True),
            x.var(1),
            x.var((1, 2), unbiased=False),
            x.std(2, keepdim=True),
            x.amax(1),
            x.amin((1, 2)),
            x.max(2).values,
            x.min(1, keepdim=True)[0],
            x.logsumexp(2),
            x.norm(dim=1),
            F.normalize(x, dim=2),
            torch.linalg.vector_norm(x, 1, 2),
            x.prod(1),
            x.cumsum(2),
        ],
        torch.randn(3, 4, 5),
    )


def test_products():
    torch.manual_seed(4)
    check_function(
        lambda x, w: [
            x @ w,
            torch.bmm(x, x.transpose(1, 2)),
            x @ w[:, 0],
            F.linear(x, w.t()),
            (w.t() @ x.transpose(1, 2)),
            torch.baddbmm(x[:, :, :1], x, x.transpose(1, 2), alpha=0.5),
            x[:, 0] @ w,
            torch.matmul(x.unsqueeze(1), w),
        ],
        torch.randn(3, 4, 5),
        5,
        6,
    )


def test_einsum_and_losses():
    torch.manual_seed(12)
    check_function(
        lambda x, w: [
            torch.einsum("bij,bkj->bik", x, x),
            torch.einsum("bij,jk->bki", x, w),
            torch.einsum("bij,bij->b", x, x),
            torch.einsum("bij->bji", x),
            torch.einsum("bij->b", x),
            F.mse_loss(x, w[None, :, :4].expand_as(x)),
            F.l1_loss(x, w[:, :4] * x, reduction="sum"),
            F.binary_cross_entropy_with_logits(x, x.detach().sigmoid(), reduction="none"),
        ],
        torch.randn(3, 4, 4),
        4,
        6,
    )


class Language(nn.Module):
    """Computes its own loss, as many language models do."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding, self.fc = nn.Embedding(7, 5), nn.Linear(5, 7)

    def forward(self, tokens: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        logits = self.fc(torch.tanh(self.embedding(tokens)))
        chosen = logits.gather(2, tokens.unsqueeze(-1))
        return logits, F.cross_entropy(logits.view(-1, 7), targets.view(-1)) + (F.one_hot(tokens, 7) * logits).sum() + chosen.mean()


def test_a_loss_inside_forward():
    torch.manual_seed(13)
    targets = torch.randint(0, 7, (4, 3))
    targets[0, 1] = -100
    check_one_step(Language(), torch.randint(0, 7, (4, 3)), targets)
