"""What a Block is to a user's script: names, layers, copies, weights written by others, any batch, several outputs."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch_nets import Tutorial, small, small_batch

import n2d2
import pytorch_interoperability as interop

criterion = nn.CrossEntropyLoss()


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
    x, y = small_batch()
    assert torch.allclose(block(x), other(x), atol=1e-6)
    net[0].weight.data.numpy()[:] = 0
    block.refresh()
    with torch.no_grad():
        assert torch.allclose(block(x), net(x), atol=1e-6)
    criterion(block(x), y).backward()


def test_weights_written_in_place_are_seen_in_evaluation():
    net = small().eval()
    block = interop.wrap(net, (5, 6))
    x, _ = small_batch()
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
    x, y = small_batch()
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


def test_dropout_repeats_with_the_seed_and_stops_in_eval():
    net = nn.Sequential(nn.Linear(6, 50), nn.Dropout(0.5), nn.Linear(50, 4))
    block = interop.wrap(net, (5, 6))
    x, _ = small_batch()
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
    x, _ = small_batch()
    assert torch.allclose(block(x), net(x), atol=1e-6)
    with pytest.raises(TypeError, match="subscriptable"):
        interop.wrap(nn.Linear(6, 4), (5, 6))[0]


def test_deepcopy_and_pickle():
    block = interop.wrap(small(), (5, 6))
    x, y = small_batch()
    for twin in (copy.deepcopy(block), pickle.loads(pickle.dumps(block))):
        assert torch.allclose(twin(x), block(x), atol=1e-6)
        before = block(x).detach()
        criterion(twin(x), y).backward()
        assert torch.equal(block(x), before)


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
    x, _ = small_batch()
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
