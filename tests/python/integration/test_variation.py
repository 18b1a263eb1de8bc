"""Networks drawn from a seed give PyTorch's numbers: outputs, gradients, updated weights and statistics of one step."""

from __future__ import annotations

import pytest

pytest.importorskip("torch")

from models.variation_nets import PER_STRATUM, STRATA, names, net_of
from variation import compared

FEW = (0, 2, 4, 9, 15, 19, 21)


@pytest.mark.parametrize("index", FEW)
def test_one_step(index):
    name = names(0)[index]
    assert compared(name) == [], str(net_of(name))


@pytest.mark.slow
@pytest.mark.parametrize("index", [i for i in range(len(STRATA) * PER_STRATUM) if i not in FEW])
def test_one_step_of_the_others(index):
    name = names(0)[index]
    assert compared(name) == [], str(net_of(name))


def test_a_name_is_one_network():
    first = net_of("variation-3-20")
    net_of.cache_clear()
    assert net_of("variation-3-20") == first
    assert len({str(net_of(name)) for name in names(3)}) == 24
    assert [net_of(name).stratum for name in names(3)] == [s for s in STRATA for _ in range(8)]
