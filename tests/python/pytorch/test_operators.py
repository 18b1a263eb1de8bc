"""Operators of torch against PyTorch, several to a network: outputs, gradients of inputs and weights, evaluation."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from one_step import check_one_step

import pytorch_interoperability as interop


class Net(nn.Module):
    """A function of the input and of one weight as a network; every output is compared."""

    def __init__(self, function: Callable[..., object], *shape: int) -> None:
        super().__init__()
        self.function = function
        self.w = nn.Parameter(torch.randn(shape))

    def forward(self, x: torch.Tensor) -> object:
        return self.function(x, self.w)


def check(function: Callable[..., object], x: torch.Tensor, *shape: int) -> None:
    check_one_step(Net(function, *(shape or x.shape[1:])), x)


def positive(*shape: int) -> torch.Tensor:
    return torch.rand(shape) + 0.5


SMOOTH = [F.silu, F.mish, F.gelu, F.softplus, F.softsign, F.logsigmoid, F.tanhshrink, torch.sigmoid, torch.erf, torch.sin, torch.cos]
BENT = [
    F.relu,
    F.relu6,
    F.hardtanh,
    F.hardsigmoid,
    F.hardswish,
    F.elu,
    F.selu,
    F.celu,
    F.softshrink,
    F.hardshrink,
    F.leaky_relu,
    torch.abs,
    lambda x: F.threshold(x, 0.3, 7.0),
    lambda x: F.gelu(x, approximate="tanh"),
    lambda x: F.softplus(x, beta=2.0, threshold=1.0),
    lambda x: F.elu(x, 0.7),
    lambda x: x.clamp(-0.5, 0.7),
    lambda x: x.clamp(max=0.2),
]


def test_activations():
    torch.manual_seed(0)
    check(lambda x, w: [f(x + w) for f in SMOOTH], torch.randn(3, 4, 5))
    check(lambda x, w: [f(2 * x + w) for f in BENT], torch.randn(3, 4, 5))
    check(lambda x, w: [F.prelu(x, w[:1]), F.prelu(x, w), F.glu(x, 1), F.softmin(x, 1), F.log_softmax(x, -1)], torch.randn(3, 4, 5), 4)


def test_arithmetic():
    torch.manual_seed(1)
    check(
        lambda x, w: [x.log() + w, x.sqrt(), x.rsqrt(), x.reciprocal(), x**3, x**0.5, x**-1, x**1.7, x.pow(w), torch.log1p(x), x.log2()],
        positive(3, 4, 5),
    )
    check(
        lambda x, w: [
            x.exp(),
            -x,
            1 - x,
            2 / (x + 5 + w),
            x.square(),
            torch.lerp(x, w, 0.3),
            torch.addcmul(x, x, w, value=0.5),
            x.floor() + w,
            x.round() * w,
            x.sign() * w,
            torch.add(x, w, alpha=2),
            torch.true_divide(x, 3),
        ],
        torch.randn(3, 4, 5),
    )


def test_comparisons():
    torch.manual_seed(2)
    check(
        lambda x, w: [
            torch.where(x > w, x, w * 2),
            torch.where(x > 0, x, 0.5),
            torch.maximum(x, w),
            torch.minimum(x, w),
            x.masked_fill(x < -0.5, 3.0),
            (x >= 0).float() * w,
            torch.where((x > -1) & ~(x > 1), x, w),
            x * (w != 0),
        ],
        torch.randn(3, 4, 5),
    )


def test_reductions():
    torch.manual_seed(3)
    check(
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
    check(
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


def test_shapes():
    torch.manual_seed(5)
    check(
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

    check(function, torch.randn(3, 4, 5), 5, 5)


def test_convolutions_and_pools():
    torch.manual_seed(7)
    check(
        lambda x, w: [
            F.conv1d(x, w, padding=1),
            F.conv1d(x, w, stride=2, dilation=2),
            F.conv1d(x, w, padding="same"),
            F.conv_transpose1d(x, w.transpose(0, 1), stride=2, output_padding=1, padding=1),
            F.max_pool1d(x, 2),
            F.avg_pool1d(x, 3, 2, 1),
            F.adaptive_avg_pool1d(x, 1),
            F.adaptive_avg_pool1d(x, 3),
        ],
        torch.randn(3, 4, 9),
        6,
        4,
        3,
    )
    check(
        lambda x, w: [
            F.conv3d(x, w, padding=1),
            F.conv_transpose3d(x, w, stride=2),
            F.max_pool3d(x, 2),
            F.avg_pool3d(x, 2),
            F.adaptive_avg_pool3d(x, 1),
            F.adaptive_avg_pool3d(x, 2),
        ],
        torch.randn(2, 4, 4, 6, 4),
        4,
        4,
        3,
        3,
        3,
    )


def test_resizing_and_padding():
    torch.manual_seed(11)
    check(
        lambda x, w: [
            F.interpolate(x, scale_factor=2),
            F.interpolate(x, size=(7, 3)),
            F.interpolate(x, scale_factor=1.7, mode="nearest-exact"),
            F.interpolate(x, scale_factor=2, mode="bilinear"),
            F.interpolate(x, size=(9, 4), mode="bilinear", align_corners=True),
            F.interpolate(x, scale_factor=1.3, mode="bilinear"),
            F.interpolate(x, scale_factor=2, mode="bicubic"),
            F.interpolate(x, size=(3, 9), mode="bicubic", align_corners=True),
            F.adaptive_avg_pool2d(x, (2, 4)),
            F.adaptive_max_pool2d(x, (3, 2)),
            F.adaptive_max_pool2d(x, 1),
            F.pad(x, (2, 1, 1, 2), mode="reflect"),
            F.pad(x, (2, 1, 1, 2), mode="replicate"),
            F.pad(x, (2, 1, 1, 2), mode="circular"),
            nn.ReflectionPad2d(1)(x) * 2,
            nn.ZeroPad2d((1, 0, 2, 1))(x) + 1,
        ],
        torch.randn(3, 2, 5, 6),
    )
    check(
        lambda x, w: [
            F.interpolate(x, scale_factor=2, mode="linear"),
            F.interpolate(x, size=3),
            F.pad(x, (1, 2), mode="reflect"),
            F.adaptive_max_pool1d(x, 2),
        ],
        torch.randn(3, 2, 7),
    )


def test_einsum_and_losses():
    torch.manual_seed(12)
    check(
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
