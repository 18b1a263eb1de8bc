"""A step allocates nothing, and batches of any size leave memory flat."""

from __future__ import annotations

import json
import resource
import subprocess
from pathlib import Path

import numpy as np
from convnet import convnet, run, step

from n2d2._engine import engine


def test_random_batch_sizes_leave_memory_flat():
    n = convnet(capacity=200)
    rng = np.random.default_rng(3)
    sizes = rng.permutation(np.arange(1, 201))
    for rows in sizes[:100]:
        step(n, rng, int(rows), key=1)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    created = engine.primitives_created()
    for rows in sizes[100:]:
        step(n, rng, int(rows), key=1)
    assert engine.primitives_created() == created
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 4 * 1024  # KiB


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
