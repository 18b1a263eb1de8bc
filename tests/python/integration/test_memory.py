"""The memory of a whole process stays flat, whatever the batch sizes; every figure is that of a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap

RESIDENT = """
    import ctypes, json, os
    import numpy as np

    def resident_kib():
        with open("/proc/self/statm") as f:
            return int(f.read().split()[1]) * os.sysconf("SC_PAGESIZE") // 1024

    def heap_kib():
        # what malloc has given out; freed memory that it keeps for later does not count
        libc = ctypes.CDLL(None)
        names = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
        info = type("mallinfo2", (ctypes.Structure,), {"_fields_": [(name, ctypes.c_size_t) for name in names]})
        libc.mallinfo2.restype = info
        now = libc.mallinfo2()
        return (now.uordblks + now.hblkhd) // 1024
"""


def run(code: str) -> list[float]:
    """The list that the code prints last, in a process of its own."""
    text = textwrap.dedent(RESIDENT) + textwrap.dedent(code)
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout.strip().splitlines()[-1]))


def test_200_batch_sizes_through_torch_leave_memory_flat():
    growth, created = run(
        """
        import torch, torch.nn as nn
        import pytorch_interoperability
        from n2d2._engine import engine

        torch.manual_seed(0)
        net = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(8 * 7 * 7, 10))
        net = pytorch_interoperability.wrap(net, (200, 3, 16, 16))
        def step(rows):
            nn.functional.cross_entropy(net(torch.randn(rows, 3, 16, 16)), torch.zeros(rows, dtype=torch.int64)).backward()
        sizes = np.random.default_rng(0).permutation(np.arange(1, 201)).tolist()
        for rows in [200, *sizes]:
            step(rows)
        start, made = resident_kib(), engine.primitives_created()
        for rows in [*sizes, *sizes]:
            step(rows)
        print(json.dumps([resident_kib() - start, engine.primitives_created() - made]))
        """
    )
    assert created == 0
    assert growth < 4 * 1024  # KiB; one batch of 200 with its activations has 8 MiB


def test_200_new_batch_sizes_do_not_grow_the_engine():
    """Unlike above, every size is new when it comes: nothing may be kept per size."""
    growth, created, capacity = run(
        """
        from n2d2._engine import engine

        graph = engine.Graph()
        x = graph.input("x", [-1, 3, 16, 16])
        h = graph.node("Conv", [x, graph.parameter("w", [8, 3, 3, 3])])[0]
        h = graph.node("Flatten", [graph.node("Relu", [h])[0]])[0]
        graph.output(graph.node("Gemm", [h, graph.parameter("d", [8 * 14 * 14, 10])])[0])
        network = engine.Network(200, 2)
        network.set_graph("train", graph)
        for name, _, _ in network.parameters:
            network.set_solver(name, engine.sgd(0.01))
        x, out, dy = np.ones((200, 3, 16, 16), "f4"), np.zeros((200, 10), "f4"), np.zeros((200, 10), "f4")
        def step(rows):
            state = network.forward([x.ctypes.data], rows, [out.ctypes.data], train=True, keep=True)
            network.backward(state, [dy.ctypes.data])
            network.update()
        sizes = np.random.default_rng(0).permutation(np.arange(1, 199)).tolist()
        step(200)
        step(199)
        start, made = resident_kib(), engine.primitives_created()
        for rows in sizes:
            step(rows)
        print(json.dumps([resident_kib() - start, engine.primitives_created() - made, network.capacity]))
        """
    )
    assert capacity == 200
    assert growth < 2 * 1024
    assert created == 0


def test_wrapped_networks_give_their_memory_back():
    (growth,) = run(
        """
        import gc
        import torch, torch.nn as nn
        import pytorch_interoperability

        def once():
            net = nn.Sequential(nn.Flatten(), nn.Linear(3072, 512), nn.ReLU(), nn.Linear(512, 10))  # 6 MiB of weights
            net = pytorch_interoperability.wrap(net, (64, 3, 32, 32))
            net(torch.randn(64, 3, 32, 32)).sum().backward()
            del net
            gc.collect()
        for _ in range(3):
            once()
        start = heap_kib()
        for _ in range(5):
            once()
        print(json.dumps([heap_kib() - start]))
        """
    )
    assert growth < 1024  # a single network has 12 MiB
