"""What Keras users do around `fit`, done with plain Keras and with a wrapped model: the same results."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from comparing import assert_same, assert_same_training
from habits import CLASSES, COMPILED, ONE_HOT, X, fit, same
from keras import layers
from keras_nets import clone, small

import keras_interoperability as interop
import n2d2

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
