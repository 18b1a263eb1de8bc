"""A network that is changed between steps computes, and learns, what plain torch does after the same change."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn as nn

import n2d2
import pytorch_interoperability as interop
from pytorch_interoperability import function

criterion = nn.CrossEntropyLoss()


def make() -> nn.Sequential:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, 8), nn.Dropout(0.0), nn.ReLU(), nn.Linear(8, 4))
    other = nn.BatchNorm1d(8)
    other.running_mean.fill_(0.3)
    net[1].load_state_dict(other.state_dict())
    return net


class Doubled(nn.Module):
    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight * 2


def linear(inputs: int, outputs: int) -> nn.Linear:
    torch.manual_seed(1)
    return nn.Linear(inputs, outputs)


def batches(count: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
    torch.manual_seed(2)
    return [(torch.randn(5, 6), torch.randint(0, 4, (5,))) for _ in range(count)]


def load_assigned(net: nn.Module) -> None:
    torch.manual_seed(3)
    net.load_state_dict({k: torch.randn(v.shape).abs() if v.is_floating_point() else v for k, v in net.state_dict().items()}, assign=True)


def set_data(net: nn.Module) -> None:
    net[3].weight.data = torch.full((8, 8), 0.1)


def write_by_numpy(net: nn.Module) -> None:
    net[0].weight.detach().numpy()[:] *= 0.5


def replace_parameter(net: nn.Module) -> None:
    net[0].weight = nn.Parameter(torch.full((8, 6), 0.2))


def replace_buffer(net: nn.Module) -> None:
    net[1].running_mean = torch.full((8,), 0.7)


def replace_module(net: nn.Module) -> None:
    net[3] = linear(8, 8)


def append_module(net: nn.Module) -> None:
    net.append(nn.Tanh())


def tie(net: nn.Module) -> None:
    net[0].bias = net[3].bias


def reparametrize(net: nn.Module) -> None:
    nn.utils.parametrize.register_parametrization(net[3], "weight", Doubled())


CHANGES = {
    "freeze a layer": lambda net: net[0].requires_grad_(False),
    "freeze one parameter": lambda net: net[3].bias.requires_grad_(False),
    "freeze all": lambda net: net.requires_grad_(False),
    "evaluate a sub-module": lambda net: net[1].eval(),
    "evaluate all": lambda net: net.eval(),
    "evaluate all but a sub-module": lambda net: (net.eval(), net[1].train()),
    "momentum of the statistics": lambda net: setattr(net[1], "momentum", 0.5),
    "load_state_dict": lambda net: net.load_state_dict({k: v * 0 + 0.1 for k, v in net.state_dict().items()}),
    "load_state_dict, assigned": load_assigned,
    "data set": set_data,
    "written by NumPy": write_by_numpy,
    "parameter replaced": replace_parameter,
    "buffer replaced": replace_buffer,
    "module replaced": replace_module,
    "module appended": append_module,
    "parameters tied": tie,
    "parameter made of others": reparametrize,
}


def step(net: nn.Module, x: torch.Tensor, y: torch.Tensor, rate: float) -> torch.Tensor:
    out = net(x)
    if out.requires_grad:
        criterion(out, y).backward()
    if rate > 0:
        with torch.no_grad():
            for p in net.parameters():
                if p.grad is not None:
                    p -= rate * p.grad
                    p.grad = None
    return out.detach()


COUNTERS = {
    "replaced": lambda norm: setattr(norm, "num_batches_tracked", torch.tensor(7)),
    "other memory": lambda norm: setattr(norm.num_batches_tracked, "data", torch.tensor(7)),
    "written": lambda norm: norm.num_batches_tracked.fill_(7),
    "written by NumPy": lambda norm: norm.num_batches_tracked.numpy().fill(7),
    "another type": lambda norm: setattr(norm, "num_batches_tracked", torch.tensor(7.0)),
    "part of another": lambda norm: setattr(norm, "num_batches_tracked", torch.arange(9)[7]),
}


@pytest.mark.parametrize("name", COUNTERS)
def test_a_counter_of_batches_is_followed(name):
    net = make()
    block = interop.wrap(net, (5, 6))
    x = torch.randn(5, 6)
    block(x)
    before = net[1].num_batches_tracked
    version = before._version
    block(x)
    assert before.item() == 2
    assert before._version > version, "as when torch itself counts"
    COUNTERS[name](net[1])
    block(x)
    assert net[1].num_batches_tracked.item() == 8
    assert before.item() == (2 if net[1].num_batches_tracked is not before else 8)
    block.eval()(x)
    assert net[1].num_batches_tracked.item() == 8
    block.train()
    with torch.no_grad():
        block(x)
    assert net[1].num_batches_tracked.item() == 9


@pytest.mark.parametrize("update", ["n2d2", "torch"])
@pytest.mark.parametrize("name", CHANGES)
def test_a_change_between_steps(name, update):
    net = make()
    reference = copy.deepcopy(net).double()
    block = interop.wrap(net, (5, 6), update=update, solver=n2d2.solver.SGD(0.1) if update == "n2d2" else None)
    for i, (x, y) in enumerate(batches(4)):
        if i == 2:
            CHANGES[name](net)
            CHANGES[name](reference)
            reference.double()
        out = step(block, x, y, 0.1 if update == "torch" else 0.0)
        expected = step(reference, x.double(), y, 0.1)
        assert torch.allclose(out.double(), expected, atol=2e-6), i
        for (key, mine), theirs in zip(net.state_dict().items(), reference.state_dict().values(), strict=True):
            assert torch.allclose(mine.double(), theirs.double(), atol=2e-6), (i, key)


def test_changes_taken_back():
    net = make()
    reference = copy.deepcopy(net)
    block = interop.wrap(net, (5, 6), solver=n2d2.solver.SGD(0.1))
    changes = [
        lambda n: n[0].requires_grad_(False),
        lambda n: n[0].requires_grad_(True),
        lambda n: n.eval(),
        lambda n: n.train(),
        lambda n: n[1].eval(),
        lambda n: n.requires_grad_(False),
        lambda n: n.train(),
        lambda n: n.requires_grad_(True),
    ]
    for change, (x, y) in zip(changes, batches(len(changes)), strict=True):
        change(net)
        change(reference)
        assert torch.allclose(step(block, x, y, 0.0), step(reference, x, y, 0.1), atol=2e-6)
    for p, q in zip(net.parameters(), reference.parameters(), strict=True):
        assert torch.allclose(p, q, atol=2e-6)


def test_another_chance_of_dropout_is_seen():
    net = nn.Sequential(nn.Linear(6, 50), nn.Dropout(0.5))
    block = interop.wrap(net, (5, 6))
    x = torch.randn(5, 6)
    assert (block(x) == 0).any()
    net[1].p = 0.0
    assert not (block(x) == 0).any()


def test_dropout_in_evaluation():
    """Monte-Carlo dropout: everything in evaluation mode but the dropout."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 4000), nn.Dropout(0.3))
    block = interop.wrap(net, (5, 6)).eval()
    net[1].train()
    x = torch.randn(5, 6)
    with torch.no_grad():
        first, second = block(x), block(x)
        kept = net[0](x) / 0.7
    assert not torch.equal(first, second)
    assert abs(float((first == 0).float().mean()) - 0.3) < 0.02  # six standard deviations of 20,000 draws
    assert torch.allclose(first[first != 0], kept[first != 0], atol=2e-6)


def test_a_tie_that_is_broken_is_seen():
    net = nn.Sequential(nn.Linear(6, 6), nn.Linear(6, 6))
    net[1].weight = net[0].weight
    block = interop.wrap(net, (5, 6))
    net[1].weight = nn.Parameter(torch.ones(6, 6))
    x = torch.randn(5, 6)
    assert torch.allclose(block(x), net(x), atol=2e-6)


def test_a_change_of_extents_is_refused_and_can_be_taken_back():
    net = make()
    block = interop.wrap(net, (5, 6))
    x, _ = batches(1)[0]
    last, weight = net[6], net[0].weight.data
    net[6] = nn.Linear(8, 2)
    with pytest.raises(n2d2.errors.StateError, match="wrap it again"):
        block(x)
    net[6] = last
    block(x)
    net[0].weight.data = torch.ones(8, 5)
    with pytest.raises(n2d2.errors.ShapeError, match=r"'0.weight' changed its shape"):
        block(x)
    net[0].weight.data = weight
    block.eval()
    assert torch.allclose(block(x), net(x), atol=2e-6)


@pytest.mark.parametrize("update", ["n2d2", "torch"])
def test_inputs_that_are_not_contiguous(update):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 4))
    reference = copy.deepcopy(net)
    block = interop.wrap(net, (5, 3, 8, 8), update=update, solver=n2d2.solver.SGD(0.1) if update == "n2d2" else None)
    for _ in range(3):
        x = torch.randn(5, 3, 8, 8).to(memory_format=torch.channels_last).requires_grad_()
        y = torch.randint(0, 4, (5,))
        out = block(x)
        keep = [torch.full((5, 3, 8, 8), float("nan")) for _ in range(4)]  # would lie where a dropped copy lay
        criterion(out, y).backward()
        mine, x.grad = x.grad, None
        step(reference, x, y, 0.1)
        if update == "torch":
            with torch.no_grad():
                for p in net.parameters():
                    p -= 0.1 * p.grad
                    p.grad = None
        assert torch.allclose(mine, x.grad, atol=2e-6)
        del keep
    for p, q in zip(net.parameters(), reference.parameters(), strict=True):
        assert torch.allclose(p, q, atol=2e-6)


def test_other_default_dtypes_change_nothing():
    block = interop.wrap(make(), (5, 6))
    x, _ = batches(1)[0]
    before = block(x)
    torch.set_default_dtype(torch.float64)
    try:
        after = block(torch.cat([x, x]))
    finally:
        torch.set_default_dtype(torch.float32)
    assert after.dtype == torch.float32
    assert after.shape == (10, 4)
    assert torch.isfinite(after).all()
    assert before.dtype == torch.float32


@pytest.mark.parametrize("one_call", [True, False])
def test_gradients_returned_to_torch_are_its_own(one_call, monkeypatch):
    if not one_call:  # as a torch without this call
        monkeypatch.setattr(function, "_copies_of", function._copies)
    net = make().eval()
    block = interop.wrap(net, (5, 6), update="torch")
    (x1, y1), (x2, y2) = batches(2)
    parameters = list(net.parameters())
    first = torch.autograd.grad(criterion(block(x1), y1), parameters)
    kept = [g.clone() for g in first]
    torch.autograd.grad(criterion(block(x2), y2), parameters)
    assert all(torch.equal(a, b) for a, b in zip(first, kept, strict=True))
    (criterion(block(x1), y1) + criterion(block(x2), y2)).backward()
    expected = torch.autograd.grad(criterion(net(x1), y1) + criterion(net(x2), y2), parameters)
    assert all(torch.allclose(p.grad, g, atol=2e-6) for p, g in zip(parameters, expected, strict=True))
