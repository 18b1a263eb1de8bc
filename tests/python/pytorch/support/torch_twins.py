"""Runs one training script on a wrapped network, on plain torch and on torch's shaken twin, and compares after every step."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn as nn
from parity import Twin
from torch_nets import digits, shaken_copy

import pytorch_interoperability as interop

SHAPE = (12, 1, 8, 8)
"""What `digit_net` takes."""
cross_entropy = nn.CrossEntropyLoss()
load = functools.cache(digits)


def digit_net(seed: int = 0) -> nn.Sequential:
    """A small convolutional network with batch normalisation for 8 x 8 digits."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, bias=False),
        nn.BatchNorm2d(6),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(54, 16),
        nn.Tanh(),
        nn.Linear(16, 10),
    )


def digit_batch(number: int, rows: int = SHAPE[0]) -> tuple[torch.Tensor, torch.Tensor]:
    """Some rows of the digits."""
    images, labels = load()
    chosen = torch.arange(number * rows, (number + 1) * rows) % len(images)
    return images[chosen], labels[chosen]


Script = Callable[[nn.Module, bool], Iterator[dict[str, Any]]]


def assert_alike(script: Script, make: Callable[[], nn.Module] = digit_net, shape: Any = SHAPE, **wrap_options: Any) -> None:
    """`script(model, is_ours)` yields the tensors to compare after every step; equal in the sense of `parity.Twin`."""
    plain = make()
    ours, twin = copy.deepcopy(plain), shaken_copy(plain)
    runs = [script(interop.wrap(ours, shape, **wrap_options), True), script(plain, False), script(twin, False)]
    compare(runs)


def compare(runs: list[Iterator[dict[str, Any]]]) -> None:
    """Advances ours, plain torch and the twin together, each step with its own seed."""
    rule, step, found = Twin(), 0, []
    while True:
        found = []
        for run in runs:
            torch.manual_seed(step)
            found.append(next(run, None))
        if found[0] is None:
            break
        check(rule, *found, f"step {step}")
        step += 1
    assert step > 0
    assert found == [None, None, None], "the three scripts have different lengths"


def check(rule: Twin, ours: dict[str, Any], plain: dict[str, Any], twin: dict[str, Any], place: str) -> None:
    """Floats by the twin rule, everything else exactly."""
    assert ours.keys() == plain.keys()
    for name, value in plain.items():
        a, b, c = (torch.as_tensor(d[name]).detach() for d in (ours, plain, twin))
        assert a.shape == b.shape, f"{place}, {name}: shape {tuple(a.shape)}, expected {tuple(b.shape)}"
        if torch.as_tensor(value).is_floating_point():
            rule.check(a.float(), b.float(), c.float(), f"{place}, {name}")
        else:
            assert torch.equal(a, b), f"{place}, {name}"


def state_of(*models: nn.Module, **more: Any) -> dict[str, Any]:
    """Copies of all parameters and buffers, and of what else is given."""
    entries = {f"{i}.{name}": value.detach().clone() for i, model in enumerate(models) for name, value in model.state_dict().items()}
    return {**entries, **more}


def wrapped(update: str = "torch", **options: Any) -> tuple[nn.Module, nn.Module]:
    """A digit network and its Block."""
    net = digit_net()
    return net, interop.wrap(net, SHAPE, update=update, **options)


def assert_close(a: torch.Tensor, b: torch.Tensor, tolerance: float = 2e-6) -> None:
    """Equal to rounding."""
    assert torch.allclose(a, b, atol=tolerance), float((a - b).abs().max())
