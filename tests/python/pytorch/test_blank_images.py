"""Images that are blank in part, as scanned digits are: what sees nothing but zeros, or the same as its neighbour, keeps torch's gradients."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn as nn
from parity import assert_one_step_close
from torch_nets import digits

import pytorch_interoperability as interop


def gradients(net: nn.Module, x: torch.Tensor) -> dict[str, torch.Tensor]:
    """Of a sum that weighs every output differently."""
    out = net(x)
    weights = torch.cos(torch.arange(out.numel(), dtype=torch.float64)).reshape(out.shape).to(out.dtype)
    (out * weights).sum().backward()
    return {"output": out.detach(), **{name: p.grad for name, p in net.named_parameters()}}


BEHIND = {
    "relu": lambda: [nn.Conv2d(16, 32, 3, padding=1), nn.ReLU()],
    "pool": lambda: [nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)],
    "overlapping pool": lambda: [nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3, 2)],
    "transposed": lambda: [nn.ConvTranspose2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)],
}


@pytest.mark.parametrize("extent", [12, 14])
@pytest.mark.parametrize("behind", BEHIND)
def test_zeros_and_equals_stay(behind: str, extent: int) -> None:
    """Biases are zero, as Keras makes them: the ReLU behind what sees zeros passes no gradient on, and a pool takes the first of equals."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), *BEHIND[behind](), nn.Conv2d(32, 16, 3, padding=1), nn.ReLU())
    for layer in net:
        if isinstance(layer, (nn.Conv2d, nn.ConvTranspose2d)):
            nn.init.zeros_(layer.bias)
    left = (extent - 8) // 2
    x = nn.functional.pad(digits()[0][:6], (left, extent - 8 - left, 0, extent - 8))
    exact = gradients(copy.deepcopy(net).double(), x.double())
    framework = gradients(copy.deepcopy(net), x)
    ours = gradients(interop.wrap(copy.deepcopy(net), tuple(x.shape), update="torch"), x)
    for name, value in exact.items():
        assert_one_step_close(ours[name].numpy(), value.numpy(), framework[name].numpy(), value.numpy(), name)


def whole_numbers(net: nn.Module) -> None:
    """Weights of -1, 0 and 1, so that float32 makes no rounding errors."""
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(torch.randint(-1, 2, p.shape))


SHAPES = {  # channels in and out, extents, padding: of tiles of four, mixed with tiles of two, cut at the borders, above 64 x 64
    "squares": (16, 32, (12, 12), 1),
    "mixed": (32, 64, (12, 15), 0),
    "cut": (33, 17, (9, 13), 1),
    "wide": (72, 80, (10, 11), 1),
}


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("relu", [True, False])
def test_ties_are_settled(shape: str, relu: bool) -> None:
    """Outputs of a window are often equal, or zero, though they see different inputs: the first of equals is taken, and nothing of a zero."""
    torch.manual_seed(1)
    channels, outputs, extents, padding = SHAPES[shape]
    net = nn.Sequential(nn.Conv2d(2, channels, 1), nn.ReLU(), nn.Conv2d(channels, outputs, 3, padding=padding))
    net.extend([*([nn.ReLU()] if relu else []), nn.MaxPool2d(2)])
    whole_numbers(net)
    x = torch.randint(0, 2, (5, 2, *extents)).float()
    exact = gradients(copy.deepcopy(net).double(), x.double())
    framework = gradients(copy.deepcopy(net), x)
    ours = gradients(interop.wrap(copy.deepcopy(net), tuple(x.shape), update="torch"), x)
    for name, value in exact.items():
        assert_one_step_close(ours[name].numpy(), value.numpy(), framework[name].numpy(), value.numpy(), name)
