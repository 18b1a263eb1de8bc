"""The well-known architectures against PyTorch: one step in full, then ten steps beside a shaken twin."""

from __future__ import annotations

import copy

import pytest
import torch
from architectures import ARCHITECTURES
from one_step import check_one_step, train
from parity import Twin
from torch_nets import shaken_copy

import pytorch_interoperability as interop

SLOW = {"vgg", "resnet_bottleneck", "mnasnet", "inception_v3", "gpt_plain", "transformer_norm_first", "dcgan_discriminator", "unet"}
"""Close to another that is tested in every run."""
RATE = 0.01
"""At 0.1 one element that crosses a ReLU's kink by rounding grows to 1e-2 within four steps of inception_v3, in PyTorch as here."""


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] if n in SLOW else []) for n in ARCHITECTURES])
def test_one_step(name):
    torch.manual_seed(0)
    architecture = ARCHITECTURES[name]
    check_one_step(architecture.make(), architecture.inputs(3))


@pytest.mark.slow
@pytest.mark.parametrize("name", list(ARCHITECTURES))
def test_ten_steps(name):
    torch.manual_seed(1)
    architecture = ARCHITECTURES[name]
    net = architecture.make()
    batches = [(architecture.inputs(4),) for _ in range(10)]
    twin = shaken_copy(net)
    block = interop.wrap(copy.deepcopy(net), example_inputs=batches[0], update="torch")
    rule = Twin()
    for i, (a, b, c) in enumerate(zip(*[train(n, batches, RATE) for n in (block, net, twin)], strict=True)):
        for key in b:
            rule.check(a[key], b[key], c[key], f"step {i}, {key}")
