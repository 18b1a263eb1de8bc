"""Every architecture of keras.applications: outputs in both modes, gradients and statistics of one step against float64."""

from __future__ import annotations

import pytest
from applications import SIZES, configuration, weights
from kinks import settled
from layer_parity import compare


@pytest.mark.slow
@pytest.mark.parametrize("name", SIZES)
def test_one_step(name):
    off = {}
    for tensor, (error, allowance) in compare(configuration(name), draw=weights, settle=settled).items():
        if error > allowance:
            off[tensor] = f"{error:.2e} off, allowed {allowance:.2e}"
    assert not off, f"{name}: {off}"
