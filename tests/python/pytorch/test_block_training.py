"""What a Block's backward does in a user's script: which weights are updated, when, and by which gradients."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn as nn
from torch_nets import assert_same_weights, small, small_batch

import n2d2
import pytorch_interoperability as interop

criterion = nn.CrossEntropyLoss()


def test_backward_updates_and_a_torch_optimizer_is_harmless():
    net = small()
    reference = copy.deepcopy(net)
    block = interop.wrap(net, (5, 6))
    block.set_solver(n2d2.solver.SGD(0.1))
    harmless = torch.optim.AdamW(block.parameters(), lr=1.0, weight_decay=0.5)
    optimizer = torch.optim.SGD(reference.parameters(), 0.1)
    for _ in range(3):
        x, y = small_batch()
        harmless.zero_grad()
        criterion(block(x), y).backward()
        harmless.step()
        optimizer.zero_grad()
        criterion(reference(x), y).backward()
        optimizer.step()
    assert_same_weights(net, reference)
    assert all(p.grad is None for p in block.parameters())


def test_used_twice_in_one_loss_updates_once():
    net = small()
    reference = copy.deepcopy(net)
    block = interop.wrap(net, (5, 6), solver=n2d2.solver.SGD(0.1))
    (x1, y1), (x2, y2) = small_batch(), small_batch(3)
    (criterion(block(x1), y1) + criterion(block(x2), y2)).backward()
    optimizer = torch.optim.SGD(reference.parameters(), 0.1)
    (criterion(reference(x1), y1) + criterion(reference(x2), y2)).backward()
    optimizer.step()
    assert_same_weights(net, reference)
    assert block._engine().network.update_count == 1


def test_two_blocks_in_one_loss():
    a, b = small(), nn.Linear(4, 4)
    ra, rb = copy.deepcopy(a), copy.deepcopy(b)
    wa, wb = interop.wrap(a, (5, 6), solver=n2d2.solver.SGD(0.1)), interop.wrap(b, (5, 4), solver=n2d2.solver.SGD(0.1))
    x, y = small_batch()
    criterion(wb(wa(x)), y).backward()
    optimizer = torch.optim.SGD([*ra.parameters(), *rb.parameters()], 0.1)
    criterion(rb(ra(x)), y).backward()
    optimizer.step()
    assert_same_weights(a, ra)
    assert_same_weights(b, rb)


def test_inside_a_larger_model_with_gradient_to_its_input():
    head, tail = nn.Linear(6, 6), nn.Linear(4, 4)
    inner = small()
    reference = copy.deepcopy(nn.Sequential(head, inner, tail))
    outer = nn.Sequential(head, interop.wrap(inner, (5, 6), solver=n2d2.solver.SGD(0.1)), tail)
    optimizer = torch.optim.SGD(outer.parameters(), 0.1)
    expected = torch.optim.SGD(reference.parameters(), 0.1)
    for _ in range(3):
        x, y = small_batch()
        for model, opt in ((outer, optimizer), (reference, expected)):
            opt.zero_grad()
            criterion(model(x), y).backward()
            opt.step()
    assert_same_weights(outer, reference)


def test_a_backward_over_outdated_weights_is_refused():
    block = interop.wrap(small(), (5, 6))
    (x1, y1), (x2, y2) = small_batch(), small_batch()
    first, second = criterion(block(x1), y1), criterion(block(x2), y2)
    first.backward()
    with pytest.raises(n2d2.errors.StateError, match="outdated weights"):
        second.backward()
    criterion(block(x1), y1).backward()  # and the Block goes on


def test_two_pending_forwards_in_torch_mode():
    net = small()
    reference = copy.deepcopy(net)
    block = interop.wrap(net, (5, 6), update="torch")
    (x1, y1), (x2, y2) = small_batch(), small_batch(2)
    for model in (block, reference):
        first, second = criterion(model(x1), y1), criterion(model(x2), y2)
        second.backward()
        first.backward()
    for p, q in zip(net.parameters(), reference.parameters(), strict=True):
        assert torch.allclose(p.grad, q.grad, atol=1e-6)


def test_autograd_grad_does_not_train_and_leaves_nothing_behind():
    net = small()
    reference = copy.deepcopy(net)
    block = interop.wrap(net, (5, 6), solver=n2d2.solver.SGD(0.1))
    x, y = small_batch()
    x.requires_grad_()
    (gradient,) = torch.autograd.grad(criterion(block(x), y), x)
    (expected,) = torch.autograd.grad(criterion(reference(x), y), x)
    assert torch.allclose(gradient, expected, atol=1e-6)
    assert_same_weights(net, reference, 0.0)
    criterion(block(x), y).backward()
    torch.optim.SGD(reference.parameters(), 0.1)
    criterion(reference(x), y).backward()
    with torch.no_grad():
        for p in reference.parameters():
            p -= 0.1 * p.grad
    assert_same_weights(net, reference)


def test_a_penalty_on_the_parameters_counts():
    net = small()
    reference = copy.deepcopy(net)
    block = interop.wrap(net, (5, 6), solver=n2d2.solver.SGD(0.1))
    x, y = small_batch()
    optimizer = torch.optim.SGD(reference.parameters(), 0.1)
    for model in (block, reference):
        loss = criterion(model(x), y) + 0.1 * sum(p.square().sum() for p in model.parameters())
        loss.backward()
    optimizer.step()
    assert_same_weights(net, reference)
    assert all(p.grad is None for p in net.parameters())


def test_frozen_layers_stay():
    net = small()
    net[0].requires_grad_(False)
    before = net[0].weight.clone()
    block = interop.wrap(net, (5, 6))
    x, y = small_batch()
    criterion(block(x), y).backward()
    assert torch.equal(net[0].weight, before)
    after = net[2].weight.clone()
    block.requires_grad_(False)
    assert not block(x).requires_grad
    assert torch.equal(net[2].weight, after)


def test_forwards_without_backward_leave_no_state():
    block = interop.wrap(small(), (5, 6))
    x, _ = small_batch()
    for _ in range(50):
        y = block(x)
    assert block._engine().network.pending == 1
    del y
    assert block._engine().network.pending == 0
