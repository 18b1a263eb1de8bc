"""Operations of torch that move values, and batches that are not in front, against PyTorch, several to a network."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from one_step import check_function


def test_shapes():
    torch.manual_seed(5)
    check_function(
        lambda x, w: [
            x.view(x.size(0), -1) * 2,
            x.flatten(2) + 1,
            x.permute(0, 3, 1, 2) * w[0, :, 0],
            x.transpose(1, 3).contiguous() * 1,
            x.unsqueeze(1) * 2,
            x[:, :, None, 1:3] * 2,
            x[:, ::2] * 3,
            x[:, -1] * w[-1],
            x[..., 1:-1] * 2,
            torch.stack([x, x * 2], 1),
            torch.stack([x, x * 2], -1),
            torch.cat([x, x * w], 2),
            torch.roll(x, (1, -1), (1, 2)),
            x.flip(2),
            x.movedim(1, -1) * 2,
            x.repeat(1, 2, 1, 1),
            x.repeat_interleave(2, 3),
            x[:, :1].expand(-1, 4, -1, -1) * w,
            F.pad(x, (1, 2, 0, 1), value=0.5),
            F.pad(x, (-1, 1)),
            F.pixel_shuffle(x, 2),
            F.channel_shuffle(x, 2),
            torch.index_select(x, 1, torch.tensor([2, 0, 2])),
            x[:, [3, 1]] * 2,
            x.narrow(1, 1, 2) * 2,
            *x.chunk(2, 1),
            *x.split([1, 3], 2),
            *[p * 2 for p in x.unbind(1)],
            F.pixel_unshuffle(x[:, :, :, :4], 2),
            x.detach() * w,
            x.reshape(-1, 5) * 2,
            x.view(-1, 2, 2, 4, 5) * 2,
        ],
        torch.randn(3, 4, 4, 5),
    )


def test_a_batch_that_is_not_in_front():
    torch.manual_seed(6)

    def function(x: torch.Tensor, w: torch.Tensor) -> list[torch.Tensor]:
        t = x.transpose(0, 1)  # [4, N, 5]
        y = F.relu(F.linear(t, w)) + t.mean(2, keepdim=True)
        z = F.layer_norm(y + w[0], (5,)) * F.softmax(y, 0)
        merged = y.reshape(4, -1, 5)
        return [
            y.transpose(0, 1),
            z.permute(1, 2, 0),
            t[-1] * 2,
            t.sum(0),
            t.mean((0, 2)),
            torch.cat([t, y], 0).transpose(0, 1),
            torch.stack([x, x * 2]).sum(0),
            F.linear(t.reshape(-1, 5), w).view(4, -1, 5)[2],
            torch.stack(t.unbind(0), 1),
            merged[1:3].transpose(0, 1),
            t,
            t.permute(2, 0, 1)[1:] * 2,
            torch.stack([x.mean(1), x.sum(1)], 0),
            (x[:, 0].t() @ x[:, 1]) + w,
        ]

    check_function(function, torch.randn(3, 4, 5), 5, 5)
