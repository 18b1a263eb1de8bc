"""Keras' callbacks and those of one's own, with plain Keras and with a wrapped model: the same results."""

from __future__ import annotations

import csv

import keras
import numpy as np
import pytest
import tensorflow as tf
from comparing import assert_same
from habits import CLASSES, COMPILED, X, fit, same
from keras_nets import small

import keras_interoperability as interop

CB = keras.callbacks


class Meddler(CB.Callback):
    """Reads and sets weights in the middle of an epoch, by every way there is."""

    def on_train_begin(self, logs=None):
        self.seen = []

    def on_train_batch_end(self, batch, logs=None):
        conv, dense = self.model.layers[0], self.model.layers[-1]
        self.seen.append(float(np.abs(conv.kernel.numpy()).sum()))
        if batch == 0:
            conv.kernel.assign(conv.kernel * 0.5)
        elif batch == 1:
            dense.set_weights([w * 1.5 for w in dense.get_weights()])
        elif batch == 2:
            self.model.set_weights([w + 0.01 for w in self.model.get_weights()])

    def on_epoch_end(self, epoch, logs=None):
        dense = self.model.layers[-1]
        dense.bias.value.assign(dense.bias.value * 0.0)  # past Keras' own `assign`
        self.seen.append(self.model.evaluate(X[:20], CLASSES[:20], verbose=0)[0])
        self.seen.append(self.model.predict(X[:2], verbose=0))


def meddled(m):
    meddler = Meddler()
    return [fit(m, meddler), meddler.seen]


CALLBACKS = {
    "early stopping": lambda m: fit(m, CB.EarlyStopping("loss", patience=1, mode="max", restore_best_weights=True), epochs=6),
    "plateau": lambda m: fit(m, CB.ReduceLROnPlateau("loss", factor=0.5, patience=1, min_delta=9), epochs=4),
    "schedule": lambda m: fit(m, CB.LearningRateScheduler(lambda epoch, rate: rate * 0.5)),
    "meddler": meddled,
    "swapped averages": lambda m: [m.compile(keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.5), **COMPILED),
                                   fit(m, CB.SwapEMAWeights(swap_on_epoch=True), validation_split=0.2)][1:],
}  # fmt: skip


@pytest.mark.parametrize("name", CALLBACKS)
def test_callbacks(name):
    same(CALLBACKS[name])


def test_early_stopping_restores_the_best_weights():
    model = interop.wrap(small(), 16)
    model.compile(keras.optimizers.SGD(50.0), **COMPILED)
    best = {}

    class Keep(CB.Callback):
        def on_epoch_end(self, epoch, logs=None):
            best[logs["loss"]] = model.predict(X, verbose=0)

    fit(model, Keep(), CB.EarlyStopping("loss", patience=2, restore_best_weights=True), epochs=4)
    assert np.array_equal(model.predict(X, verbose=0), best[min(best)])


def test_checkpoints_of_the_best_model(tmp_path):
    model = interop.wrap(small(), 16)
    model.compile(keras.optimizers.Adam(0.01), **COMPILED)
    best = CB.ModelCheckpoint(tmp_path / "best.keras", monitor="val_accuracy", mode="max", save_best_only=True)
    last = CB.ModelCheckpoint(tmp_path / "{epoch:02d}.weights.h5", save_weights_only=True)
    history = fit(model, best, last, validation_split=0.5, epochs=4)
    other = keras.models.load_model(tmp_path / "best.keras")
    assert other.evaluate(X[30:], CLASSES[30:], verbose=0)[1] == pytest.approx(max(history["val_accuracy"]))
    other.load_weights(tmp_path / "04.weights.h5")
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights(), strict=True))


def test_logs_in_files(tmp_path):
    rows = []
    for name, each in (("plain", small()), ("wrapped", interop.wrap(small(), 16))):
        each.compile("sgd", **COMPILED)
        fit(each, CB.CSVLogger(tmp_path / f"{name}.csv"), shuffle=False)
        rows.append(list(csv.DictReader((tmp_path / f"{name}.csv").open())))
    for expected, ours in zip(*rows, strict=True):
        assert list(ours) == list(expected)
        for name, value in expected.items():
            assert ours[name] == value if value == "NA" else float(ours[name]) == pytest.approx(float(value), rel=1e-4)


def test_tensorboard(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    written = []
    for name, model in (("plain", small()), ("wrapped", interop.wrap(small(), 16))):
        model.compile("sgd", **COMPILED)
        board = CB.TensorBoard(tmp_path / name, histogram_freq=1, update_freq=1, write_graph=True)
        fit(model, board, validation_split=0.2, shuffle=False)
        for part in ("train", "validation"):
            events = EventAccumulator(str(tmp_path / name / part)).Reload()
            tags = [tag.removeprefix(f"{model.name}/") for tag in events.Tags()["tensors"]]
            losses = [tf.make_ndarray(event.tensor_proto) for event in events.Tensors("epoch_loss")]
            written.append([tags, np.array(losses)])
    assert written[0][0].pop(0) == "keras"  # the graph, which Keras writes of its own classes alone
    for (tags, losses), (expected_tags, expected_losses) in zip(written[2:], written[:2], strict=True):
        assert tags == expected_tags
        assert_same(losses, expected_losses)
