"""The oldest torch that is supported, and what torch got wrong before the newest, put right while a network is captured."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch._decomp import decompositions

from n2d2 import errors

OLDEST = (2, 6)
VERSION = tuple(int(part) for part in torch.__version__.split(".")[:2])

if VERSION < OLDEST:
    raise errors.UnsupportedError(
        f"pytorch_interoperability needs torch {OLDEST[0]}.{OLDEST[1]} or newer, this is {torch.__version__}; pip install --upgrade torch"
    )


@contextlib.contextmanager
def lstm_states_in_shape() -> Iterator[None]:
    """Before 2.13 an LSTM's final states have an axis too many, [1, N, H], when the batch is symbolic."""
    if VERSION >= (2, 13):
        yield
        return
    layer = decompositions.one_layer_lstm

    def layer_in_shape(*args: Any, **kwargs: Any) -> Any:
        out, states = layer(*args, **kwargs)
        return out, tuple([state.reshape(state.shape[-2:]) for state in states])

    decompositions.one_layer_lstm = layer_in_shape
    try:
        yield
    finally:
        decompositions.one_layer_lstm = layer


__all__ = ["lstm_states_in_shape"]
