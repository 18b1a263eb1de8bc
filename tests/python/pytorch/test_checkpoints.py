"""Inputs that torch does not keep: checkpoints, hooks that save tensors elsewhere."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn as nn
from torch.utils.checkpoint import checkpoint, set_checkpoint_early_stop
from torch_twins import SHAPE, assert_alike, cross_entropy, digit_batch, digit_net, state_of

import n2d2
import pytorch_interoperability as interop
from n2d2 import errors


@pytest.mark.parametrize("update", ["n2d2", "torch"])
@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpoint_around_a_block(update, reentrant):
    def script(model, is_ours):
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for i in range(3):
            x, y = digit_batch(i)
            x.requires_grad_()
            optimizer.zero_grad()
            cross_entropy(checkpoint(model, x, use_reentrant=reentrant), y).backward()
            optimizer.step()
            yield state_of(model, x=x.grad)
        assert not is_ours or model._engine().network.pending == 0

    assert_alike(script, update=update, **({"solver": n2d2.solver.SGD(0.1)} if update == "n2d2" else {}))


@pytest.mark.parametrize("reentrant", [False, True])
def test_checkpoint_repeats_the_dropout(reentrant):
    torch.manual_seed(1)
    net = nn.Sequential(nn.Flatten(), nn.Linear(64, 40), nn.Dropout(0.5), nn.Linear(40, 10))
    block = interop.wrap(net, SHAPE, update="torch")
    x, y = digit_batch(0)
    x.requires_grad_()
    found = []
    for run in (block, lambda x: checkpoint(block, x, use_reentrant=reentrant)):
        torch.manual_seed(5)
        cross_entropy(run(x), y).backward()
        found.append([p.grad.clone() for p in net.parameters()])
        net.zero_grad()
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize("inner_first", [False, True])
def test_a_block_inside_and_outside_a_reentrant_checkpoint_is_refused(inner_first):
    """torch runs the inside as a backward pass of its own, at whose end the update would come too early."""
    net = digit_net()
    reference = copy.deepcopy(net)
    block = interop.wrap(net, SHAPE, solver=n2d2.solver.SGD(0.1))
    (x1, y1), (x2, y2) = digit_batch(0), digit_batch(1)
    for x in (x1, x2):
        x.requires_grad_()

    def outside(model):
        return cross_entropy(model(x1), y1)

    def inside(model, reentrant):
        return cross_entropy(checkpoint(model, x2, use_reentrant=reentrant), y2)

    def loss(model, reentrant):
        first, second = (outside(model), inside(model, reentrant)) if inner_first else (inside(model, reentrant), outside(model))
        return first + second

    refused = loss(block, True)
    with pytest.raises(errors.StateError, match="outdated weights" if inner_first else "use_reentrant=False"):
        refused.backward()
    net.load_state_dict(reference.state_dict())
    loss(block, False).backward()
    optimizer = torch.optim.SGD(reference.parameters(), 0.1)
    loss(reference, False).backward()
    optimizer.step()
    for p, q in zip(net.parameters(), reference.parameters(), strict=True):
        assert torch.allclose(p, q, atol=2e-6)


def _doubled(model, x):
    return model(torch.relu(x) * 2 - 0.5)


SAVERS = {
    "checkpoint": lambda model, x: checkpoint(_doubled, model, x, use_reentrant=False),
    "checkpoint without early stop": lambda model, x: _fully_recomputed(model, x),
    "save_on_cpu": lambda model, x: _under(torch.autograd.graph.save_on_cpu(), model, x),
    "hooks": lambda model, x: _under(torch.autograd.graph.saved_tensors_hooks(torch.clone, torch.clone), model, x),
}


def _fully_recomputed(model, x):
    with set_checkpoint_early_stop(False):
        return checkpoint(_doubled, model, x, use_reentrant=False)


def _under(context, model, x):
    with context:
        return _doubled(model, x)


@pytest.mark.parametrize("update", ["n2d2", "torch"])
@pytest.mark.parametrize("name", SAVERS)
def test_inputs_that_are_saved_elsewhere(name, update):
    """The Block's input is gone after the forward; torch hands its backward a copy."""

    def script(model, is_ours):
        optimizer = torch.optim.SGD(model.parameters(), 0.1)
        for i in range(3):
            x, y = digit_batch(i)
            x.requires_grad_()
            optimizer.zero_grad()
            loss = cross_entropy(SAVERS[name](model, x), y)
            keep = [torch.full(SHAPE, float("nan")) for _ in range(8)]  # would lie where the input lay
            loss.backward()
            del keep
            optimizer.step()
            yield state_of(model, x=x.grad)

    assert_alike(script, update=update, **({"solver": n2d2.solver.SGD(0.1)} if update == "n2d2" else {}))
