"""Feeds NumPy arrays to Keras' fit, evaluate and predict without tf.data: the same rows in the same order.

Keras takes a data adapter in place of arrays. This one is Keras' own for arrays, but for the batches: the engine's threads gather them.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from keras.src.trainers.data_adapters import array_slicing
from keras.src.trainers.data_adapters.array_data_adapter import ArrayDataAdapter
from tensorflow.python.eager import context

from keras_interoperability.callbacks import step_callbacks
from keras_interoperability.chosen_rows import ChosenRows

Array = np.ndarray[Any, Any]


def feed_fit(model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `fit`, with arrays replaced by feeds."""
    a = _named(keras.Sequential.fit, model, args, kwargs)
    data = (a["x"], a["y"], a["sample_weight"])
    if _are_arrays(*data):
        if a["validation_split"] and a["validation_data"] is None:
            data, a["validation_data"] = array_slicing.train_validation_split(data, validation_split=a["validation_split"])
        steps = a["steps_per_epoch"]
        a["x"] = ArrayFeed(*data, batch_size=a["batch_size"], steps=steps, shuffle=a["shuffle"], class_weight=a["class_weight"])
        a["callbacks"] = step_callbacks(model, a, steps or a["x"].num_batches, a["epochs"])
        a.update(y=None, sample_weight=None, class_weight=None, validation_split=0.0)
    if a["validation_data"] is not None:
        validation = keras.utils.unpack_x_y_sample_weight(a["validation_data"])
        if _are_arrays(*validation):
            size = a["validation_batch_size"] or a["batch_size"]
            a["validation_data"] = (ArrayFeed(*validation, batch_size=size, steps=a["validation_steps"]),)
    return a


def feed_evaluate(model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `evaluate`, with arrays replaced by a feed."""
    a = _named(keras.Sequential.evaluate, model, args, kwargs)
    if _are_arrays(a["x"], a["y"], a["sample_weight"]):
        a["x"] = ArrayFeed(a["x"], a["y"], a["sample_weight"], batch_size=a["batch_size"], steps=a["steps"])
        a["callbacks"] = step_callbacks(model, a, a["steps"] or a["x"].num_batches, None)
        a.update(y=None, sample_weight=None)
    return a


def feed_predict(model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """The arguments of `predict`, with arrays replaced by a feed."""
    a = _named(keras.Sequential.predict, model, args, kwargs)
    if _are_arrays(a["x"], None, None):
        a["x"] = ArrayFeed(a["x"], batch_size=a["batch_size"], steps=a["steps"])
    return a


def _named(function: Any, model: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> dict[str, Any]:
    """All arguments by name, defaults filled in."""
    bound = inspect.signature(function).bind(model, *args, **kwargs)
    bound.apply_defaults()
    named = dict(bound.arguments)
    del named["self"]
    further = named.pop("kwargs", {})
    return {**named, **further}


def _are_arrays(x: Any, y: Any, weights: Any) -> bool:
    """Whether all that is given are arrays of numbers of one length, in tuples, lists or dicts or alone; errors are left to Keras."""
    leaves = keras.tree.flatten((x,) + tuple(part for part in (y, weights) if part is not None))
    simple = all(type(a) is np.ndarray and a.dtype.kind in "fiub" and a.ndim > 0 for a in leaves)
    return simple and len({len(a) for a in leaves}) == 1 and len(leaves[0]) > 0 and not tf.distribute.has_strategy()


class ArrayFeed(ArrayDataAdapter):  # type: ignore[misc]
    """Keras' adapter of arrays, whose batches are NumPy arrays."""

    def get_tf_dataset(self) -> Any:
        """What Keras iterates over, once an epoch."""
        return _Batches(self._inputs, self._num_samples, self._batch_size, self._shuffle)


class _Batches:
    """The batches of an epoch: views of the user's arrays, or rows gathered into memory that the next batch overwrites."""

    def __init__(self, inputs: Any, rows: int, batch_size: int, shuffle: Any) -> None:
        self._inputs = inputs if isinstance(inputs, tuple) else (inputs,)
        self._arrays = [_as_float32(a) for a in keras.tree.flatten(self._inputs)]
        self._is_flat = all(type(part) is np.ndarray for part in self._inputs)
        self._rows = rows
        self._size = min(batch_size, rows)
        self._order = _Order(rows, batch_size, shuffle) if shuffle else None

    def __iter__(self) -> Iterator[Any]:
        starts = range(0, self._rows, self._size)
        if self._order is None:
            for start in starts:
                yield self._packed([a[start : start + self._size] for a in self._arrays])
            return
        order = self._order.of_epoch()
        chosen_rows = ChosenRows(self._arrays, self._size)
        for start in starts:
            yield self._packed(chosen_rows.of(order[start : start + self._size]))

    def _packed(self, parts: list[Array]) -> Any:
        return tuple(parts) if self._is_flat else keras.tree.pack_sequence_as(self._inputs, parts)


class _Order:
    """The order of rows: with a seed of TensorFlow's Keras' own, by its pipeline over row numbers; without one, drawn here.

    Iterators of TensorFlow take 30 to 70 ms to make, compute beside the engine, and have taken half a second to go while it ran. With a seed
    all of them give the same order, so one is read to its end before the first step; without one, the order may come from anywhere.
    """

    def __init__(self, rows: int, batch_size: int, shuffle: Any) -> None:
        self._rows = rows
        self._size = batch_size if shuffle == "batch" else rows
        self._generator = np.random.default_rng()
        self._known: Array | None = None
        if context.global_seed() is not None:
            adapter = ArrayDataAdapter(np.arange(rows), batch_size=self._size, shuffle=shuffle)
            self._known = np.concatenate([np.asarray(numbers) for numbers in adapter.get_tf_dataset()])

    def of_epoch(self) -> Array:
        """Row numbers of the next epoch."""
        if self._known is not None:
            return self._known
        starts = range(0, self._rows, self._size)
        return np.concatenate([start + self._generator.permutation(min(self._size, self._rows - start)) for start in starts])


def _as_float32(array: Array) -> Array:
    """Floats in Keras' own type, as its adapter does; whole numbers stay."""
    return array.astype(np.float32) if array.dtype.kind == "f" and array.dtype != np.float32 else array


__all__ = ["ArrayFeed", "feed_evaluate", "feed_fit", "feed_predict"]
