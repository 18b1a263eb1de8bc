"""The same script gives the same bits: run twice, and with any number of threads, on own threads and on torch's."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

pytest.importorskip("torch")

TRAIN = textwrap.dedent(
    """
    import hashlib
    import torch, torch.nn as nn
    import n2d2, pytorch_interoperability

    torch.manual_seed(0)
    net = nn.Sequential(
        nn.Conv2d(3, 6, 5), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2), nn.Dropout(0.25),
        nn.Flatten(), nn.Linear(6 * 7 * 7, 24), nn.Tanh(), nn.Linear(24, 10),
    )
    net = pytorch_interoperability.wrap(net, (8, 3, 18, 18), solver=n2d2.solver.SGD(0.05, momentum=0.9))
    for i in range(6):
        rows = (8, 3, 2, 5)[i % 4]
        loss = nn.functional.cross_entropy(net(torch.randn(rows, 3, 18, 18)), torch.arange(rows) % 10)
        loss.backward()
    digest = hashlib.sha256(repr(loss.item()).encode())
    for name, value in net.state_dict().items():
        digest.update(name.encode() + value.numpy().tobytes())
    print(digest.hexdigest())
    """
)


def train(**environment: str) -> str:
    """Digest of the weights, statistics and last loss."""
    done = subprocess.run([sys.executable, "-c", TRAIN], capture_output=True, text=True, env={**os.environ, **environment})
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


def test_a_torch_script_repeats_its_bits():
    runs = {
        (threads, source, turn): train(N2D2_NUM_LANES="3", N2D2_NUM_THREADS=threads, N2D2_THREAD_SOURCE=source)
        for threads, source, turn in [
            ("1", "own", 0),
            ("2", "own", 0),
            ("3", "own", 0),
            ("2", "openmp", 0),
            ("3", "openmp", 0),
            ("3", "openmp", 1),
        ]
    }
    assert len(set(runs.values())) == 1, runs
