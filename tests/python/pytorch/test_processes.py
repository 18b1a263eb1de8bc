"""Several processes and threads: DistributedDataParallel, DataLoader workers, fork, both orders of import, and memory over many steps."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from torch_twins import SHAPE, cross_entropy, digit_batch, digit_net

import pytorch_interoperability as interop

PREFIX = """
import copy, gc, json, os, sys
import torch, torch.nn as nn
import n2d2, pytorch_interoperability as interop
from torch_nets import shaken_copy
from torch_twins import SHAPE, cross_entropy, digit_batch, digit_net, check, state_of
from parity import Twin
"""
FOLDERS = [str(Path(__file__).parents[1]), str(Path(__file__).parent / "support")]


def run(code: str, *arguments: str, prefix: str = PREFIX) -> str:
    """What the code prints, in a process of its own."""
    return finish(start(code, *arguments, prefix=prefix))


def start(code: str, *arguments: str, prefix: str = PREFIX) -> subprocess.Popen[str]:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([*FOLDERS, os.environ.get("PYTHONPATH", "")])}
    command = [sys.executable, "-c", prefix + textwrap.dedent(code), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)


def finish(process: subprocess.Popen[str]) -> str:
    try:
        out, error = process.communicate(timeout=1500)
    finally:
        process.kill()
    assert process.returncode == 0, error
    return out.strip()


def run_ranks(code: str, folder: Path) -> list[str]:
    """The same code as process 0 and 1 of a gloo group."""
    begin = """
    from torch.nn.parallel import DistributedDataParallel as DDP
    rank = int(sys.argv[1])
    torch.set_num_threads(1)
    torch.distributed.init_process_group("gloo", init_method="file://" + sys.argv[2], rank=rank, world_size=2)
    """
    end = "\ntorch.distributed.destroy_process_group()\n"
    text = textwrap.dedent(begin) + textwrap.dedent(code) + end
    processes = [start(text, str(rank), str(folder / "group")) for rank in range(2)]
    return [finish(process) for process in processes]


def test_two_processes_equal_one_with_twice_the_rows(tmp_path):
    """Replicas stay the same bits, and follow one process that sees both halves; `no_sync` adds gradients up. Only for update="torch"."""
    code = """
    def without_statistics():
        torch.manual_seed(0)
        return nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(54, 10))

    plain = without_statistics()
    model = DDP(interop.wrap(copy.deepcopy(plain), SHAPE, update="torch"))
    twin, rule = shaken_copy(plain), Twin()
    optimizers = [torch.optim.AdamW(m.parameters(), 1e-3) for m in (model, plain, twin)]
    for i in range(5):
        for optimizer in optimizers:
            optimizer.zero_grad()
        halves = [digit_batch(4 * i + k) for k in range(4)]  # two for each rank
        with model.no_sync():
            cross_entropy(model(halves[rank][0]), halves[rank][1]).backward()
        cross_entropy(model(halves[2 + rank][0]), halves[2 + rank][1]).backward()
        for m in (plain, twin):
            (sum(cross_entropy(m(x), y) for x, y in halves) / 2).backward()
        for optimizer in optimizers:
            optimizer.step()
        check(rule, state_of(model.module), state_of(plain), state_of(twin), f"step {i}")
    block = interop.wrap(digit_net(), SHAPE)
    try:
        block(halves[0][0])
    except n2d2.errors.UnsupportedError as refusal:
        assert 'update="torch"' in str(refusal), refusal
    else:
        raise AssertionError('replicas with update="n2d2" would drift apart')
    with torch.no_grad():
        block(halves[0][0])
    print(sum(p.double().sum().item() for p in model.parameters()).hex())
    """
    first, second = run_ranks(code, tmp_path)
    assert first == second != ""


@pytest.mark.slow
def test_two_processes_with_batch_normalisation_follow_torchs(tmp_path):
    code = """
    plain = digit_net()
    models = [DDP(interop.wrap(copy.deepcopy(plain), SHAPE, update="torch")), DDP(plain), DDP(shaken_copy(plain))]
    rule = Twin()
    optimizers = [torch.optim.SGD(m.parameters(), 0.05, momentum=0.9) for m in models]
    for i in range(6):
        x, y = digit_batch(2 * i + rank)
        for m, optimizer in zip(models, optimizers):
            optimizer.zero_grad()
            cross_entropy(m(x), y).backward()
            optimizer.step()
        check(rule, *[state_of(m.module) for m in models], f"step {i}")
    print("done")
    """
    assert run_ranks(code, tmp_path) == ["done", "done"]


def test_data_loader_workers_and_fork():
    """Children of a process that trains, which compute with the Block themselves or not."""
    code = """
    from torch.utils.data import DataLoader, Dataset

    class Data(Dataset):
        def __init__(self, block): self.block = block
        def __len__(self): return 48
        def __getitem__(self, i):
            x, y = digit_batch(i, 1)
            if self.block is not None:
                with torch.no_grad():
                    x = x + 0 * self.block(x).sum()
            return x[0], y[0]

    net, plain = digit_net(), digit_net()
    twin, rule = shaken_copy(plain), Twin()
    block = interop.wrap(net, SHAPE, solver=n2d2.solver.SGD(0.05))
    optimizers = [torch.optim.SGD(m.parameters(), 0.05) for m in (plain, twin)]
    frozen = interop.wrap(digit_net(1).eval(), SHAPE)
    frozen(digit_batch(0)[0])
    for inside in (None, frozen):
        for x, y in DataLoader(Data(inside), batch_size=12, num_workers=2, timeout=60, multiprocessing_context="fork"):
            cross_entropy(block(x), y).backward()
            for m, optimizer in zip((plain, twin), optimizers):
                optimizer.zero_grad()
                cross_entropy(m(x), y).backward()
                optimizer.step()
    check(rule, state_of(net), state_of(plain), state_of(twin), "after two epochs")
    x, y = digit_batch(3)
    child = os.fork()
    if child == 0:
        torch.set_num_threads(1)  # as DataLoader does: torch's own team does not survive a fork
        cross_entropy(block(x), y).backward()
        print(sum(p.double().sum().item() for p in net.parameters()).hex(), flush=True)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    cross_entropy(block(x), y).backward()
    print(sum(p.double().sum().item() for p in net.parameters()).hex())
    """
    child, parent = run(code).splitlines()
    assert child == parent


def test_python_threads_share_a_block():
    """Each thread has its own rows and gets its own gradients."""
    net = digit_net()
    block = interop.wrap(net, SHAPE, update="torch")
    parameters = list(net.parameters())
    sizes = [3, 17, 8, 40] * 8

    def gradients(rows: int) -> list[torch.Tensor]:
        x, y = digit_batch(rows, rows)
        return list(torch.autograd.grad(cross_entropy(block(x), y), parameters))

    expected = {rows: gradients(rows) for rows in sorted(set(sizes), reverse=True)}  # a larger batch makes a plan that rounds differently
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(gradients, sizes))
    for rows, mine in zip(sizes, found, strict=True):
        assert all(torch.equal(a, b) for a, b in zip(mine, expected[rows], strict=True)), rows


def test_both_orders_of_import():
    """One team of threads, and the same bits; one OpenMP library beside that of scikit-learn, if torch has it under its plain name."""
    code = """
    block = interop.wrap(digit_net(), SHAPE, solver=n2d2.solver.SGD(0.05))
    for i in range(5):
        x, y = digit_batch(i)
        cross_entropy(block(x), y).backward()
    libraries = {line.split()[-1] for line in open("/proc/self/maps") if "libgomp" in line and "scikit_learn" not in line}
    print(len(libraries), len(os.listdir("/proc/self/task")), sum(p.double().sum().item() for p in block.parameters()).hex())
    """
    plain = (Path(torch.__file__).parent / "lib" / "libgomp.so.1").exists()  # torch 2.6 and 2.7 with CUDA rename it
    orders = ["import torch, n2d2, pytorch_interoperability", "import n2d2, pytorch_interoperability, torch"]
    first, second = [finish(process).split() for process in [start(code, prefix=f"{order}\n{PREFIX}") for order in orders]]
    assert first[1:] == second[1:]
    assert [first[0], second[0]] == ["1", "1" if plain else "2"]


@pytest.mark.slow
@pytest.mark.parametrize("update", ["n2d2", "torch"])
def test_ten_thousand_steps_leak_nothing(update):
    """Less than 16 bytes a step over the last 5,000, by what malloc has given out and by what Python counts."""
    code = """
    import ctypes
    libc = ctypes.CDLL(None)
    names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    info = type("mallinfo2", (ctypes.Structure,), {"_fields_": [(name, ctypes.c_size_t) for name in names]})
    libc.mallinfo2.restype = info

    update = sys.argv[1]
    block = interop.wrap(digit_net(), SHAPE, update=update)
    optimizer = torch.optim.SGD(block.parameters(), 0.001, momentum=0.9)
    batches = [digit_batch(i, rows) for i, rows in enumerate((12, 7, 12, 30))]
    bytes_at = []
    for i in range(10000):
        x, y = batches[i % 4]
        optimizer.zero_grad()
        loss = cross_entropy(block(x), y)
        loss.backward(retain_graph=i % 10 == 0)
        optimizer.step()
        if i % 50 == 0:
            block.eval()
            with torch.no_grad():
                block(x)
            block.train()
        if i % 100 == 99:
            del loss
            gc.collect()
            now = libc.mallinfo2()
            bytes_at.append((i, now.uordblks + now.hblkhd, sys.getallocatedblocks()))
    last = bytes_at[50:]
    steps, heap, blocks = (torch.tensor(column, dtype=torch.float64) for column in zip(*last))
    steps -= steps.mean()
    print(json.dumps([float((steps * c).sum() / steps.square().sum()) for c in (heap, blocks)]))
    assert block._engine().network.pending == 0
    """
    heap, blocks = json.loads(run(code, update).splitlines()[-1])
    assert heap < 16, f"{heap} bytes a step"
    assert blocks < 0.1, f"{blocks} Python blocks a step"
