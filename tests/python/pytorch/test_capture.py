"""How forward may be called and written, and what the capture refuses because it would lose it."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from one_step import check_one_step, loss_of, tensors_of
from torch.utils.checkpoint import checkpoint

import pytorch_interoperability as interop
from n2d2 import errors


class Two(nn.Module):
    """Several inputs in several forms, a number, and results in a dict."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b = nn.Linear(4, 5), nn.Linear(3, 5)

    def forward(self, x, other, *, scale=1.0, shift=None):
        y = self.a(x) * scale + self.b(other["z"][0])
        if shift is not None:
            y = y + shift
        return {"y": y, "none": None, "pair": (y.relu(), 3), "moved": y.transpose(0, 1)}


def test_any_call_and_any_result():
    torch.manual_seed(0)
    net = Two()
    z = torch.randn(4, 3)
    block = interop.wrap(
        copy.deepcopy(net),
        example_inputs={"x": torch.randn(4, 4), "other": {"z": [z]}, "scale": 2.0, "shift": torch.randn(5)},
        update="torch",
    )
    gradients = []
    for rows in (7, 2):
        x, z, shift = torch.randn(rows, 4), torch.randn(rows, 3), torch.randn(5)
        for module in (net, block):
            module.zero_grad()
            ins = [t.clone().requires_grad_() for t in (x, z, shift)]
            result = module(ins[0], {"z": [ins[1]]}, scale=2.0, shift=ins[2])
            assert list(result) == ["y", "none", "pair", "moved"]
            assert result["none"] is None
            assert result["pair"][1] == 3
            loss_of(result).backward()
            gradients.append([*[t.grad for t in ins], *[p.grad for p in module.parameters()], *tensors_of(result)])
    for theirs, ours in (gradients[:2], gradients[2:]):
        torch.testing.assert_close(ours, theirs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda b, x, z: b(x), errors.TypeError, "other"),
        (lambda b, x, z: b(x, {"z": [z]}, scale=3.0), errors.ValueError, "2.0 at wrap is 3.0 now"),
        (lambda b, x, z: b(x, {"z": [z]}), errors.ValueError, "other arguments than at wrap"),
        (lambda b, x, z: b(x, {"z": [z[:3]]}, scale=2.0), errors.ShapeError, r"expected \[N, 3\]"),
        (lambda b, x, z: b(x, {"z": [z.double()]}, scale=2.0), errors.TypeError, "float64"),
    ],
)
def test_calls_that_do_not_fit(call, error, match):
    x, z = torch.randn(4, 4), torch.randn(4, 3)
    block = interop.wrap(Two(), example_inputs={"x": x, "other": {"z": [z]}, "scale": 2.0})
    with pytest.raises(error, match=match):
        call(block, x, z)
    assert block(x, {"z": [z]}, scale=2.0)["y"].shape == (4, 5)


def test_examples_that_do_not_fit():
    with pytest.raises(errors.TypeError, match="do not fit Two.forward"):
        interop.wrap(Two(), example_inputs=(torch.zeros(2, 4),))
    with pytest.raises(errors.ValueError, match="no tensor"):
        interop.wrap(nn.Linear(4, 4), example_inputs=(3,))


class Masked(nn.Module):
    """Tokens with a padding mask, computed inside and given."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(9, 6, padding_idx=0)
        self.fc = nn.Linear(6, 3)

    def forward(self, tokens, keep):
        x = self.embedding(tokens)
        inside = (tokens != 0).float().unsqueeze(-1)
        mean = (x * inside).sum(1) / inside.sum(1).clamp(min=1)
        return self.fc(mean + torch.where(keep.unsqueeze(-1), x, -1.0).amax(1))


def test_whole_numbers_and_masks_as_inputs():
    torch.manual_seed(1)
    check_one_step(Masked(), torch.randint(0, 9, (5, 4)), torch.rand(5, 4) > 0.3)


def test_an_input_without_a_batch():
    class Biased(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, x, table):
            return self.fc(x) @ table

    torch.manual_seed(2)
    check_one_step(Biased(), torch.randn(3, 4), torch.randn(4, 6))


class WithConstants(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(4, 4)
        self.register_buffer("allowed", torch.tensor([1.0, 0.0, 1.0, 1.0]))
        self.register_buffer("order", torch.tensor([3, 1, 0]))

    def forward(self, x):
        with torch.no_grad():
            scale = x.abs().mean(1, keepdim=True)
        y = self.fc(x).masked_fill(self.allowed == 0, -2.0) * scale
        return y.index_select(1, self.order) * torch.arange(1, 4)


def test_buffers_read_at_capture_are_watched():
    torch.manual_seed(3)
    net = WithConstants()
    x = torch.randn(3, 4)
    check_one_step(net, x)
    block = interop.wrap(copy.deepcopy(net), (3, 4))
    for module in (net, block):
        module.allowed[0] = 0.0
        module.order.copy_(torch.tensor([0, 1, 2]))
    torch.testing.assert_close(block(x), net(x))


def _written_buffer(net, x):
    net.total.add_(x.mean())
    return x * 2


def _stale_view(net, x):
    y = x * 2
    first = y[:, :2]
    y.add_(1)
    return first


def _written_view(net, x):
    y = x * 2
    y.view(-1).relu_()
    return y


def _hooked(net, x):
    y = net.fc(x)
    y.register_hook(lambda g: g * 0)
    return y


def _late(net, x):
    net.register_buffer("late", torch.ones(4))
    return x * net.late


@pytest.mark.parametrize(
    ("function", "match"),
    [
        (_written_buffer, "the buffer 'total' written in forward"),
        (_stale_view, "another view of the same tensor"),
        (_written_view, "another view of the same tensor"),
        (_hooked, "register_hook on a tensor"),
        (_late, "'late' registered in forward"),
        (lambda net, x: x[1:] * 2, "a part of the batch"),
        (lambda net, x: x[0] * 2, "a row of the batch"),
        (lambda net, x: torch.cat([x, x]), "the batch"),
        (lambda net, x: x.double() * 2, "torch.float64"),
        (lambda net, x: (net.fc(x), x > 0), "output of torch.bool"),
        (lambda net, x: x @ x.t(), "square of the batch"),
        (lambda net, x: F.one_hot((x[:, 0] > 0).long() + 1, 3) * x[:, :3], "torch.int64"),
        (lambda net, x: torch.add(x, x, out=torch.empty(0)), "out="),
    ],
)
def test_what_would_be_lost_is_refused(function, match):
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 4)
            self.register_buffer("total", torch.zeros(1))

        def forward(self, x):
            return function(self, x)

    net = Net()
    names = list(net.state_dict())
    with pytest.raises(errors.UnsupportedError, match=match):
        interop.wrap(net, (3, 4))
    assert list(net.state_dict()) == names


def test_in_place_operators_that_nobody_else_sees():
    class InPlace(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, x):
            y = self.fc(x)
            y += x
            y.mul_(2).clamp_(min=-1)
            z = y.view(-1, 2, 2)
            z.sigmoid_()
            return z * 3

    torch.manual_seed(4)
    check_one_step(InPlace(), torch.randn(3, 4))


def test_checkpoints_inside_run_as_plain_operators():
    class Saving(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, x):
            y = checkpoint(lambda t: torch.tanh(self.fc(t)), x, use_reentrant=False)
            return checkpoint(lambda t: self.fc(t).relu(), y, use_reentrant=reentrant)

    torch.manual_seed(6)
    reentrant = False
    check_one_step(Saving(), torch.randn(3, 4))
    reentrant = True
    with pytest.raises(errors.UnsupportedError, match="use_reentrant=True; use False"):
        interop.wrap(Saving(), (3, 4))


def test_problems_of_evaluation_come_with_eval():
    class Evaluated(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(4, 4)

        def forward(self, x):
            return self.fc(x) if self.training else torch.digamma(self.fc(x))

    block = interop.wrap(Evaluated(), (2, 4))
    with pytest.raises(errors.UnsupportedError, match="digamma"):
        block.eval()
    assert block.training
    assert block(torch.zeros(3, 4)).shape == (3, 4)


def test_spectral_norm_runs_in_evaluation_alone():
    net = nn.Sequential(nn.utils.parametrizations.spectral_norm(nn.Linear(4, 4)), nn.ReLU())
    with pytest.raises(errors.UnsupportedError, match=r"written in forward|functions with out="):  # the second is torch 2.6 itself
        interop.wrap(net, (2, 4))
    net.eval()
    x = torch.randn(5, 4)
    torch.testing.assert_close(interop.wrap(net, (2, 4))(x), net(x))


class Mixed(nn.Module):
    """Two supported parts around one that is not."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 8), nn.BatchNorm1d(8), nn.ReLU())
        self.odd = nn.Sequential(nn.Linear(8, 8), Odd())
        self.head = nn.Linear(8, 3)

    def forward(self, x):
        return self.head(F.relu(self.odd(self.body(x))))


class Odd(nn.Module):
    def forward(self, x):
        return torch.digamma(x.abs() + 1)


def test_unsupported_parts_may_stay_in_torch():
    torch.manual_seed(5)
    net = Mixed()
    twin = copy.deepcopy(net)
    with pytest.warns(UserWarning, match=r"left in PyTorch, of Mixed: the network itself .* 'odd.1' \(Odd\)"):
        mixed = interop.wrap(net, (4, 4), on_unsupported="torch", update="torch")
    assert isinstance(mixed.body, interop.Block)
    assert list(mixed.state_dict()) == list(twin.state_dict())
    assert not isinstance(net.body, interop.Block)
    x = torch.randn(6, 4)
    for module in (mixed, twin):
        optimizer = torch.optim.SGD(module.parameters(), 0.1)
        for _ in range(3):
            optimizer.zero_grad()
            module(x).square().mean().backward()
            optimizer.step()
    for name, value in twin.state_dict().items():
        torch.testing.assert_close(mixed.state_dict()[name], value, rtol=1e-4, atol=1e-5)
    assert isinstance(interop.wrap(nn.Linear(4, 4), (2, 4), on_unsupported="torch"), interop.Block)
