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
