"""Every architecture of keras.applications: outputs in both modes, gradients and statistics of one step against float64."""

from __future__ import annotations

import pytest
from applications import SIZES, SWITCHING, configuration, weights
from layer_parity import compare


@pytest.mark.slow
@pytest.mark.parametrize("name", SIZES)
def test_one_step(name):
    for tensor, (error, allowance) in compare(configuration(name), draw=weights, shakes=4).items():
        if name in SWITCHING and tensor.startswith("gradient"):
            continue
        assert error <= allowance, f"{name}, {tensor}: {error:.2e} off, allowed {allowance:.2e}"
