"""Losses, metrics, weights and moving statistics against Keras."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras_nets import batch_norm_net, clone, digits, mnist_convnet, precision, small
from parity import Twin, assert_one_step_close, shaken

import keras_interoperability as interop
import n2d2


def _step(model: keras.Model, x: np.ndarray, y: np.ndarray, dtype: str) -> dict[str, np.ndarray]:
    """Output, loss and gradients of one training step in TensorFlow."""
    with tf.GradientTape() as tape:
        out = model(tf.constant(x, dtype), training=True)
        loss = tf.reduce_mean(keras.losses.categorical_crossentropy(tf.constant(y, dtype), out))
    gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
    return {"output": out.numpy()} | {v.path: g.numpy() for v, g in zip(model.trainable_variables, gradients, strict=True)}


def _in_float64(make, weights: list[np.ndarray], x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    with precision("float64"):
        model = make()
        model.set_weights(weights)
        return _step(model, x, y, "float64")


@pytest.mark.parametrize(("make", "shape", "rows"), [(mnist_convnet, (28, 28, 1), 128), (small, (8, 8, 1), 7)])
def test_one_step(make, shape, rows):
    rng = np.random.default_rng(rows)
    x = rng.random((rows, *shape), np.float32)
    y = keras.utils.to_categorical(rng.integers(0, 10, rows), 10).astype("float32")
    model = make()
    weights = model.get_weights()
    framework = _step(model, x, y, "float32")
    exact = _in_float64(make, weights, x, y)
    noise = _in_float64(make, [shaken(w, i) for i, w in enumerate(weights)], shaken(x, 99), y)
    wrapped = interop.wrap(make(), rows)
    wrapped.set_weights(weights)
    wrapped.compile(optimizer=n2d2.solver.SGD(0.0), loss="categorical_crossentropy")
    assert_one_step_close(wrapped.predict(x, verbose=0, batch_size=rows), exact["output"], framework["output"], noise["output"], "output")
    wrapped.train_on_batch(x, y)
    session = wrapped._session
    names = list(exact)[1:]
    for name, variable in zip(names, wrapped.trainable_variables, strict=True):
        key = next(k for k, v in session.training.variables.items() if v is variable)
        ours = session.network.gradient(key).reshape(variable.shape)
        other = [list(values.values())[names.index(name) + 1] for values in (exact, framework, noise)]
        assert_one_step_close(ours, *other, name)


def _batch_norm_step(model: keras.Model, x: np.ndarray, y: np.ndarray, dtype: str) -> list[np.ndarray]:
    """Output and gradients of one training step in TensorFlow, then the weights after SGD with rate 0.1, running statistics included."""
    values = list(_step(model, x, y, dtype).values())
    for variable, gradient in zip(model.trainable_variables, values[1:], strict=True):
        variable.assign(variable.numpy() - 0.1 * gradient)
    return values + model.get_weights()


def test_one_step_with_batch_norm():
    rng = np.random.default_rng(5)
    x = rng.random((24, 8, 8, 1), np.float32)
    y = keras.utils.to_categorical(rng.integers(0, 10, 24), 10).astype("float32")
    weights = [w + 0.1 * rng.standard_normal(w.shape).astype("float32") ** 2 for w in batch_norm_net().get_weights()]

    def exact(weights, x):
        with precision("float64"):
            model = batch_norm_net()
            model.set_weights(weights)
            return _batch_norm_step(model, x, y, "float64")

    plain = batch_norm_net()
    plain.set_weights(weights)
    wrapped = interop.wrap(clone(plain), 24)
    session = wrapped._session
    wrapped.compile(optimizer=n2d2.solver.SGD(0.1), loss="categorical_crossentropy")
    logits = session.forward([x])[0].astype(np.float64)
    session.drop()
    shares = np.exp(logits - logits.max(1, keepdims=True))
    wrapped.set_weights(weights)  # the forward moved the running statistics
    wrapped.train_on_batch(x, y)
    keys = {id(variable): key for key, variable in session.training.variables.items()}
    ours = [shares / shares.sum(1, keepdims=True)]
    ours += [session.network.gradient(keys[id(v)]).reshape(v.shape) for v in wrapped.trainable_variables]
    ours += wrapped.get_weights()
    names = ["output", *(f"gradient of {v.path}" for v in plain.trainable_variables), *(f"new {v.path}" for v in plain.weights)]
    noise = exact([shaken(w, i) for i, w in enumerate(weights)], shaken(x, 99))
    framework = _batch_norm_step(plain, x, y, "float32")
    for parts in zip(ours, exact(weights, x), framework, noise, names, strict=True):
        assert_one_step_close(*parts)


@pytest.mark.parametrize(
    "optimizer", ["sgd", "adam", keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True)], ids=["sgd", "adam", "nesterov"]
)
def test_ten_steps_of_the_convnet(optimizer):
    rng = np.random.default_rng(1)
    plain = mnist_convnet()
    twin, source = clone(plain), clone(plain)
    twin.set_weights([shaken(w, i) for i, w in enumerate(plain.get_weights())])
    wrapped = interop.wrap(source, 32)
    for model in (plain, twin, wrapped):
        chosen = optimizer if isinstance(optimizer, str) else keras.optimizers.SGD.from_config(optimizer.get_config())
        model.compile(optimizer=chosen, loss="categorical_crossentropy", metrics=["accuracy"])
    rule = Twin()
    for step in range(10):
        x = rng.random((32, 28, 28, 1), np.float32)
        y = keras.utils.to_categorical(rng.integers(0, 10, 32), 10)
        logs = [model.train_on_batch(x, y, return_dict=True) for model in (plain, twin, wrapped)]
        assert logs[2]["loss"] == pytest.approx(logs[0]["loss"], rel=1e-3)
        for a, b, c in zip(wrapped.get_weights(), plain.get_weights(), twin.get_weights(), strict=True):
            rule.check(a, b, c, f"step {step}")
    assert int(wrapped.optimizer.iterations) == 10


def test_batch_norm_partial_batch_and_biased_evaluation():
    x, _, y = digits()
    plain = batch_norm_net()
    twin, source = clone(plain), clone(plain)
    twin.set_weights([shaken(w, i) for i, w in enumerate(plain.get_weights())])
    wrapped = interop.wrap(source, 32)
    models = (wrapped, plain, twin)
    for model in models:
        model.compile(optimizer=keras.optimizers.SGD(0.05), loss="categorical_crossentropy", metrics=["accuracy"])
        model.fit(x[:150], y[:150], batch_size=32, epochs=2, shuffle=False, verbose=0)  # the last batch has 22 rows
        model.train_on_batch(x[:16] * 3 + 1, y[:16])  # a biased batch moves the statistics
    rule = Twin()
    for a, b, c in zip(*(m.get_weights() for m in models), strict=True):
        rule.check(a, b, c, "weights and moving statistics")
    rule.check(*(m.predict(x[150:400], verbose=0) for m in models), "prediction")
    results = [m.evaluate(x[150:400], y[150:400], verbose=0) for m in models]
    assert results[0] == pytest.approx(results[1], rel=5e-3)


def test_fit_gives_keras_own_history():
    x, _, y = digits()
    histories = []
    for wrapped in (False, True):
        model = small()
        if wrapped:
            model = interop.wrap(model, 32)
        model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
        keras.utils.set_random_seed(5)
        histories.append(model.fit(x[:500], y[:500], batch_size=32, epochs=2, validation_split=0.2, verbose=0).history)
    assert histories[0].keys() == histories[1].keys()
    for key in histories[0]:
        assert histories[1][key] == pytest.approx(histories[0][key], rel=1e-3, abs=1e-3), key


@pytest.mark.parametrize(
    ("loss", "labels"),
    [
        ("sparse_categorical_crossentropy", "classes"),
        ("mse", "one-hot"),
        (keras.losses.CategoricalCrossentropy(label_smoothing=0.1), "one-hot"),
        (lambda y, p: keras.ops.mean(keras.ops.abs(y - p), axis=-1), "one-hot"),
    ],
    ids=["sparse", "mse", "smoothed", "custom"],
)
def test_any_loss(loss, labels):
    x, classes, one_hot = digits()
    y = classes if labels == "classes" else one_hot
    results = []
    for wrapped in (False, True):
        model = small()
        if wrapped:
            model = interop.wrap(model, 64)
        model.compile(optimizer=keras.optimizers.SGD(0.1), loss=loss)
        model.fit(x[:256], y[:256], batch_size=64, epochs=2, shuffle=False, verbose=0, sample_weight=np.linspace(0.5, 1.5, 256))
        results.append(model.get_weights())
    for a, b in zip(*results, strict=True):
        assert np.abs(a - b).max() < 1e-5


def test_trains_on_real_digits_as_keras_does():
    x, _, y = digits()
    accuracies = []
    for wrapped in (False, True):
        model = small()
        if wrapped:
            model = interop.wrap(model, 32)
        model.compile(
            optimizer=n2d2.solver.Adam(0.003) if wrapped else keras.optimizers.Adam(0.003),
            loss="categorical_crossentropy",
            metrics=["accuracy"],
        )
        keras.utils.set_random_seed(3)
        model.fit(x[:1400], y[:1400], batch_size=32, epochs=12, verbose=0)
        accuracies.append(model.evaluate(x[1400:], y[1400:], verbose=0)[1])
    assert accuracies[1] > 0.88
    assert abs(accuracies[0] - accuracies[1]) < 0.03
