"""Plain attributes of the user's modules: numbers that forward reads, tensors that it reads or keeps."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn as nn
import torch.nn.utils.prune
from torch_twins import SHAPE, assert_close, cross_entropy, digit_batch

import n2d2
import pytorch_interoperability as interop
from n2d2 import errors


class Mixed(nn.Module):
    """Its forward depends on plain attributes."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.a, self.b = nn.Linear(64, 10), nn.Linear(64, 10)
        self.share, self.use_b, self.calls = 0.5, True, 0

    @property
    def percent(self):
        return self.share * 100

    @percent.setter
    def percent(self, value):
        self.share = value / 100

    def forward(self, x):
        x = x.flatten(1)
        self.calls += 1
        return self.a(x) * self.share + self.b(x) if self.use_b else self.a(x)


def test_attributes_that_forward_reads():
    net = Mixed()
    block = interop.wrap(net, SHAPE, update="torch")
    assert net.calls == 0
    plain = copy.deepcopy(net)
    x, _ = digit_batch(0)
    for name, value in (("share", 0.25), ("use_b", False), ("use_b", True), ("percent", 75.0)):
        setattr(block, name, value)
        setattr(plain, name, value)
        assert getattr(net, name) == value
        assert_close(block(x), plain(x))
    block.of_the_block = 3
    assert "of_the_block" not in vars(net)
    block.b = nn.Linear(64, 10)
    assert net.b is block.b
    assert_close(block(x), net(x))
    for i in range(20):  # captures are not kept without bound
        net.share = i / 7
        assert_close(block(x), net(x))
    assert len(block._engine()._captures) <= 8


class Keeping(nn.Module):
    """Forward keeps what it computed, and reads a tensor that is neither parameter nor buffer."""

    def __init__(self, keeps):
        super().__init__()
        self.layer, self.keeps, self.factor = nn.Linear(64, 10), keeps, torch.tensor(2.0)

    def forward(self, x):
        out = self.layer(x.flatten(1)) * self.factor
        if self.keeps:
            self.last = out
        return out


def test_tensors_as_attributes():
    class Odd(Keeping):
        def forward(self, x):
            return torch.digamma(super().forward(x))

    net = Odd(True)
    with pytest.raises(errors.UnsupportedError, match="keeps tensors in attributes, which n2d2 would not fill: 'last'"):
        interop.wrap(net, SHAPE)
    assert not hasattr(net, "last")
    net = Keeping(False)
    block = interop.wrap(net, SHAPE)
    x, _ = digit_batch(0)
    assert_close(block(x), net(x))
    net.factor = torch.tensor(3.0)
    assert_close(block(x), net(x))
    block.factor.mul_(2)
    assert_close(block(x), net(x))
    net.keeps = True
    with pytest.raises(errors.UnsupportedError, match="'last'"):
        block(x)
    assert not hasattr(net, "last")


class Masked(nn.Module):
    """Reads twice the numbers of a buffer, which are constants of the capture."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(64, 3)
        self.register_buffer("mask", torch.tensor([1.0, 0.0, 2.0]))

    def forward(self, x):
        return self.layer(x.flatten(1)) * (self.mask * 2)


def test_buffers_that_are_constants_of_the_capture():
    net = Masked()
    block = interop.wrap(net, SHAPE)
    x, _ = digit_batch(0)
    before = block(x)
    net.mask.mul_(3)
    assert_close(block(x), net(x))
    net.mask.data = torch.tensor([5.0, 6.0, 7.0])
    assert_close(block(x), net(x))
    net.mask.data.mul_(2)
    block.refresh()
    assert_close(block(x), net(x))
    assert not torch.equal(block(x), before)


@pytest.mark.parametrize("update", ["n2d2", "torch"])
def test_pruned_layers(update):
    """The weight is an attribute that a hook computes from a parameter and a mask."""

    class Own(nn.Linear):
        pass

    def make():
        torch.manual_seed(0)
        net = nn.Sequential(nn.Flatten(), Own(64, 20), nn.ReLU(), nn.Linear(20, 10))
        nn.utils.prune.l1_unstructured(net[1], "weight", 0.5)
        return net

    net, plain = make(), make()
    options = {"solver": n2d2.solver.SGD(0.1)} if update == "n2d2" else {}
    block = interop.wrap(net, SHAPE, update=update, **options)
    assert type(net[1].weight) is torch.Tensor
    for i in range(3):
        x, y = digit_batch(i)
        for model in (block, plain):
            cross_entropy(model(x), y).backward()
            with torch.no_grad():
                for p in model.parameters():
                    if p.grad is not None:
                        p -= 0.1 * p.grad
                        p.grad = None
    for a, b in zip(net.parameters(), plain.parameters(), strict=True):
        assert_close(a, b)
