"""What the engine promises of every step: any batch size, the same bits for any threads, no allocation."""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from n2d2 import errors
from n2d2._engine import engine

CONVNET = textwrap.dedent(
    """
    import hashlib, json, os, sys
    import numpy as np
    from n2d2._engine import engine

    def convnet(capacity=16, lanes=0):
        g = engine.Graph()
        x = g.input("x", [-1, 3, 12, 11])
        def conv(h, name, m, c):
            return g.node("Conv", [h, g.parameter(name + ".w", [m, c, 3, 3]), g.parameter(name + ".b", [m])], {"pads": [1, 1, 1, 1]})[0]
        h, c = conv(x, "c1", 8, 3), 8
        stats = [g.parameter("bn.s", [c]), g.parameter("bn.b", [c]), g.buffer("bn.m", [c]), g.buffer("bn.v", [c])]
        h = g.node("BatchNormalization", [h, *stats], {"training_mode": 1})[0]
        h = g.node("MaxPool", g.node("Relu", [h]), {"kernel_shape": [2, 2], "strides": [2, 2]})[0]
        h = g.node("Dropout", [h], {"ratio": 0.25, "training_mode": 1})[0]
        h, c = g.node("Relu", [conv(h, "c2", 20, 8)])[0], 20
        h = g.node("Flatten", g.node("AveragePool", [h], {"kernel_shape": [2, 2], "strides": [2, 2]}))[0]
        for i, (k, m) in enumerate([(c * 3 * 2, 32), (32, 10)]):
            h = g.node("Gemm", [h, g.parameter(f"f{i}.w", [k, m]), g.parameter(f"f{i}.b", [m])])[0]
            h = g.node("Tanh", [h])[0] if i == 0 else h
        g.output(h)
        n = engine.Network(capacity, lanes)
        n.set_graph("train", g)
        n.set_graph("evaluate", g)
        rng = np.random.default_rng(0)
        solver = engine.adam(0.01)
        for name, _, _ in n.parameters:
            n.memory(name)[:] = rng.standard_normal(n.memory(name).size).astype("f4") * 0.2
            n.set_solver(name, solver)
        return n

    def step(n, rng, rows, key, buffers={}):
        if rows not in buffers:
            buffers[rows] = (np.zeros((rows, 3, 12, 11), "f4"), np.zeros((rows, 10), "f4"), np.zeros((rows, 10), "f4"))
        x, out, dy = buffers[rows]
        x[...] = rng.standard_normal(x.shape)
        dy[...] = rng.standard_normal(dy.shape) / rows
        state = n.forward([x.ctypes.data], rows, [out.ctypes.data], train=True, keep=True, key=key)
        n.backward(state, [dy.ctypes.data])
        n.update()
        return out

    def digest(n):
        h = hashlib.sha256()
        for name, _, _ in [*n.parameters, *n.buffers]:
            h.update(n.memory(name).tobytes())
        return h.hexdigest()
    """
)
namespace: dict = {}
exec(CONVNET, namespace)
convnet, step, digest = namespace["convnet"], namespace["step"], namespace["digest"]


def run(code: str, **environment: str) -> str:
    """The last line that the code prints in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-c", CONVNET + textwrap.dedent(code)], capture_output=True, text=True, env={**os.environ, **environment}
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()[-1]


TRAIN = """
    n = convnet()
    rng = np.random.default_rng(1)
    for i in range(6):
        step(n, rng, [16, 5, 1, 2][i % 4], key=i)
    print(digest(n))
"""


def test_same_seed_same_bits_for_any_threads_and_either_source():
    pytest.importorskip("torch")
    digests = {
        (threads, source): run(
            ("\nimport torch; torch.ones(3000, 3000) @ torch.ones(3000, 8)" if source == "openmp" else "") + textwrap.dedent(TRAIN),
            N2D2_NUM_LANES="3",
            N2D2_NUM_THREADS=threads,
            N2D2_THREAD_SOURCE=source,
        )
        for threads in ("1", "2", "3")
        for source in ("own", "openmp")
    }
    assert len(set(digests.values())) == 1, digests
    assert run(TRAIN, N2D2_NUM_LANES="3") in digests.values()
    assert run(TRAIN, N2D2_NUM_LANES="3") == run(TRAIN, N2D2_NUM_LANES="3")


@pytest.mark.parametrize("isa", ["generic", "avx2", "avx512"])
def test_every_instruction_set_gives_the_same_numbers(isa):
    code = """
        n = convnet(lanes=2)
        rng = np.random.default_rng(1)
        out = step(n, rng, 7, key=3)
        print(json.dumps([engine.isa(), out.tolist()]))
    """
    name, out = json.loads(run(code, N2D2_MAX_ISA=isa))
    if name != isa:
        pytest.skip(f"this processor has no {isa}")
    n = convnet(lanes=2)
    expected = step(n, np.random.default_rng(1), 7, key=3)
    assert np.abs(np.asarray(out) - expected).max() < 1e-5 * np.abs(expected).max()


def test_one_plan_serves_any_rows():
    n = convnet(capacity=256, lanes=3)
    n.set_trainable([])
    rng = np.random.default_rng(2)
    x = rng.standard_normal((200, 3, 12, 11)).astype("f4")
    whole = np.zeros((200, 10), "f4")
    # evaluate statistics so that rows do not depend on each other
    g = engine.Graph()
    value = g.input("x", [-1, 3, 12, 11])
    w = g.parameter("c1.w", [8, 3, 3, 3])
    h = g.node("Flatten", g.node("Conv", [value, w]))[0]
    g.output(g.node("Gemm", [h, g.parameter("d", [8 * 10 * 9, 10])])[0])
    n = engine.Network(256, 3)
    n.set_graph("evaluate", g)
    for name, _, _ in n.parameters:
        n.memory(name)[:] = rng.standard_normal(n.memory(name).size)
    n.forward([x.ctypes.data], 200, [whole.ctypes.data])
    plan = n.plan_text()
    for rows in (1, 2, 7, 128, 200):
        out = np.zeros((rows, 10), "f4")
        n.forward([x.ctypes.data], rows, [out.ctypes.data])
        assert np.abs(out - whole[:rows]).max() <= 1e-5 * np.abs(whole).max(), rows
    assert n.plan_text() == plan
    assert n.capacity == 256


def test_random_batch_sizes_leave_memory_flat():
    n = convnet(capacity=200)
    rng = np.random.default_rng(3)
    sizes = rng.permutation(np.arange(1, 201))
    for rows in sizes[:100]:
        step(n, rng, int(rows), key=1, buffers={})
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    created = engine.primitives_created()
    for rows in sizes[100:]:
        step(n, rng, int(rows), key=1, buffers={})
    assert engine.primitives_created() == created
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4 * 1024  # KiB


def test_larger_batches_than_planned_grow_the_plan_once():
    n = convnet(capacity=4)
    step(n, np.random.default_rng(0), 9, key=0)
    assert n.capacity == 16
    step(n, np.random.default_rng(0), 16, key=0)
    assert n.capacity == 16


COUNTER = r"""
#define _GNU_SOURCE
#include <stddef.h>
#include <stdlib.h>
#include <errno.h>
extern void* __libc_malloc(size_t); extern void* __libc_calloc(size_t, size_t); extern void* __libc_realloc(void*, size_t);
extern void* __libc_memalign(size_t, size_t);
static volatile int armed; static volatile long calls;
void n2d2_count(int on) { if (on) calls = 0; armed = on; }
long n2d2_calls(void) { return calls; }
#define COUNT if (armed) __sync_fetch_and_add(&calls, 1)
void* malloc(size_t n) { COUNT; return __libc_malloc(n); }
void* calloc(size_t a, size_t b) { COUNT; return __libc_calloc(a, b); }
void* realloc(void* p, size_t n) { COUNT; return __libc_realloc(p, n); }
void* aligned_alloc(size_t a, size_t n) { COUNT; return __libc_memalign(a, n); }
void* memalign(size_t a, size_t n) { COUNT; return __libc_memalign(a, n); }
int posix_memalign(void** p, size_t a, size_t n) { COUNT; *p = __libc_memalign(a, n); return *p ? 0 : ENOMEM; }
"""


def test_a_hundred_steps_allocate_nothing(tmp_path: Path):
    """Counts every allocation of the process while the engine works: forward, backward and update, on all threads.

    Both forms; Python's own objects come from its arenas, lists and integers of the call are made beforehand. What still runs in oneDNN,
    convolutions in groups, would allocate its map of arguments in every execution (see docs/design/0001).
    """
    source, library = tmp_path / "count.c", tmp_path / "libcount.so"
    source.write_text(COUNTER)
    subprocess.run(["gcc", "-O1", "-shared", "-fPIC", "-o", library, source], check=True)
    code = """
        import ctypes, gc
        lib = ctypes.CDLL(os.environ["LD_PRELOAD"])
        lib.n2d2_calls.restype = ctypes.c_long
        n = convnet(lanes=2)
        x, out, dy = np.ones((13, 3, 12, 11), "f4"), np.zeros((13, 10), "f4"), np.ones((13, 10), "f4")
        xs, outs, dys = [x.ctypes.data], [out.ctypes.data], [dy.ctypes.data]
        inputs, y = [x], np.zeros(13, np.int64)
        def steps(count):
            for _ in range(count):
                state = n.forward(xs, 13, outs, True, True)
                n.backward(state, dys)
                n.update()
                n.step(inputs, 13, y, "SoftmaxCrossEntropyLoss", True)
        steps(20)
        gc.disable()
        created = engine.primitives_created()
        lib.n2d2_count(1)
        malloc = ctypes.CDLL(None).malloc
        malloc.restype = ctypes.c_void_p
        malloc(64)
        seen = lib.n2d2_calls()
        lib.n2d2_count(1)
        steps(100)
        calls = lib.n2d2_calls()
        lib.n2d2_count(0)
        print(json.dumps([seen, calls, engine.primitives_created() - created]))
    """
    seen, calls, created = json.loads(run(code, LD_PRELOAD=str(library), N2D2_NUM_THREADS="2", PYTHONMALLOC="pymalloc"))
    assert seen >= 1  # the counter counts
    assert calls == 0
    assert created == 0


def test_states_and_errors_leave_the_network_usable():
    n = convnet(capacity=4)
    x, out, dy = np.ones((4, 3, 12, 11), "f4"), np.zeros((4, 10), "f4"), np.ones((4, 10), "f4")
    with pytest.raises(errors.ShapeError, match="at least one row"):
        n.forward([x.ctypes.data], 0, [out.ctypes.data])
    with pytest.raises(errors.ValueError, match="expected 1 inputs"):
        n.forward([], 4, [out.ctypes.data])
    first = n.forward([x.ctypes.data], 4, [out.ctypes.data], train=True, keep=True)
    second = n.forward([x.ctypes.data], 4, [out.ctypes.data], train=True, keep=True)
    n.backward(second, [dy.ctypes.data])
    n.update()
    with pytest.raises(errors.StateError, match="outdated weights"):
        n.backward(first, [dy.ctypes.data])
    with pytest.raises(errors.StateError, match="used by a backward already"):
        n.backward(second, [dy.ctypes.data])
    n.drop(first)
    assert n.pending == 0
    n.backward(n.forward([x.ctypes.data], 4, [out.ctypes.data], train=True, keep=True), [dy.ctypes.data])


def test_a_state_that_is_kept_gives_the_same_gradients_again():
    n = convnet()
    rng = np.random.default_rng(0)
    x, out, dy = rng.standard_normal((7, 3, 12, 11)).astype("f4"), np.zeros((7, 10), "f4"), np.ones((7, 10), "f4")
    other = np.zeros((7, 10), "f4")
    names = [name for name, _, _ in n.parameters]
    state = n.forward([x.ctypes.data], 7, [out.ctypes.data], train=True, keep=True, key=3)
    n.backward(state, [dy.ctypes.data], keep=True)
    first = [n.gradient(name).copy() for name in names]
    later = n.forward([x.ctypes.data], 7, [other.ctypes.data], train=True, keep=True, key=4)
    n.backward(later, [dy.ctypes.data])
    n.backward(state, [dy.ctypes.data], keep=True)
    assert all(np.array_equal(n.gradient(name), before) for name, before in zip(names, first, strict=True))
    n.backward(state, [dy.ctypes.data], accumulate=True)
    assert all(np.allclose(n.gradient(name), 2 * before, rtol=1e-5, atol=1e-5) for name, before in zip(names, first, strict=True))
    assert n.pending == 0


def test_each_set_of_trained_parameters_is_planned_once():
    n = convnet()
    rng = np.random.default_rng(0)
    names = [name for name, _, _ in n.parameters]
    sets = [names, names[4:], names[:4]]
    for _ in range(3):
        for trained in sets:
            n.set_trainable(trained)
            before = {name: n.memory(name).copy() for name in names}
            step(n, rng, 6, key=0)
            assert {name for name in names if not np.array_equal(n.memory(name), before[name])} == set(trained)
    assert n.plans_made == 3
    for count in range(len(names)):  # plans are not kept without bound
        n.set_trainable(names[count:])
        step(n, rng, 6, key=0)
    assert n.plan_text().count("== plan") == 1


def test_the_plan_absorbs_the_mask_into_the_pool():
    n = convnet(capacity=4, lanes=2)
    x, out, dy = np.ones((4, 3, 12, 11), "f4"), np.zeros((4, 10), "f4"), np.ones((4, 10), "f4")
    n.backward(n.forward([x.ctypes.data], 4, [out.ctypes.data], train=True, keep=True), [dy.ctypes.data])
    text = n.plan_text()
    assert "MaxPoolReluGrad" in text  # absorbed
    assert "conv:direct" in text


def test_hash_of_nothing_is_not_the_digest():
    """The digest of the tests above depends on the weights."""
    n = convnet()
    before = digest(n)
    step(n, np.random.default_rng(0), 3, key=0)
    assert digest(n) != before
    assert before != hashlib.sha256().hexdigest()


def forward_segments(capacity: int) -> dict[str, int]:
    """Segment of each operator of a convolution and two dense layers, on two lanes."""
    g = engine.Graph()
    h = g.node("Conv", [g.input("x", [-1, 3, 12, 12]), g.parameter("c", [16, 3, 5, 5])], path="conv")[0]
    h = g.node("Flatten", g.node("Relu", [h]))[0]
    h = g.node("Tanh", g.node("Gemm", [h, g.parameter("a", [1024, 512]), g.parameter("ab", [512])], path="fc1"), path="tanh")[0]
    g.output(g.node("Gemm", [h, g.parameter("b", [512, 10])], path="fc2")[0])
    n = engine.Network(capacity, 2)
    n.set_graph("evaluate", g)
    n.set_graph("train", g)
    text = n.plan_text().split("forward:\n")[1].split("backward:\n")[0]
    return {line.split("'")[1]: int(line.split()[0]) for line in text.splitlines()}


def test_batch_and_features_are_split_in_one_plan():
    """At 4 rows the large dense layer is shared out by output features, which needs the lanes to wait before and behind it; the
    convolution keeps to the rows of its lane. At 128 rows everything does, and nobody waits."""
    few = forward_segments(4)
    assert few["conv"] == 0
    assert few["conv"] < few["fc1"] < few["tanh"]
    assert set(forward_segments(128).values()) == {0}
