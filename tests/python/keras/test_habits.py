"""What Keras users do around `fit`, done with plain Keras and with a wrapped model: the same results."""

from __future__ import annotations

import csv
import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf
from comparing import assert_same, assert_same_training
from keras import layers
from keras_nets import clone, digits, small

import keras_interoperability as interop
import n2d2

CB = keras.callbacks
X, CLASSES, ONE_HOT = (part[:60] for part in digits())
COMPILED = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}


def fit(model: keras.Model, *callbacks, epochs: int = 3, **options):
    return model.fit(X, CLASSES, batch_size=16, epochs=epochs, verbose=0, callbacks=list(callbacks), **options).history


def same(use, **compiled) -> keras.Model:
    return assert_same_training(small(), X, CLASSES, use, is_eager=True, **{**COMPILED, **compiled})


# Compiling.


def test_arguments_of_compile_by_place_and_name():
    model = interop.wrap(small(), 16)
    model.compile("adam", "mse", 0.5, ["mae"], ["mse"])
    assert isinstance(model.optimizer, keras.optimizers.Adam)
    assert model.evaluate(X[:4], ONE_HOT[:4], verbose=0, return_dict=True).keys() == {"loss", "mae", "mse"}
    with pytest.raises(ValueError, match="Could not interpret optimizer"):
        model.compile("no such optimizer", "mse")
    model.compile(n2d2.solver.Adam(0.02), "mse")
    assert float(model.optimizer.learning_rate) == pytest.approx(0.02)
    with pytest.warns(UserWarning, match="run_eagerly and jit_compile have no effect"):
        model.compile(loss="mse", run_eagerly=True)


LOSSES = ["kl_divergence", "categorical_focal_crossentropy"]
MORE_LOSSES = [
    "cosine_similarity",
    "log_cosh",
    "categorical_hinge",
    "dice",
    "poisson",
    "huber",
    "squared_hinge",
    "mean_absolute_percentage_error",
    "mean_squared_logarithmic_error",
    "tversky",
]


@pytest.mark.parametrize("loss", [*LOSSES, *(pytest.param(name, marks=pytest.mark.slow) for name in MORE_LOSSES)])
def test_losses(loss):
    def metrics():
        return ["accuracy", keras.metrics.AUC(name="auc", num_thresholds=20), keras.metrics.F1Score()]

    assert_same_training(small(), X, ONE_HOT, is_eager=True, loss=loss, metrics=metrics)


def test_metrics_of_all_kinds():
    def in_top(y, p):
        return keras.ops.mean(keras.ops.in_top_k(keras.ops.cast(y, "int32"), p, 3))

    def metrics():
        return [in_top, keras.metrics.SparseTopKCategoricalAccuracy(2), "sparse_categorical_crossentropy"]

    same(
        lambda m: [fit(m, sample_weight=np.linspace(0, 2, 60)), dict.fromkeys(m.metrics_names, 0)],
        metrics=metrics,
        weighted_metrics=["accuracy"],
    )


# Feeding.


class Pairs(keras.utils.PyDataset):
    def __len__(self):
        return 4

    def __getitem__(self, i):
        rows = slice(i * 16, (i + 1) * 16)
        return X[rows], CLASSES[rows], np.linspace(0, 1, len(X[rows]), dtype="float32")


def frames(m):
    import pandas as pd

    table = pd.DataFrame(X.reshape(60, 64))
    return m.fit(table, pd.Series(CLASSES), batch_size=16, verbose=0, shuffle=False).history


def generator():
    while True:
        for start in range(0, 48, 12):
            yield X[start : start + 12], CLASSES[start : start + 12]


FEEDS = {
    "PyDataset": lambda m: m.fit(Pairs(), epochs=2, verbose=0, shuffle=False).history,
    "generator": lambda m: m.fit(generator(), steps_per_epoch=3, epochs=2, verbose=0, validation_data=generator(), validation_steps=2).history,
    "tensors": lambda m: m.fit(tf.constant(X), tf.constant(CLASSES), batch_size=16, verbose=0, shuffle=False).history,
    "lists": lambda m: m.train_on_batch(X[:8], CLASSES[:8].astype("int32"), return_dict=True),
    "larger batches": lambda m: m.fit(X, CLASSES, batch_size=50, epochs=2, verbose=0, validation_data=(X, CLASSES)).history,
    "class weights": lambda m: fit(m, class_weight={0: 2.0, **dict.fromkeys(range(1, 10), 0.5)}, epochs=1),
    "several steps at once": lambda m: [m.compile("sgd", steps_per_execution=3, **COMPILED), fit(m, epochs=2)][1:],
    "validation": lambda m: fit(m, validation_split=0.25, validation_freq=2, epochs=4, initial_epoch=1),
    "batches": lambda m: [m.train_on_batch(X[:9], CLASSES[:9], class_weight={c: 1.0 + c for c in range(10)}), m.test_on_batch(X[:5], CLASSES[:5]),
                          m.predict_on_batch(X[:3]), m.predict(X, steps=2, batch_size=8, verbose=0)],
}  # fmt: skip


@pytest.mark.parametrize("name", FEEDS)
def test_feeds(name):
    same(FEEDS[name])


def test_pandas():
    keras.utils.set_random_seed(1)
    plain = keras.Sequential([keras.Input((64,)), layers.Dense(10, activation="softmax")])
    assert_same_training(plain, X.reshape(60, 64), CLASSES, frames, is_eager=True, **COMPILED)


# Callbacks.


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


# Losses and gradients.


def test_losses_property_and_gradients_through_the_model():
    keras.utils.set_random_seed(1)
    plain = keras.Sequential([keras.Input((6,)), layers.Dense(4, kernel_regularizer="l2"), layers.Dense(3, activation="softmax")])
    wrapped = interop.wrap(clone(plain), 16)
    x = tf.constant(np.random.default_rng(0).standard_normal((5, 6)).astype("float32"))
    results = []
    for each in (plain, wrapped):
        each.compile("sgd", "mse")
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = each(x, training=True)
            loss = tf.reduce_sum(y[:, 0]) + sum(each.losses)
        gradients = tape.gradient(loss, [x, *[v.value for v in each.trainable_variables]])
        results.append([np.asarray(loss), *[np.asarray(g) for g in gradients], *each.get_weights()])
    assert_same(results[1], results[0])


def test_saliency_and_traced_calls_leave_the_weights_alone():
    model, plain = interop.wrap(small(), 16), small()
    x, before = tf.constant(X[:5]), model.get_weights()
    maps = []
    for each in (plain, model):
        with tf.GradientTape() as tape:
            tape.watch(x)
            best = tf.reduce_max(each(x), axis=-1)
        maps.append(np.asarray(tape.gradient(best, x)))
    assert_same(maps[1], maps[0])
    traced = tf.function(lambda given: model(given))
    assert_same(np.asarray(traced(x)), model.predict(x, verbose=0))
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))


def own_loop(m):
    """A few steps of one's own between two fits, with a rate that depends on the count of updates."""
    x, y = tf.constant(X[:16]), tf.constant(CLASSES[:16])
    m.compile(keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.1, 4, 0.5)), **COMPILED)

    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(keras.losses.sparse_categorical_crossentropy(y, m(x, training=True)))
        m.optimizer.apply(tape.gradient(loss, [v.value for v in m.trainable_variables]), m.trainable_variables)

    fit(m, epochs=1, shuffle=False)
    step()
    traced = tf.function(step)
    traced()
    traced()
    return [fit(m, epochs=1, shuffle=False), int(m.optimizer.iterations)]


def test_loops_of_ones_own():
    same(own_loop)


# State.


def test_the_original_is_trained_on_in_plain_keras():
    source = small()
    source.compile("sgd", **COMPILED)
    source.predict(X[:4], verbose=0)  # traced before it is wrapped
    model = interop.wrap(source, 16)
    model.compile("sgd", **COMPILED)
    for each in (model, source, model):
        fit(each, epochs=1)
        assert_same(source.predict(X, verbose=0), model.predict(X, verbose=0))


def trained(optimizer=None) -> keras.Model:
    model = interop.wrap(small(), 16)
    model.compile(optimizer or keras.optimizers.Adam(0.01), **COMPILED)
    fit(model, epochs=1, shuffle=False)
    return model


def test_clones_and_configs():
    model = trained()
    twin = keras.models.clone_model(model)
    assert type(twin) is keras.Sequential
    twin.set_weights(model.get_weights())
    assert np.abs(twin.predict(X, verbose=0) - model.predict(X, verbose=0)).max() < 1e-6
    again = type(model).from_config(model.get_config())
    assert [v.shape for v in again.weights] == [v.shape for v in model.weights]
    copy = pickle.loads(pickle.dumps(model))
    assert np.array_equal(copy.predict(X, verbose=0), model.predict(X, verbose=0))


@pytest.mark.parametrize("optimizer", [keras.optimizers.Adam(0.01), keras.optimizers.RMSprop(0.01)], ids=["engine", "Keras"])
@pytest.mark.parametrize("name", ["model.keras", "model.weights.h5"])
def test_saved_models_go_on_bit_for_bit(optimizer, name, tmp_path):
    model = trained(type(optimizer).from_config(optimizer.get_config()))
    model.save_weights(tmp_path / name) if "weights" in name else model.save(tmp_path / name)
    if "weights" in name:
        other = interop.wrap(small(7), 16)
        other.compile(type(optimizer).from_config(optimizer.get_config()), **COMPILED)
        other.load_weights(tmp_path / name)
    else:
        other = keras.models.load_model(tmp_path / name)
    assert type(other) is type(model)
    histories = [fit(each, epochs=2, shuffle=False) for each in (model, other)]
    assert histories[0] == histories[1]
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        assert np.array_equal(a, b)


def test_the_old_format_keeps_weights_rate_and_count(tmp_path):
    """Plain Keras cannot train a model from such a file any further; this one can, its solver's slots beginning anew."""
    model = trained()
    model.optimizer.learning_rate = 0.003
    model.save(tmp_path / "model.h5")
    other = keras.models.load_model(tmp_path / "model.h5")
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights(), strict=True))
    assert int(other.optimizer.iterations) == int(model.optimizer.iterations)
    fit(other, epochs=1)
    assert other._box["solver"].learning_rate == pytest.approx(0.003)


def test_weights_go_to_plain_keras_and_back(tmp_path):
    model, plain = trained(), small(9)
    model.save_weights(tmp_path / "w.weights.h5")
    plain.compile(keras.optimizers.Adam(0.01), **COMPILED)
    plain.load_weights(tmp_path / "w.weights.h5")
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), plain.get_weights(), strict=True))
    plain.set_weights([w * 2 for w in plain.get_weights()])
    plain.save_weights(tmp_path / "p.weights.h5")
    model.load_weights(tmp_path / "p.weights.h5", skip_mismatch=False)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), plain.get_weights(), strict=True))
    assert np.abs(model.predict(X, verbose=0) - plain.predict(X, verbose=0)).max() < 1e-5


def test_models_with_several_inputs_and_outputs_are_saved_and_loaded(tmp_path):
    a, b = keras.Input((3,), name="a"), keras.Input((2,), name="b")
    hidden = layers.Dense(4, activation="tanh")(layers.Concatenate()([a, b]))
    source = keras.Model({"a": a, "b": b}, {"u": layers.Dense(1, name="u")(hidden), "v": layers.Dense(2, name="v")(hidden)})
    model = interop.wrap(source, 8)
    rng = np.random.default_rng(0)
    x, y = {"a": rng.random((9, 3)), "b": rng.random((9, 2))}, {"u": rng.random((9, 1)), "v": rng.random((9, 2))}
    model.compile("adam", {"u": "mse", "v": "mae"}, metrics={"v": ["mse"]})
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    other = keras.models.load_model(tmp_path / "model.keras")
    for each in (model, other):
        each.fit(x, y, verbose=0, shuffle=False)
    assert_same(other.predict(x, verbose=0), model.predict(x, verbose=0))
    assert_same(other.evaluate(x, y, verbose=0, return_dict=True), model.evaluate(x, y, verbose=0, return_dict=True))
