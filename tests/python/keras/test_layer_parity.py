"""Every layer and operation of `layer_cases.py` against Keras in float64. The docs page is made from the same table."""

from __future__ import annotations

import pytest
from layer_cases import CASES
from layer_parity import compare

from n2d2 import errors

NOT_YET: set[str] = {
    "GroupNormalization",
    "UnitNormalization",
    "Normalization",
    "activation sparse_plus",
    "PReLU",
    "UpSampling1D",
    "UpSampling2D",
    "UpSampling3D",
    "Resizing",
    "Maximum",
    "Minimum",
    "Dot",
    "arithmetic",
    "two tensors",
    "reductions",
    "MultiHeadAttention",
    "Attention",
    "LSTM",
    "GRU",
    "SimpleRNN",
    "Bidirectional",
    "Embedding",
}
"""What still waits for an operator of the engine: refused by name. An entry that works fails the test."""


def _check(name, configurations):
    refused = 0
    for number, configuration in enumerate(configurations):
        try:
            results = compare(configuration, seed=number)
        except errors.UnsupportedError:
            if name not in NOT_YET:
                raise
            refused += 1
            continue
        for tensor, (error, allowance) in results.items():
            assert error <= allowance, f"{name}, configuration {number}, {tensor}: {error:.2e} off, allowed {allowance:.2e}"
    return refused


@pytest.mark.parametrize("name", CASES)
def test_two_configurations(name):
    _check(name, CASES[name][:2])


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_all_configurations(name):
    assert len(CASES[name]) >= 5
    refused = _check(name, CASES[name])
    assert (refused > 0) == (name in NOT_YET)
