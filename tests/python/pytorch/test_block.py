"""What a Block does in a user's script."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch_nets import Tutorial

import n2d2
import pytorch_interoperability as interop

criterion = nn.CrossEntropyLoss()


def small(seed: int = 0) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4))


def batch(rows: int = 5) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(rows, 6), torch.randint(0, 4, (rows,))


def assert_same_weights(a: nn.Module, b: nn.Module, tolerance: float = 1e-6) -> None:
    for (name, p), q in zip(a.named_parameters(), b.parameters(), strict=True):
        assert torch.allclose(p, q, atol=tolerance), name


def test_backward_updates_and_a_torch_optimizer_is_harmless():
    net = small()
    reference = copy.deepcopy(net)
    block = interop.wrap(net, (5, 6))
    block.set_solver(n2d2.solver.SGD(0.1))
    harmless = torch.optim.AdamW(block.parameters(), lr=1.0, weight_decay=0.5)
    optimizer = torch.optim.SGD(reference.parameters(), 0.1)
    for _ in range(3):
        x, y = batch()
        harmless.zero_grad()
        criterion(block(x), y).backward()
        harmless.step()
        optimizer.zero_grad()
        criterion(reference(x), y).backward()
        optimizer.step()
    assert_same_weights(net, reference)
    assert all(p.grad is None for p in block.parameters())


def test_names_and_state_dict_are_the_original_ones():
    net = Tutorial()
    block = interop.wrap(net, (4, 3, 32, 32))
    assert [n for n, _ in block.named_parameters()] == [n for n, _ in net.named_parameters()]
    assert all(a is b for a, b in zip(block.parameters(), net.parameters(), strict=True))
    assert block.state_dict().keys() == net.state_dict().keys()
    other = Tutorial()
    block.load_state_dict(other.state_dict())
    x = torch.randn(3, 3, 32, 32)
    with torch.no_grad():
        assert torch.allclose(block(x), other(x), atol=1e-5)
    assert block.conv1 is net.conv1


@pytest.mark.parametrize("assign", [False, True])
def test_weights_written_by_others_are_seen(assign):
    net, other = small(), small(1)
    block = interop.wrap(net, (5, 6))
    block.load_state_dict(other.state_dict(), assign=assign)
    x, y = batch()
    assert torch.allclose(block(x), other(x), atol=1e-6)
    net[0].weight.data.numpy()[:] = 0
    block.refresh()
    with torch.no_grad():
        assert torch.allclose(block(x), net(x), atol=1e-6)
    criterion(block(x), y).backward()


def test_weights_written_in_place_are_seen_in_evaluation():
    net = small().eval()
    block = interop.wrap(net, (5, 6))
    x, _ = batch()
    for write in (lambda: net[0].weight.detach().mul_(2), lambda: net[2].weight.detach().add_(1), lambda: nn.init.zeros_(net[0].weight)):
        block(x)
        write()
        assert torch.allclose(block(x), net(x), atol=1e-6)
    net[2].weight.data.numpy()[:] = 3  # behind torch's back: said by refresh() or a change of mode
    block.train().eval()
    assert torch.allclose(block(x), net(x), atol=1e-6)


def test_cells_follow_weights_that_moved():
    net = small()
    block = interop.wrap(net, (5, 6))
    deepnet = block.get_block()
    net[0].weight.data = torch.ones(8, 6)
    assert np.array_equal(deepnet["0"].get_weights()["0.weight"], np.ones((8, 6)))
    deepnet["0"].set_weights({"0.weight": np.full((8, 6), 2.0)})
    assert torch.equal(net[0].weight.detach(), torch.full((8, 6), 2.0))
    x, y = batch()
    deepnet.step(x.numpy(), y.numpy(), n2d2.loss.CrossEntropy())
    assert not torch.equal(net[2].weight, small()[2].weight)


def test_any_batch_size_no_grad_and_eval():
    net = small()
    block = interop.wrap(net, (2, 6))
    for rows in (1, 7, 128, 200, 3):
        x = torch.randn(rows, 6)
        with torch.no_grad():
            assert torch.allclose(block(x), net(x), atol=1e-6)
        assert block(x).requires_grad
    block.eval()
    assert not net.training
    block.train()
    assert net.training


def test_empty_batch_gives_what_torch_gives():
    net = small()
    block = interop.wrap(net, (2, 6))
    assert block(torch.zeros(0, 6)).shape == (0, 4)


def test_used_twice_in_one_loss_updates_once():
    net = small()
    reference = copy.deepcopy(net)
    block = interop.wrap(net, (5, 6), solver=n2d2.solver.SGD(0.1))
    (x1, y1), (x2, y2) = batch(), batch(3)
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
    x, y = batch()
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
        x, y = batch()
        for model, opt in ((outer, optimizer), (reference, expected)):
            opt.zero_grad()
            criterion(model(x), y).backward()
            opt.step()
    assert_same_weights(outer, reference)


def test_a_backward_over_outdated_weights_is_refused():
    block = interop.wrap(small(), (5, 6))
    (x1, y1), (x2, y2) = batch(), batch()
    first, second = criterion(block(x1), y1), criterion(block(x2), y2)
    first.backward()
    with pytest.raises(n2d2.errors.StateError, match="outdated weights"):
        second.backward()
    criterion(block(x1), y1).backward()  # and the Block goes on


def test_two_pending_forwards_in_torch_mode():
    net = small()
    reference = copy.deepcopy(net)
    block = interop.wrap(net, (5, 6), update="torch")
    (x1, y1), (x2, y2) = batch(), batch(2)
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
    x, y = batch()
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
    x, y = batch()
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
    x, y = batch()
    criterion(block(x), y).backward()
    assert torch.equal(net[0].weight, before)
    after = net[2].weight.clone()
    block.requires_grad_(False)
    assert not block(x).requires_grad
    assert torch.equal(net[2].weight, after)


def test_dropout_repeats_with_the_seed_and_stops_in_eval():
    net = nn.Sequential(nn.Linear(6, 50), nn.Dropout(0.5), nn.Linear(50, 4))
    block = interop.wrap(net, (5, 6))
    x, _ = batch()
    torch.manual_seed(7)
    a = block(x)
    torch.manual_seed(7)
    b = block(x)
    c = block(x)
    assert torch.equal(a, b)
    assert not torch.equal(a, c)
    block.eval()
    assert torch.allclose(block(x), net(x), atol=1e-6)


def test_layers_by_number():
    net = small()
    block = interop.wrap(net, (5, 6))
    assert block[0] is net[0]
    assert list(block) == list(net)
    block[1] = nn.Tanh()
    x, _ = batch()
    assert torch.allclose(block(x), net(x), atol=1e-6)
    with pytest.raises(TypeError, match="subscriptable"):
        interop.wrap(nn.Linear(6, 4), (5, 6))[0]


def test_deepcopy_and_pickle():
    block = interop.wrap(small(), (5, 6))
    x, y = batch()
    for twin in (copy.deepcopy(block), pickle.loads(pickle.dumps(block))):
        assert torch.allclose(twin(x), block(x), atol=1e-6)
        before = block(x).detach()
        criterion(twin(x), y).backward()
        assert torch.equal(block(x), before)


def test_forwards_without_backward_leave_no_state():
    block = interop.wrap(small(), (5, 6))
    x, _ = batch()
    for _ in range(50):
        y = block(x)
    assert block._engine().network.pending == 1
    del y
    assert block._engine().network.pending == 0


def test_multiple_inputs_and_outputs():
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.a, self.b = nn.Linear(3, 4), nn.Linear(5, 4)

        def forward(self, x, y):
            s = torch.tanh(self.a(x)) + self.b(y)
            return {"sum": s, "parts": (F.relu(s), s * 2)}

    net = Two()
    block = interop.wrap(net, [(4, 3), (4, 5)], update="torch")
    x, y = torch.randn(6, 3), torch.randn(6, 5)
    ours, theirs = block(x, y), net(x, y)
    assert torch.allclose(ours["sum"], theirs["sum"], atol=1e-6)
    assert torch.allclose(ours["parts"][1], theirs["parts"][1], atol=1e-6)
    (ours["parts"][0].sum() + ours["sum"].square().sum()).backward()
    mine = [p.grad.clone() for p in net.parameters()]
    net.zero_grad()
    (theirs["parts"][0].sum() + theirs["sum"].square().sum()).backward()
    for g, p in zip(mine, net.parameters(), strict=True):
        assert torch.allclose(g, p.grad, atol=1e-5)


def test_nan_passes_through():
    block = interop.wrap(small(), (5, 6))
    x, _ = batch()
    x[1, 2] = float("nan")
    out = block(x)
    assert torch.isnan(out[1]).all()
    assert not torch.isnan(out[0]).any()


def test_get_block_and_summary(capsys):
    net = Tutorial()
    block = interop.wrap(net, (4, 3, 32, 32))
    deepnet = block.get_block()
    assert [c.type for c in deepnet if c.name in ("conv1", "fc3")] == ["Conv", "Gemm"]
    assert np.array_equal(deepnet["conv1"].get_weights()["conv1.weight"], net.conv1.weight.detach().numpy())
    assert deepnet["conv1"].macs == 28 * 28 * 6 * 75
    block.set_solver(n2d2.solver.Adam())
    block.summary()
    text = capsys.readouterr().out
    assert "Adam" in text
    assert "conv2" in text
    assert "n2d2" in repr(block)


def test_tensors_convert_without_a_copy():
    t = torch.arange(6.0).reshape(2, 3)
    n = interop.to_n2d2(t)
    n[0, 0] = 42
    assert t[0, 0] == 42
    back = interop.to_torch(n)
    back[1, 1] = -1
    assert t[1, 1] == -1
    assert interop.to_n2d2(t.T).shape == (3, 2)
