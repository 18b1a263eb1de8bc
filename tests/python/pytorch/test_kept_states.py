"""What lies between a forward and its backward: several forwards, kept graphs, changed weights, exceptions."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn as nn
from torch_twins import SHAPE, assert_alike, cross_entropy, digit_batch, digit_net, state_of

import n2d2
import pytorch_interoperability as interop
from n2d2 import errors
from pytorch_interoperability import function


def test_gradients_of_parameters_by_autograd_grad():
    def script(model, is_ours):
        for i in range(2):
            x, y = digit_batch(i)
            x.requires_grad_()
            found = torch.autograd.grad(cross_entropy(model(x), y), [x, *model.parameters()])
            yield dict(enumerate(found))

    assert_alike(script, update="torch")


def test_several_forwards_before_one_backward_and_a_kept_graph():
    def script(model, is_ours):
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for i in range(3):
            optimizer.zero_grad()
            (x1, y1), (x2, y2), (x3, y3) = digit_batch(i), digit_batch(i + 1, 5), digit_batch(i + 2, 20)
            first, second, third = model(x1), model(x2), model(x3)
            loss = cross_entropy(first, y1) + 0.5 * cross_entropy(third, y3)
            loss.backward(retain_graph=True)
            cross_entropy(second, y2).backward()
            first.square().mean().backward()  # the first forward's graph, once more
            gradients = {f"gradient {n}": p.grad.clone() for n, p in model.named_parameters()}
            optimizer.step()
            yield state_of(model, **gradients)

    assert_alike(script, update="torch")


def test_a_graph_that_was_not_kept():
    block = interop.wrap(digit_net(), SHAPE, update="torch")
    x, y = digit_batch(0)
    loss = cross_entropy(block(x), y)
    loss.backward(retain_graph=True)
    loss.backward(retain_graph=True)
    loss.backward()
    assert block._engine().network.pending == 0
    with pytest.raises(RuntimeError, match="second time"):  # torch's own words, as its part of the graph is gone too
        loss.backward()
    out = block(x)
    out.backward(torch.ones_like(out))
    with pytest.raises((errors.StateError, RuntimeError), match="second time|used by a backward"):
        out.backward(torch.ones_like(out))


def test_a_torch_that_does_not_say_whether_graphs_are_kept(monkeypatch):
    monkeypatch.setattr(function, "_keeps_graph", function._never)
    block = interop.wrap(digit_net(), SHAPE, update="torch")
    out = block(digit_batch(0)[0]).sum()
    out.backward(retain_graph=True)
    with pytest.raises(errors.StateError, match="used by a backward already"):
        out.backward()


def test_an_exception_in_backward_leaves_nothing_behind():
    class Broken(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, g):
            raise OSError("broken")

    net = digit_net()
    reference = copy.deepcopy(net)
    block = interop.wrap(net, SHAPE, solver=n2d2.solver.SGD(0.1))
    (x1, y1), (x2, y2) = digit_batch(0), digit_batch(1)
    x2.requires_grad_()
    with pytest.raises(OSError, match="broken"):
        (cross_entropy(block(Broken.apply(x2)), y2) + cross_entropy(block(x1), y1)).backward()
    for a, b in zip(net.parameters(), reference.parameters(), strict=True):
        assert torch.equal(a, b)
    net.load_state_dict(reference.state_dict())
    cross_entropy(block(x1), y1).backward()
    cross_entropy(reference(x1), y1).backward()
    torch.optim.SGD(reference.parameters(), 0.1).step()
    for p, q in zip(net.parameters(), reference.parameters(), strict=True):
        assert torch.allclose(p, q, atol=2e-6)


def _write(net, x):
    with torch.no_grad():
        net[7].weight.mul_(1.5)


CHANGES = {
    "written in place": _write,
    "loaded": lambda net, x: net.load_state_dict(digit_net(3).state_dict()),
    "other memory": lambda net, x: setattr(net[7].weight, "data", torch.ones(10, 16)),
    "an optimizer's step": lambda net, x: torch.optim.SGD([net[7].weight.requires_grad_()], 0.1).step(lambda: net(x).sum().backward()),
}


@pytest.mark.parametrize("update", ["n2d2", "torch"])
@pytest.mark.parametrize("name", CHANGES)
def test_weights_changed_between_forward_and_backward_are_noticed(name, update):
    net = digit_net()
    block = interop.wrap(net, SHAPE, update=update)
    x, y = digit_batch(0)
    loss = cross_entropy(block(x), y)
    CHANGES[name](net, x)
    with pytest.raises(errors.StateError, match=r"outdated weights: '7\.weight'|outdated weights: '0\.weight'"):
        loss.backward()
    net.zero_grad()
    cross_entropy(block(x), y).backward()


def test_a_layer_replaced_between_forward_and_backward():
    """The backward is that of the layer which computed."""

    def script(model, is_ours):
        last = model[7]
        x, y = digit_batch(0)
        loss = cross_entropy(model(x), y)
        torch.manual_seed(9)
        model[7] = nn.Linear(16, 10)
        other = cross_entropy(model(x), y)
        loss.backward()
        other.backward()
        new = dict(model[7].named_parameters())
        yield {n: p.grad for n, p in [*model.named_parameters(), *last.named_parameters(), *new.items()]}
        assert last.weight.grad is not None

    assert_alike(script, update="torch")
