"""What bad input gets."""

from __future__ import annotations

import runpy

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F

import pytorch_interoperability as interop
from n2d2 import errors


class Odd(nn.Module):
    """What no engine will ever have."""

    def forward(self, x):
        return torch.digamma(x)


def test_unsupported_operators_are_listed_together_with_their_places():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Linear(4, 4)
            self.odd = Odd()

        def forward(self, x):
            return torch.polygamma(1, F.relu(self.odd(self.first(x))))

    with pytest.raises(errors.UnsupportedError) as caught:
        interop.wrap(Net(), (2, 4))
    text = str(caught.value)
    assert "digamma (in 'odd', test_errors.py:" in text
    assert "polygamma" in text
    assert "relu" not in text
    assert isinstance(caught.value, NotImplementedError)


def test_an_older_torch_is_refused(monkeypatch):
    monkeypatch.setattr(torch, "__version__", "2.5.1+cpu")
    with pytest.raises(errors.UnsupportedError, match=r"needs torch 2.6 or newer, this is 2.5.1\+cpu; pip install --upgrade torch"):
        runpy.run_module("pytorch_interoperability.older_torch")


def test_what_follows_from_a_problem_is_not_listed():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.odd = Odd()

        def forward(self, x):
            return F.relu(torch.sort(x, 1)[0][:, -1] + self.odd(x)[:, 0])

    with pytest.raises(errors.UnsupportedError, match="sort") as caught:
        interop.wrap(Net(), (2, 3, 4))
    assert "digamma" in str(caught.value)
    assert all(word not in str(caught.value) for word in ("getitem", "relu", "select", "add"))


def test_data_dependent_python_is_refused(capfd):
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.l = nn.Linear(4, 4)

        def forward(self, x):
            return self.l(x) if x.sum() > 0 else x

    with pytest.raises(errors.UnsupportedError, match=r"cannot be captured.*\(test_errors.py:\d+\)"):
        interop.wrap(Net(), (2, 4))
    assert capfd.readouterr().err == ""


def test_sizes_that_do_not_fit_name_the_module():
    net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Flatten(), nn.Linear(8 * 30 * 30, 10))
    with pytest.raises(
        errors.UnsupportedError, match=r"captured: '2' \(Linear\): RuntimeError[^\n]*\n.*\(3, 32, 32\) with the batch first"
    ):
        interop.wrap(net, (3, 32, 32))


def test_custom_autograd_functions_are_refused():
    class Sign(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return torch.relu(x)

        @staticmethod
        def backward(ctx, g):
            return g

    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.l = nn.Linear(4, 4)

        def forward(self, x):
            return Sign.apply(self.l(x))

    with pytest.raises(errors.UnsupportedError, match="Sign"):
        interop.wrap(Net(), (2, 4))


@pytest.mark.parametrize(
    ("shape", "match"),
    [((2, 1, 8, 8), r"expected \[N, 3, 8, 8\]"), ((2, 3, 8), "conv"), ((2, 3, 8, 9), "got|has shape")],
)
def test_wrong_shapes_name_the_layer(shape, match):
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)

        def forward(self, x):
            return self.conv(x)

    block = interop.wrap(Net(), (2, 3, 8, 8))
    with pytest.raises(errors.ShapeError, match=match):
        block(torch.zeros(shape))
    assert block(torch.zeros(2, 3, 8, 8)).shape == (2, 4, 6, 6)


def test_wrong_dtypes():
    block = interop.wrap(nn.Linear(4, 4), (2, 4))
    with pytest.raises(errors.TypeError, match="float64"):
        block(torch.zeros(2, 4, dtype=torch.float64))
    with pytest.raises(errors.TypeError, match="list"):
        block([1.0])


def test_float64_modules_and_other_devices_are_refused():
    with pytest.raises(errors.UnsupportedError, match=r"float64; call \.float"):
        interop.wrap(nn.Linear(4, 4).double(), (2, 4))
    with pytest.raises(errors.UnsupportedError, match="meta"):
        interop.wrap(nn.Linear(4, 4, device="meta"), (2, 4))
    with pytest.raises(errors.UnsupportedError, match="lazy"):
        interop.wrap(nn.LazyLinear(4), (2, 4))


@pytest.mark.parametrize("size", [None, (), (0, 4), (2, -1), ("a",), (2.0, 4)])
def test_bad_input_sizes(size):
    with pytest.raises((errors.ValueError, TypeError, errors.UnsupportedError)):
        interop.wrap(nn.Linear(4, 4), size)


def test_other_bad_arguments():
    net = nn.Linear(4, 4)
    with pytest.raises(errors.TypeError, match="torch.nn.Module"):
        interop.wrap(lambda x: x, (2, 4))
    with pytest.raises(errors.ValueError, match="update"):
        interop.wrap(net, (2, 4), update="both")
    with pytest.raises(errors.TypeError, match="solver"):
        interop.wrap(net, (2, 4), solver="adam")
    block = interop.wrap(net, (2, 4))
    with pytest.raises(errors.ValueError, match="already; use it as it is"):
        interop.wrap(block, (2, 4))
    with pytest.raises(errors.TypeError, match=r"solver: expected one of n2d2\.solver"):
        block.set_solver(torch.optim.SGD(net.parameters(), 0.1))


def test_an_input_size_that_does_not_fit_the_network():
    with pytest.raises(errors.UnsupportedError, match="must take inputs of the given size"):
        interop.wrap(nn.Linear(4, 4), (2, 5))


def test_a_network_without_parameters_still_runs():
    class Net(nn.Module):
        def forward(self, x):
            return F.relu(x) * 2

    block = interop.wrap(Net(), (2, 4))
    x = torch.randn(3, 4, requires_grad=True)
    y = block(x)
    y.sum().backward()
    assert torch.equal(x.grad, (x > 0) * 2.0)


def test_examine_tells_without_wrapping(capsys):
    net = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    assert interop.examine(net, (2, 4)) == []
    printed = capsys.readouterr().out
    assert "Gemm" in printed
    assert "wrap takes it" in printed
    assert net.training
    problems = interop.examine(nn.Sequential(nn.Linear(4, 4), Odd()), (2, 4))
    assert len(problems) == 1
    assert problems[0].startswith("digamma (in '1', test_errors.py:")
    printed = capsys.readouterr().out
    assert "Gemm" in printed
    assert problems[0] in printed


def test_double_backward_is_refused():
    block = interop.wrap(nn.Linear(4, 4), (2, 4))
    x = torch.randn(2, 4, requires_grad=True)
    with pytest.raises(errors.UnsupportedError, match="create_graph"):
        torch.autograd.grad(block(x).sum(), x, create_graph=True)
