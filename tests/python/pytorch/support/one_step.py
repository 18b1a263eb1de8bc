"""One step of a network as named float64 arrays, in PyTorch or in n2d2, and the comparison of both."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import torch
import torch.nn as nn
from parity import assert_one_step_close, distance, shaken
from torch.utils import _pytree as pytree
from torch_nets import shaken_copy

import pytorch_interoperability as interop


def tensors_of(result: object) -> list[torch.Tensor]:
    """The tensors in a network's result."""
    return [leaf for leaf in pytree.tree_leaves(result) if isinstance(leaf, torch.Tensor)]


def loss_of(result: object) -> torch.Tensor:
    """Every output element times a number of its own."""
    weights = [torch.from_numpy(np.random.default_rng(i).standard_normal(t.shape)).to(t.dtype) for i, t in enumerate(tensors_of(result))]
    return sum(((t * w).sum() for t, w in zip(tensors_of(result), weights, strict=True)), torch.zeros(()))


def step(net: nn.Module, inputs: tuple[torch.Tensor, ...]) -> dict[str, np.ndarray]:
    """Outputs, gradients and buffers of a training step, then outputs in evaluation mode."""
    net.train()
    net.zero_grad()
    inputs = tuple(x.clone().requires_grad_() if x.is_floating_point() else x for x in inputs)
    result = net(*inputs)
    loss_of(result).backward()
    values = {f"output {i}": t for i, t in enumerate(tensors_of(result))}
    values |= {f"gradient of input {i}": x.grad for i, x in enumerate(inputs) if x.is_floating_point()}
    values |= {f"gradient of {name}": p.grad for name, p in net.named_parameters() if p.requires_grad}
    values |= {f"buffer {name}": b.clone() for name, b in net.named_buffers() if b.is_floating_point()}
    net.eval()
    with torch.no_grad():
        values |= {f"evaluation {i}": t for i, t in enumerate(tensors_of(net(*inputs)))}
    net.train()
    return {name: value.detach().numpy().astype(np.float64) for name, value in values.items() if value is not None}


def doubled(x: torch.Tensor) -> torch.Tensor:
    """Floats as float64."""
    return x.double() if x.is_floating_point() else x


def exact_step(net: nn.Module, inputs: tuple[torch.Tensor, ...]) -> dict[str, np.ndarray]:
    """The step in float64, also of what forward makes itself."""
    torch.set_default_dtype(torch.float64)
    try:
        return step(copy.deepcopy(net).double(), tuple(doubled(x) for x in inputs))
    finally:
        torch.set_default_dtype(torch.float32)


def check_one_step(net: nn.Module, *inputs: torch.Tensor) -> None:
    """Wraps a copy of the network and compares a step with PyTorch's, by the rule of `parity`."""
    compare_step(interop.wrap(copy.deepcopy(net), example_inputs=inputs, update="torch"), net, *inputs)


class FunctionNet(nn.Module):
    """A function of the input and of one weight as a network."""

    def __init__(self, function: Callable[..., object], *shape: int) -> None:
        super().__init__()
        self.function = function
        self.w = nn.Parameter(torch.randn(shape))

    def forward(self, x: torch.Tensor) -> object:
        return self.function(x, self.w)


def check_function(function: Callable[..., object], x: torch.Tensor, *shape: int) -> None:
    """Compares all that a function makes of `x` and of a weight, of `shape` or of that of a row of `x`."""
    check_one_step(FunctionNet(function, *(shape or x.shape[1:])), x)


def compare_step(block: nn.Module, net: nn.Module, *inputs: torch.Tensor, without_onednn: bool = False) -> None:
    """A step of the wrapped copy `block` against the network's own, by the rule of `parity`."""
    for name, parts in results_of(block, net, *inputs, without_onednn=without_onednn).items():
        assert_one_step_close(*parts, name)


def results_of(block: nn.Module, net: nn.Module, *inputs: torch.Tensor, without_onednn: bool = False) -> dict[str, tuple[np.ndarray, ...]]:
    """Of every tensor of a step: `block`'s, which takes the network's state over first, the exact one, PyTorch's, the shaken exact one.

    `without_onednn`: PyTorch's own error is the larger of those of its two kinds of convolutions, of which single tensors of a deep network
    differ by five times.
    """
    block.load_state_dict(net.state_dict())
    frameworks = [step(copy.deepcopy(net), inputs)]
    if without_onednn:
        with warnings.catch_warnings(action="ignore"), torch.backends.mkldnn.flags(enabled=False):  # it tells of Intel's GPUs
            frameworks.append(step(copy.deepcopy(net), inputs))
    exact = exact_step(net, inputs)
    noise_inputs = tuple(torch.from_numpy(shaken(x.numpy(), 99)) if x.is_floating_point() else x for x in inputs)
    noise = exact_step(shaken_copy(net), noise_inputs)
    ours = step(block, inputs)
    assert ours.keys() == exact.keys()
    framework = {name: max((f[name] for f in frameworks), key=lambda value: distance(value, exact[name])) for name in exact}
    return {name: (ours[name], exact[name], framework[name], noise[name]) for name in exact}


def train(net: nn.Module, batches: list[tuple[torch.Tensor, ...]], rate: float) -> Iterator[dict[str, np.ndarray]]:
    """The weights and buffers after every step of plain SGD."""
    optimizer = torch.optim.SGD(net.parameters(), rate)
    for inputs in batches:
        optimizer.zero_grad()
        result = net(*inputs)
        (loss_of(result) / sum(t.numel() for t in tensors_of(result))).backward()
        optimizer.step()
        yield {name: t.detach().numpy().copy() for name, t in net.state_dict().items() if t.is_floating_point()}
