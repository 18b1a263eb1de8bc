"""Every architecture of keras.applications: outputs in both modes, all gradients and statistics of one step against float64."""

from __future__ import annotations

import pytest
from applications import SIZES, configuration, weights
from layer_parity import compare


@pytest.mark.slow
@pytest.mark.parametrize("name", SIZES)
def test_one_step(name):
    for tensor, (error, allowance) in compare(configuration(name), draw=weights, shakes=4).items():
        assert error <= allowance, f"{name}, {tensor}: {error:.2e} off, allowed {allowance:.2e}"
