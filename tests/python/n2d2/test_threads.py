"""Threads of a run: own or torch's OpenMP team, after a fork, in DataLoader workers, with one thread. The bits never change."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("n2d2._n2d2")

# Trains a two-layer net for ten steps on three lanes and returns a hash of all bits of its weights.
TRAIN = """
import hashlib, os, sys
import numpy as np
from n2d2 import _n2d2

def train(steps=10, rows=24):
    graph = _n2d2.Graph()
    x = graph.input("x", [-1, 40])
    w1, w2 = graph.parameter("w1", [40, 33]), graph.parameter("w2", [33, 10])
    hidden = graph.node("Tanh", [graph.node("Gemm", [x, w1])[0]])[0]
    graph.output(graph.node("Gemm", [hidden, w2])[0])
    network = _n2d2.Network(rows, 3)
    network.set_graph("train", graph)
    generator = np.random.default_rng(3)
    for name in ("w1", "w2"):
        memory = network.memory(name)
        memory[:] = generator.standard_normal(memory.shape).astype(np.float32) * 0.1
        network.set_solver(name, _n2d2.adam())
    data = generator.standard_normal((rows, 40)).astype(np.float32)
    output = np.zeros((rows, 10), np.float32)
    for _ in range(steps):
        state = network.forward([data.ctypes.data], rows, [output.ctypes.data], train=True, keep=True)
        gradient = output - 1
        network.backward(state, [gradient.ctypes.data])
        network.update()
    bits = network.memory("w1").tobytes() + network.memory("w2").tobytes()
    return hashlib.sha256(bits).hexdigest()
"""


def run(script: str, first: str = "", **environment: str) -> str:
    """The output of a fresh interpreter; a hang fails after a minute."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith(("N2D2_", "OMP_"))}
    done = subprocess.run(
        [sys.executable, "-c", f"{first}\n{TRAIN}{script}"],
        env={**variables, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def expected() -> str:
    return run("print(train())", N2D2_NUM_THREADS="1")


USE_TORCH = "import torch\nassert torch.rand(200, 200).mm(torch.rand(200, 200)).sum() > 0\n"


@pytest.mark.parametrize("variables", [{}, {"N2D2_THREAD_SOURCE": "own"}, {"OMP_NUM_THREADS": "1"}, {"OMP_NUM_THREADS": "2"}], ids=str)
def test_own_threads(variables: dict[str, str], expected: str) -> None:
    assert run("print(train())", **variables) == expected


@pytest.mark.parametrize(
    "variables",
    [{}, {"N2D2_THREAD_SOURCE": "own"}, {"N2D2_THREAD_SOURCE": "openmp"}, {"OMP_THREAD_LIMIT": "1"}],
    ids=str,
)
def test_beside_torch(variables: dict[str, str], expected: str) -> None:
    pytest.importorskip("torch")
    assert run(USE_TORCH + "print(train())", **variables) == expected


OWN_THREADS = """
names = [open(f"/proc/self/task/{task}/comm").read().strip() for task in os.listdir("/proc/self/task")]
print("n2d2" in names)
"""


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="needs two cores")
@pytest.mark.parametrize("first", ["import torch", "from n2d2 import _n2d2"])
def test_own_threads_are_not_started_beside_torch(first: str, expected: str) -> None:
    """Whoever is imported first brings the OpenMP library that both then use."""
    pytest.importorskip("torch")
    assert run("print(train())" + OWN_THREADS) == f"{expected}\nTrue"
    script = f"{USE_TORCH}print(train()){OWN_THREADS}"
    assert run(script, first=first) == f"{expected}\nFalse"
    assert run(script, first=first, N2D2_THREAD_SOURCE="openmp") == f"{expected}\nFalse"


def test_torch_imported_later_and_its_number_of_threads_changed(expected: str) -> None:
    pytest.importorskip("torch")
    script = f"assert train() == '{expected}'\n{USE_TORCH}assert train() == '{expected}'\ntorch.set_num_threads(1)\nprint(train())"
    assert run(script) == expected


@pytest.mark.parametrize("before", ["", USE_TORCH], ids=["alone", "beside torch"])
def test_a_forked_child_computes(before: str, expected: str) -> None:
    if before:
        pytest.importorskip("torch")
    script = f"""
{before}
first = train()
child = os.fork()
if child == 0:
    os._exit(0 if train() == first else 1)
status = os.waitpid(child, 0)[1]
assert status == 0, status
assert train() == first
print(first)
"""
    assert run(script) == expected


def test_data_loader_workers_compute(expected: str) -> None:
    pytest.importorskip("torch")
    script = f"""
import torch
from torch.utils.data import DataLoader, Dataset

class Data(Dataset):
    def __len__(self): return 4
    def __getitem__(self, index): return train()

{USE_TORCH}
first = train()
items = [item for batch in DataLoader(Data(), num_workers=2, batch_size=1, timeout=40) for item in batch]
assert items == [first] * 4, items
print(first)
"""
    assert run(script) == expected


def test_two_python_threads(expected: str) -> None:
    script = """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(3) as pool:
    print(*set(pool.map(lambda _: train(), range(9))))
"""
    assert run(script) == expected


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("N2D2_THREAD_SOURCE", "tbb", "N2D2_THREAD_SOURCE: expected own or openmp, got 'tbb'"),
        ("N2D2_THREAD_SOURCE", "openmp", "N2D2_THREAD_SOURCE=openmp: torch's OpenMP threads are not in this process"),
        ("N2D2_NUM_THREADS", "none", "N2D2_NUM_THREADS: expected a number from 1, got 'none'"),
    ],
)
def test_bad_variables_are_named(name: str, value: str, message: str) -> None:
    if name == "N2D2_THREAD_SOURCE" and len(os.sched_getaffinity(0)) < 2:
        pytest.skip("with one core nobody asks for threads")
    script = "try:\n    train()\nexcept _n2d2.Error as error:\n    print(error)"
    assert message in run(script, **{name: value})
