"""torch.autocast around a Block, and conversions to other types and devices."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn as nn
import torch.nn.utils.prune
from torch_twins import assert_close, cross_entropy, digit_batch, wrapped

import pytorch_interoperability as interop
from n2d2 import errors


def test_autocast():
    """A Block computes in float32 inside torch.autocast, takes what autocast made smaller, and returns float32."""
    torch.manual_seed(0)
    first = nn.Linear(64, 64)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    block = interop.wrap(net, (12, 64), update="torch")
    x, y = digit_batch(0)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        hidden = first(x.flatten(1))
        hidden.retain_grad()
        out = block(hidden)
        loss = cross_entropy(out, y)
    loss.backward()
    assert hidden.dtype == torch.bfloat16
    assert hidden.grad.dtype == torch.bfloat16
    assert out.dtype == torch.float32
    mine = [p.grad for p in net.parameters()]
    exact = hidden.detach().float().requires_grad_()
    expected = torch.autograd.grad(cross_entropy(net(exact), y), [exact, *net.parameters()])
    assert_close(out, net(exact))
    assert torch.equal(hidden.grad, expected[0].bfloat16()) or torch.allclose(hidden.grad.float(), expected[0], rtol=8e-3, atol=1e-6)
    for a, b in zip(mine, expected[1:], strict=True):
        assert_close(a, b)
    with pytest.raises(errors.TypeError, match="bfloat16"):
        block(hidden)
    with torch.autocast("cpu", dtype=torch.bfloat16), pytest.raises(errors.TypeError, match="float64"):
        block(x.flatten(1).double())


@pytest.mark.parametrize("update", ["n2d2", "torch"])
def test_captures_made_inside_autocast_stay_in_float32(update):
    _, block = wrapped(update)
    plain = copy.deepcopy(block._original)
    x, _ = digit_batch(0)
    block.eval()
    plain.eval()
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
        out = block(x)
    assert_close(out, plain(x).detach())


CONVERSIONS = {
    "double": lambda m: m.double(),
    "half": lambda m: m.half(),
    "bfloat16": lambda m: m.to(torch.bfloat16),
    "meta": lambda m: m.to("meta"),
    "to_empty": lambda m: m.to_empty(device="meta"),
}


@pytest.mark.parametrize("name", CONVERSIONS)
def test_conversions_are_refused_and_change_nothing(name):
    net, block = wrapped()
    before = copy.deepcopy(net.state_dict())
    with pytest.raises(errors.TypeError, match="float32 on the CPU"):
        CONVERSIONS[name](block)
    assert all(torch.equal(a, b) and a.dtype == b.dtype for a, b in zip(net.state_dict().values(), before.values(), strict=True))
    block.float().to("cpu").cpu().share_memory()
    assert_close(block(digit_batch(0)[0]), net(digit_batch(0)[0]))


def test_a_conversion_of_the_plain_module_is_noticed():
    net, block = wrapped()
    x, _ = digit_batch(0)
    net.double()
    with pytest.raises(errors.TypeError, match=r"'0\.weight' became torch\.float64"):
        block(x)
    net.float()
    assert_close(block(x), net(x))
    net = nn.Conv2d(3, 4, 3)
    block, x = interop.wrap(net, (2, 3, 5, 5)), torch.randn(2, 3, 5, 5)
    net.to(memory_format=torch.channels_last)
    with pytest.raises(errors.StateError, match="memory format"):
        block(x)
    net.to(memory_format=torch.contiguous_format)
    assert_close(block(x), net(x))
