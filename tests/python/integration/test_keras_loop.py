"""The benchmark of Keras' loop runs and says what it should."""

from __future__ import annotations

import argparse
import importlib.util
from pathlib import Path

PATH = Path(__file__).resolve().parents[3] / "benchmarks" / "keras_loop.py"


def test_keras_loop():
    spec = importlib.util.spec_from_file_location("keras_loop", PATH)
    keras_loop = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(keras_loop)
    found = keras_loop.measure(argparse.Namespace(batch=4, steps=3, epochs=2, rounds=1))
    assert set(found) == {(name, verbose) for name in ("Keras", "n2d2", "n2d2, own loss function") for verbose in (0, 1)}
    assert all(len(us) == 2 and min(us) > 0 for us in found.values())
