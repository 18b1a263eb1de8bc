"""The same bits for any threads, the same numbers for every instruction set."""

from __future__ import annotations

import hashlib
import json
import textwrap

import numpy as np
import pytest
from convnet import convnet, digest, run, step

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


def test_hash_of_nothing_is_not_the_digest():
    """The digest of the tests above depends on the weights."""
    n = convnet()
    before = digest(n)
    step(n, np.random.default_rng(0), 3, key=0)
    assert digest(n) != before
    assert before != hashlib.sha256().hexdigest()
