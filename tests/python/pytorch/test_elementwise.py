"""Activations, arithmetic and comparisons of torch against PyTorch, several to a network."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from one_step import check_function


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
    check_function(lambda x, w: [f(x + w) for f in SMOOTH], torch.randn(3, 4, 5))
    check_function(lambda x, w: [f(2 * x + w) for f in BENT], torch.randn(3, 4, 5))
    check_function(
        lambda x, w: [F.prelu(x, w[:1]), F.prelu(x, w), F.glu(x, 1), F.softmin(x, 1), F.log_softmax(x, -1)], torch.randn(3, 4, 5), 4
    )


def test_arithmetic():
    torch.manual_seed(1)
    check_function(
        lambda x, w: [x.log() + w, x.sqrt(), x.rsqrt(), x.reciprocal(), x**3, x**0.5, x**-1, x**1.7, x.pow(w), torch.log1p(x), x.log2()],
        positive(3, 4, 5),
    )
    check_function(
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
    check_function(
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
