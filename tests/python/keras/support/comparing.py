"""A wrapped model beside plain Keras: the same calls, the same results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras_nets import clone

import keras_interoperability as interop


def assert_same(ours: Any, expected: Any) -> None:
    """The same structure, dict keys in the same order, numbers equal to rounding."""
    keras.tree.assert_same_structure(ours, expected)
    if isinstance(expected, dict):
        assert list(ours) == list(expected)
    for a, b in zip(keras.tree.flatten(ours), keras.tree.flatten(expected), strict=True):
        assert np.abs(np.asarray(a) - np.asarray(b)).max() <= 2e-5 + 1e-5 * np.abs(np.asarray(b)).max()


MADE_FOR_EACH = ("optimizer", "metrics")  # objects with state: functions that make them


def assert_same_training(
    plain: keras.Model, x: Any, y: Any, use: Callable[[keras.Model], Any] | None = None, is_eager: bool = False, **compiled: Any
) -> keras.Model:
    """Two epochs with a smaller last batch, or what `use` does; then evaluate, predict, call and weights. Returns the wrapped model.

    `is_eager`: plain Keras runs eagerly, as tracing takes longer than a few steps.
    """
    results = []
    compiled = {"optimizer": lambda: keras.optimizers.SGD(0.1), **compiled}
    wrapped = interop.wrap(clone(plain), 8)
    for each in (plain, wrapped):
        options = {"run_eagerly": True} if is_eager and each is plain else {}
        each.compile(**{key: value() if key in MADE_FOR_EACH and callable(value) else value for key, value in compiled.items()}, **options)
        keras.utils.set_random_seed(3)
        fitted = use(each) if use else each.fit(x, y, batch_size=8, epochs=2, verbose=0).history
        results.append([fitted, each.evaluate(x, y, batch_size=8, verbose=0, return_dict=True), each.predict(x, batch_size=8, verbose=0)])
        results[-1] += [each(x), each.get_weights()]
    for ours, expected in zip(*reversed(results), strict=True):
        assert_same(ours, expected)
    return wrapped
