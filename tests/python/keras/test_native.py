"""fit, evaluate and validation with loss and metrics in NumPy: history, results and weights of plain Keras."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers
from keras_nets import clone, small

import keras_interoperability as interop

L, M = keras.losses, keras.metrics
ROWS, CLASSES = 50, 4
ENDS = {
    "softmax": lambda: [layers.Dense(CLASSES, activation="softmax")],
    "sigmoid": lambda: [layers.Dense(CLASSES, activation="sigmoid")],
    "linear": lambda: [layers.Dense(CLASSES)],
    "shares": lambda: [layers.Dense(CLASSES, activation="softmax"), layers.Reshape((CLASSES,))],  # Keras sees no logits behind it
    "one sigmoid": lambda: [layers.Dense(1, activation="sigmoid")],
    "one": lambda: [layers.Dense(1)],
    "positions": lambda: [layers.Dense(3 * CLASSES), layers.Reshape((3, CLASSES)), layers.Softmax()],
}


def data(form: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Inputs, targets and weights of the rows."""
    rng = np.random.default_rng(2)
    numbers = rng.integers(0, CLASSES, ROWS)
    y = {
        "one-hot": np.eye(CLASSES)[numbers],  # float64, as keras.utils.to_categorical gives
        "numbers": numbers,
        "column": numbers[:, None].astype("int32"),
        "several": rng.integers(0, 2, (ROWS, CLASSES)),
        "binary": rng.integers(0, 2, ROWS).astype("float32"),
        "real": rng.standard_normal((ROWS, CLASSES)).astype("float32"),
        "numbers of positions": rng.integers(0, CLASSES, (ROWS, 3)),
    }[form]
    weights = np.linspace(0, 2, ROWS)
    if form == "numbers of positions":
        weights = np.stack([weights, weights[::-1], weights], 1)
    return rng.standard_normal((ROWS, 6)).astype("float32"), y, weights


def pair(end: str) -> tuple[keras.Model, keras.Model]:
    keras.utils.set_random_seed(4)
    plain = keras.Sequential([keras.Input((6,)), layers.Dense(8, activation="tanh"), *ENDS[end]()])
    return plain, interop.wrap(clone(plain), 16)


def uses_native(model: keras.Model) -> bool:
    steps = model._box["steps"]
    return steps.native is not None and steps._general is None


def assert_same_training(end: str, form: str, compiled, is_native: bool = True, **fit) -> None:
    """Two epochs with batches of 16 (the last one is smaller) and validation; then `evaluate` with and without weights."""
    x, y, weights = data(form)
    models = pair(end)
    histories, results = [], []
    fit = {key: weights if isinstance(value, str) and value == "rows" else value for key, value in fit.items()}
    for model in models:
        model.compile(optimizer=keras.optimizers.SGD(0.1), **compiled())
        keras.utils.set_random_seed(6)
        histories.append(model.fit(x, y, batch_size=16, epochs=2, verbose=0, validation_split=0.3, **fit).history)
        results.append([model.evaluate(x, y, batch_size=16, verbose=0, sample_weight=w) for w in (None, weights)])
    assert histories[0].keys() == histories[1].keys()
    for key, expected in histories[0].items():
        assert histories[1][key] == pytest.approx(expected, rel=1e-5, abs=1e-6), key
        assert all(type(value) is float for value in histories[1][key])
    for ours, expected in zip(results[1], results[0], strict=True):
        assert ours == pytest.approx(expected, rel=1e-5, abs=1e-6)
    for a, b in zip(models[1].get_weights(), models[0].get_weights(), strict=True):
        assert np.abs(a - b).max() <= 1e-6 + 1e-5 * np.abs(b).max()
    assert uses_native(models[1]) == is_native


CASES = [
    ("softmax", "one-hot", "categorical_crossentropy"),
    ("softmax", "one-hot", L.categorical_crossentropy),
    ("softmax", "one-hot", L.CategoricalCrossentropy(label_smoothing=0.1)),
    ("shares", "one-hot", L.CategoricalCrossentropy(label_smoothing=0.1)),
    ("sigmoid", "one-hot", "categorical_crossentropy"),
    ("linear", "one-hot", L.CategoricalCrossentropy(from_logits=True)),
    ("softmax", "one-hot", "crossentropy"),
    ("softmax", "numbers", "sparse_categorical_crossentropy"),
    ("shares", "column", "sparse_categorical_crossentropy"),
    ("linear", "column", L.SparseCategoricalCrossentropy(from_logits=True)),
    ("sigmoid", "several", "binary_crossentropy"),
    ("one sigmoid", "binary", "binary_crossentropy"),
    ("one", "binary", L.BinaryCrossentropy(from_logits=True, label_smoothing=0.2)),
    ("shares", "several", "bce"),
    ("softmax", "several", "binary_crossentropy"),
    ("linear", "real", "mse"),
    ("softmax", "one-hot", L.mean_squared_error),
    ("one", "binary", L.MeanSquaredError()),
    ("sigmoid", "real", L.MeanAbsoluteError()),
    ("one", "binary", "mae"),
]


@pytest.mark.parametrize(("end", "form", "loss"), CASES, ids=lambda p: getattr(p, "__name__", getattr(p, "name", str(p))))
def test_every_loss(end, form, loss):
    assert_same_training(end, form, lambda: {"loss": loss, "metrics": ["accuracy"]}, sample_weight="rows")


def test_positions():
    """A loss and an accuracy of every position of a sequence; weights of positions are left to the general path."""
    form, compiled = "numbers of positions", {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}
    assert_same_training("positions", form, lambda: compiled, is_native=False)
    x, y, _ = data(form)
    _, model = pair("positions")
    model.compile(**compiled)
    model.fit(x, y, verbose=0)
    assert uses_native(model)


METRICS = {
    ("softmax", "one-hot", "categorical_crossentropy"): lambda: [
        "acc", M.CategoricalAccuracy(), "categorical_accuracy", M.TopKCategoricalAccuracy(2, name="top2"), "mse", "mae", M.MeanSquaredError(),
        M.CategoricalCrossentropy(label_smoothing=0.1), "binary_crossentropy", M.BinaryAccuracy(threshold=0.3), M.Accuracy(),
    ],
    ("softmax", "numbers", "sparse_categorical_crossentropy"): lambda: [
        "accuracy", M.SparseTopKCategoricalAccuracy(k=2), "sparse_categorical_crossentropy", M.SparseCategoricalAccuracy(name="mine"),
    ],
    ("one sigmoid", "binary", "binary_crossentropy"): lambda: ["accuracy", M.BinaryAccuracy(threshold=0.4), "mae", "mse"],
    ("linear", "real", "mae"): lambda: [M.MeanAbsoluteError(name="error"), M.mean_squared_error],
}  # fmt: skip


@pytest.mark.parametrize("case", METRICS, ids=str)
@pytest.mark.parametrize("weighted", ["class_weight", "sample_weight"])
def test_metrics_and_weighted_metrics(case, weighted):
    end, form, loss = case
    given = {"sample_weight": "rows"}
    if weighted == "class_weight":
        if form == "real":
            pytest.skip("no classes")
        given = {"class_weight": {0: 0.5, 1: 2.0, 3: 1.5}}
    assert_same_training(end, form, lambda: {"loss": loss, "metrics": METRICS[case](), "weighted_metrics": METRICS[case]()}, **given)


def test_loss_weights():
    assert_same_training("softmax", "one-hot", lambda: {"loss": "mse", "loss_weights": 0.5})


@pytest.mark.parametrize(
    "compiled",
    [
        lambda: {"loss": lambda y, p: keras.ops.mean(keras.ops.abs(y - p), axis=-1)},
        lambda: {"loss": "categorical_crossentropy", "metrics": [M.AUC(name="auc")]},
        lambda: {"loss": L.CategoricalCrossentropy(reduction="sum")},
        lambda: {"loss": "huber", "metrics": ["accuracy"]},
    ],
    ids=["function", "AUC", "sum", "huber"],
)
def test_anything_else_takes_the_general_path(compiled):
    assert_same_training("softmax", "one-hot", compiled, is_native=False, sample_weight="rows")


def test_callbacks_read_the_logs_of_every_batch():
    x, y, _ = data("one-hot")

    class Reader(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append((batch, dict(logs)))
            logs["own"] = 1.0  # is not taken for a metric

    logs = []
    for model in pair("softmax"):
        seen = []
        model.compile(optimizer="sgd", loss="categorical_crossentropy", metrics=["accuracy"])
        model.fit(x, y, batch_size=16, verbose=0, shuffle=False, callbacks=[Reader()])
        assert set(model.history.history) == {"loss", "accuracy"}
        logs.append(seen)
    for (batch, ours), (expected_batch, expected) in zip(logs[1], logs[0], strict=True):
        assert batch == expected_batch
        assert list(ours) == list(expected)
        assert ours == pytest.approx(expected, rel=1e-5)


def test_batch_functions_and_metric_objects():
    x, y, weights = data("one-hot")
    metrics = [[M.CategoricalAccuracy(), M.MeanSquaredError()] for _ in range(2)]
    models = pair("softmax")
    for model, own in zip(models, metrics, strict=True):
        model.compile(optimizer="sgd", loss="categorical_crossentropy", metrics=own)
    for expected, ours in zip(*(results(model, x, y, weights) for model in models), strict=True):
        assert ours == pytest.approx(expected, rel=1e-5, abs=1e-6)
    assert uses_native(models[1])


def results(model, x, y, weights):
    """What batch functions return, and what the metric objects say afterwards."""
    yield [float(value) for value in model.train_on_batch(x[:9], y[:9])]
    weighted = model.train_on_batch(x[:9], y[:9], sample_weight=weights[:9].astype("float32"), return_dict=True)
    yield {name: float(value) for name, value in weighted.items()}
    yield [float(value) for value in model.test_on_batch(x, y)]
    model.evaluate(x, y, batch_size=8, verbose=0)
    yield {metric.name: float(metric.result()) for metric in model.metrics[1].metrics}
    yield float(model.metrics[0].result())


def test_both_paths_in_turn():
    """A batch whose form is not the usual one goes through Keras; the sums go on."""
    x, y, weights = data("numbers of positions")
    batches = [(x[:6], y[:6]), (x[6:], y[6:], weights[6:].astype("float32")), (x[:4], y[:4])]
    logs = []
    for model in pair("positions"):
        model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", weighted_metrics=["accuracy"])
        model.make_train_function()
        model.reset_metrics()
        logs.append([{k: float(v) for k, v in model.train_function(iter([batch])).items()} for batch in batches])
        logs[-1].append({k: float(v) for k, v in model.get_metrics_result().items()})
    assert model._box["steps"].native is not None
    assert model._box["steps"]._general is not None
    for ours, expected in zip(logs[1], logs[0], strict=True):
        assert ours == pytest.approx(expected, rel=1e-5)


def test_targets_in_a_list_behind_targets_alone():
    """Keras takes both for a model with one output."""
    x, y, _ = data("numbers")
    logs = []
    for model in pair("softmax"):
        model.compile(optimizer="sgd", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        logs.append([])
        model.make_train_function()
        model.reset_metrics()
        for targets in (y, [y]):
            logs[-1].append({name: float(value) for name, value in model.train_function(iter([(x, targets)])).items()})
    for ours, expected in zip(logs[1], logs[0], strict=True):
        assert ours == pytest.approx(expected, rel=1e-5)


def test_class_numbers_out_of_range_leave_the_model_usable():
    x = np.zeros((4, 8, 8, 1), np.float32)
    model = interop.wrap(small(), 4)
    model.compile(loss="sparse_categorical_crossentropy")
    before = model.get_weights()
    with pytest.raises(ValueError, match="class numbers go from 0 to 9, got 0 to 10"):
        model.fit(x, np.array([0, 1, 2, 10]), verbose=0)
    assert model._session.network.pending == 0
    assert all(np.array_equal(a, b) for a, b in zip(before, model.get_weights(), strict=True))
    model.fit(x, np.array([0, 1, 2, 9]), verbose=0)


def test_not_a_number_reaches_the_logs():
    x = np.full((4, 8, 8, 1), np.nan, np.float32)
    model = interop.wrap(small(), 4)
    model.compile(loss="sparse_categorical_crossentropy")
    history = model.fit(x, np.arange(4), verbose=0, epochs=3, callbacks=[keras.callbacks.TerminateOnNaN()])
    assert len(history.epoch) == 1


def test_accuracy_of_what_is_no_number():
    x, y = np.full((4, 8, 8, 1), np.nan, np.float32), np.arange(4)
    plain = small()
    found = []
    for model in (plain, interop.wrap(clone(plain), 4)):
        model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        found.append(model.fit(x, y, verbose=0).history["accuracy"])
    assert found[0] == found[1]
