"""Arrays are fed without tf.data: the rows of plain Keras in its order; everything else as Keras feeds it."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from keras_nets import clone, digits, small

import keras_interoperability as interop
from keras_interoperability.chosen_rows import ChosenRows
from keras_interoperability.feed import ArrayFeed, feed_fit


def rows_of(feed, epochs: int = 1) -> list[list[int]]:
    """What batches hold, one list an epoch; the first column of x is the row's number."""
    dataset = feed.get_tf_dataset()
    return [[int(number) for batch in dataset for number in np.asarray(batch[0])[:, 0]] for _ in range(epochs)]


@pytest.mark.parametrize("shuffle", [True, "batch", False])
@pytest.mark.parametrize("seed", [3, None])
def test_order_of_rows(shuffle, seed):
    numbers = np.arange(23, dtype="float32")
    x, y = np.stack([numbers, numbers], 1), numbers[:, None]
    orders = []
    for kind in (keras.src.trainers.data_adapters.array_data_adapter.ArrayDataAdapter, ArrayFeed):
        tf.random.set_seed(seed) if seed is None else keras.utils.set_random_seed(seed)
        orders.append(rows_of(kind(x, y, batch_size=5, shuffle=shuffle), 3))
    if seed is not None or not shuffle:
        assert orders[0] == orders[1]
    for epoch in orders[1]:
        assert sorted(epoch) == list(range(23))
        if shuffle == "batch":
            assert all(number // 5 == place // 5 for place, number in enumerate(epoch))
    if seed is None and shuffle:
        assert orders[1][0] != orders[1][1] != orders[1][2]


def test_without_a_seed_rows_are_shuffled_without_tensorflow(monkeypatch):
    def refuse(self):
        raise AssertionError("a pipeline of TensorFlow computes beside the engine")

    monkeypatch.setattr(keras.src.trainers.data_adapters.array_data_adapter.ArrayDataAdapter, "get_tf_dataset", refuse)
    x = np.arange(46, dtype="float32").reshape(23, 2)
    tf.random.set_seed(None)
    state = np.random.get_state()[1].copy()
    for shuffle in (True, "batch"):
        assert sorted(rows_of(ArrayFeed(x, batch_size=5, shuffle=shuffle))[0]) == list(range(0, 46, 2))
    assert np.array_equal(np.random.get_state()[1], state), "the script's own random numbers are left alone"


def test_batches_are_parts_of_the_arrays():
    x, y, weights = np.arange(14.0).reshape(7, 2), np.arange(7), np.linspace(0, 1, 7)
    for shuffle in (False, True):
        for a, b, w in ArrayFeed(x, y, weights, batch_size=3, shuffle=shuffle).get_tf_dataset():
            assert (a.dtype, b.dtype, w.dtype) == (np.float32, np.int64, np.float32)
            assert len(a) == len(b) == len(w)
            assert np.array_equal(a[:, 0], 2 * b)
            assert np.allclose(w, b / 6)
    first = next(iter(ArrayFeed(x.astype("float32"), batch_size=3).get_tf_dataset()))
    assert len(first) == 1
    assert first[0].shape == (3, 2)


def test_chosen_rows_of_any_type_and_layout():
    rng = np.random.default_rng(1)
    large = rng.random((50, 40, 30), dtype=np.float32)
    given = {
        "as it is": large,
        "a copy of it": large.copy(),
        "backwards": large[::-1],
        "every second": np.repeat(large, 2, axis=0)[::2],
        "rows with gaps": large[:, :, ::3],
        "column by column": np.asfortranarray(large),
        "one row for all": np.broadcast_to(large[:1], large.shape),
        "bytes": (large * 9).astype(np.uint8),
        "other byte order": (large * 9).astype(">i4"),
        "truth values": large[:, 0, 0] > 0.5,
        "no numbers": np.empty((50, 0), np.float32),
    }
    rows = ChosenRows(list(given.values()), 20)
    for count in (20, 20, 7, 1):
        chosen = rng.permutation(50)[:count]
        for (name, array), found in zip(given.items(), rows.of(chosen), strict=True):
            assert found.dtype == array.dtype, name
            assert np.array_equal(found, array[chosen]), name


def test_the_same_array_twice_is_gathered_once():
    x = np.random.default_rng(1).random((12, 5), dtype=np.float32)
    same, other = (ArrayFeed(x[:10], y, batch_size=4, shuffle=True) for y in (x[:10], x[2:]))
    for a, b in same.get_tf_dataset():
        assert np.shares_memory(a, b)
    for a, b in other.get_tf_dataset():
        assert not np.shares_memory(a, b)
        assert not np.array_equal(a, b)


def test_what_keras_feeds_itself():
    x, y = np.zeros((4, 8, 8, 1), np.float32), np.zeros(4)
    model = interop.wrap(small(), 4)
    for given in (tf.constant(x), tf.data.Dataset.from_tensor_slices((x, y)), np.array(["a"] * 4), [x, y[:2]], np.zeros((0, 3))):
        assert feed_fit(model, (given,), {})["x"] is given
    assert isinstance(feed_fit(model, (x, y), {})["x"], ArrayFeed)
    assert isinstance(feed_fit(model, ({"a": x},), {"y": [y, y]})["x"], ArrayFeed)


def _fitted(model, **options):
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    keras.utils.set_random_seed(8)
    return model.fit(verbose=0, batch_size=16, **options).history


def options_of_fit():
    x, classes, _ = digits()
    x, classes = x[:120], classes[:120]
    validation = (x[:30], classes[:30])
    return {
        "validation data": {"x": x, "y": classes, "epochs": 2, "validation_data": validation, "validation_batch_size": 7},
        "weighted validation": {"x": x, "y": classes, "validation_data": (*validation, np.linspace(0, 1, 30)), "validation_steps": 1},
        "validation as a dataset": {"x": x, "y": classes, "validation_data": tf.data.Dataset.from_tensor_slices(validation).batch(8)},
        "steps per epoch": {"x": x, "y": classes, "epochs": 3, "steps_per_epoch": 5},
        "float64 and lists": {"x": [x.astype("float64")], "y": classes.astype("float64")},
        "bytes": {"x": (x * 16).astype("uint8"), "y": classes.astype("uint8"), "shuffle": "batch", "epochs": 2},
        "no channels": {"x": x[..., 0], "y": classes[:, None], "shuffle": False, "initial_epoch": 1, "epochs": 2},
        "dataset with arrays to validate": {
            "x": tf.data.Dataset.from_tensor_slices((x, classes)).batch(16), "validation_data": validation, "batch_size": None},
    }  # fmt: skip


@pytest.mark.parametrize("name", options_of_fit())
def test_fit_as_keras(name):
    options = options_of_fit()[name]
    plain = small()
    wrapped = interop.wrap(clone(plain), 16)
    histories = []
    for model in (plain, wrapped):
        model.compile(optimizer=keras.optimizers.SGD(0.1), loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        keras.utils.set_random_seed(8)
        histories.append(model.fit(**{"batch_size": 16, "verbose": 0, **options}).history)
    assert histories[0].keys() == histories[1].keys()
    for key, expected in histories[0].items():
        assert histories[1][key] == pytest.approx(expected, rel=1e-5, abs=1e-6), key
    for a, b in zip(wrapped.get_weights(), plain.get_weights(), strict=True):
        assert np.abs(a - b).max() <= 1e-6 + 1e-5 * np.abs(b).max()


def test_several_inputs_and_steps_per_execution():
    a, b = keras.Input((3,), name="a"), keras.Input((2,), name="b")
    plain = keras.Model([a, b], layers.Dense(1)(layers.Concatenate()([a, b])))
    wrapped = interop.wrap(clone(plain), 4)
    rng = np.random.default_rng(0)
    x = {"a": rng.standard_normal((19, 3)), "b": rng.standard_normal((19, 2))}
    y = rng.standard_normal(19)
    predictions = []
    for model in (plain, wrapped):
        model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse", steps_per_execution=2)
        keras.utils.set_random_seed(1)
        model.fit(x, y, batch_size=4, epochs=2, verbose=0)
        predictions.append(model.predict(x, batch_size=4, verbose=0))
        predictions.append(model.evaluate(x, y, batch_size=4, verbose=0, return_dict=True)["loss"])
    assert np.abs(predictions[0] - predictions[2]).max() < 1e-6
    assert predictions[1] == pytest.approx(predictions[3], rel=1e-5)


def test_lengths_that_differ_are_keras_own_error():
    model = interop.wrap(small(), 4)
    model.compile(loss="sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="cardinality"):
        model.fit(np.zeros((4, 8, 8, 1), np.float32), np.zeros(3), verbose=0)


def test_progress_bar_and_callback_lists(capsys):
    x, classes, _ = digits()
    model = interop.wrap(small(), 16)
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(x[:40], classes[:40], batch_size=16)
    assert "3/3" in capsys.readouterr().out
    own = keras.callbacks.CallbackList(add_history=True, model=model, epochs=1, verbose=0, steps=3)
    model.fit(x[:40], classes[:40], batch_size=16, verbose=0, callbacks=own)
    assert set(model.history.history) == {"loss", "accuracy"}
