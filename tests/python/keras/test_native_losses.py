"""Losses and metrics in NumPy: values and gradients against Keras on TensorFlow, hard numbers included."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from keras_interoperability.native.batch import Batch
from keras_interoperability.native.metrics import loss_of, metric_of
from n2d2 import errors

L, M = keras.losses, keras.metrics
ACTIVATIONS = {"": lambda x: x, "Softmax": keras.activations.softmax, "Sigmoid": keras.activations.sigmoid}
ROWS, CLASSES = 9, 5


def raw_outputs(activation: str, from_logits: bool, shape: tuple[int, ...]) -> np.ndarray:
    rng = np.random.default_rng(0)
    if activation == "" and not from_logits:  # shares, some of them out of the range that Keras clips to
        shares = rng.dirichlet(np.full(shape[-1], 0.3), shape[:-1]) if shape[-1] > 1 else rng.random(shape)
        shares[0, ..., 0] = 0.0
        return shares.astype(np.float32)
    raw = (3 * rng.standard_normal(shape)).astype(np.float32)
    raw[0] *= 60  # softmax and sigmoid underflow
    return raw


def targets(form: str, shape: tuple[int, ...]) -> np.ndarray:
    rng = np.random.default_rng(1)
    numbers = rng.integers(0, max(shape[-1], 2), shape[:-1])
    return {
        "one-hot": lambda: np.eye(shape[-1], dtype=np.float32)[numbers],
        "several": lambda: rng.integers(0, 2, shape),
        "shares": lambda: rng.random(shape).astype(np.float32),
        "numbers": lambda: numbers,
        "column": lambda: numbers[..., None].astype(np.float32),
    }[form]()


LOSSES = [
    (loss, activation, form, shape)
    for shape in ((ROWS, CLASSES), (ROWS, 4, CLASSES))
    for activation in ACTIVATIONS
    for loss, form in [
        (L.CategoricalCrossentropy(), "one-hot"),
        (L.CategoricalCrossentropy(), "several"),
        (L.CategoricalCrossentropy(label_smoothing=0.2), "one-hot"),
        (L.SparseCategoricalCrossentropy(), "numbers"),
        (L.SparseCategoricalCrossentropy(), "column"),
        (L.BinaryCrossentropy(), "several"),
        (L.BinaryCrossentropy(label_smoothing=0.2), "shares"),
        (L.MeanSquaredError(), "shares"),
        (L.MeanAbsoluteError(), "one-hot"),
    ]
] + [
    (L.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1), "", "one-hot", (ROWS, CLASSES)),
    (L.SparseCategoricalCrossentropy(from_logits=True), "", "numbers", (ROWS, CLASSES)),
    (L.BinaryCrossentropy(from_logits=True), "", "several", (ROWS, CLASSES)),
    (L.BinaryCrossentropy(), "Sigmoid", "numbers", (ROWS, 1)),
    (L.BinaryCrossentropy(), "", "numbers", (ROWS, 1)),
    (L.MeanSquaredError(), "", "numbers", (ROWS, 1)),
    (L.MeanAbsoluteError(), "Sigmoid", "numbers", (ROWS, 1)),
]


def in_keras(function, activation: str, raw: np.ndarray, dtype: str) -> tuple[np.ndarray, np.ndarray]:
    """Values per row and the gradient of their sum, as Keras' graph has them."""

    @tf.function(autograph=False)
    def run(given):
        with tf.GradientTape() as tape:
            tape.watch(given)
            values = function(ACTIVATIONS[activation](given))
            total = tf.reduce_sum(values)
        return values, tape.gradient(total, given)

    values, gradient = run(tf.constant(raw, dtype))
    return values.numpy(), gradient.numpy()


@pytest.mark.parametrize(
    ("loss", "activation", "form", "shape"), LOSSES, ids=lambda p: type(p).__name__ if isinstance(p, L.Loss) else str(p)
)
def test_loss_and_gradient(loss, activation, form, shape):
    raw = raw_outputs(activation, loss._fn_kwargs.get("from_logits", False), shape)
    y = targets(form, shape)
    ours = loss_of(loss, activation, (1, *y.shape[1:]), (1, *shape[1:]))
    assert ours is not None
    batch = Batch(activation, raw, y)
    values, gradient = ours.values(batch), ours.gradient(batch)
    assert values.dtype == gradient.dtype == np.float32
    assert gradient is not batch._softmax
    for dtype, tolerance in (("float32", 2e-6), ("float64", 2e-6)):
        targets_there = tf.constant(y, dtype)
        expected = in_keras(lambda p: loss.call(targets_there, p), activation, raw, dtype)
        for a, b in zip((values, gradient), expected, strict=True):
            assert a.shape == b.shape
            assert np.abs(a - b).max() <= tolerance * max(1.0, np.abs(b).max()), dtype


METRICS = [
    (M.Accuracy(), "several", (ROWS, CLASSES)),
    (M.BinaryAccuracy(threshold=0.3), "several", (ROWS, CLASSES)),
    (M.BinaryAccuracy(), "numbers", (ROWS, 1)),
    (M.CategoricalAccuracy(), "one-hot", (ROWS, CLASSES)),
    (M.CategoricalAccuracy(), "shares", (ROWS, 4, CLASSES)),
    (M.SparseCategoricalAccuracy(), "numbers", (ROWS, CLASSES)),
    (M.SparseCategoricalAccuracy(), "column", (ROWS, 4, CLASSES)),
    (M.TopKCategoricalAccuracy(k=2), "one-hot", (ROWS, CLASSES)),
    (M.TopKCategoricalAccuracy(k=2), "one-hot", (ROWS, 4, CLASSES)),
    (M.SparseTopKCategoricalAccuracy(k=3), "numbers", (ROWS, CLASSES)),
    (M.SparseTopKCategoricalAccuracy(k=1), "column", (ROWS, CLASSES)),
    (M.MeanSquaredError(), "shares", (ROWS, CLASSES)),
    (M.MeanAbsoluteError(), "numbers", (ROWS, 1)),
    (M.CategoricalCrossentropy(label_smoothing=0.1), "one-hot", (ROWS, CLASSES)),
    (M.SparseCategoricalCrossentropy(), "numbers", (ROWS, CLASSES)),
    (M.BinaryCrossentropy(), "several", (ROWS, CLASSES)),
]


@pytest.mark.parametrize("activation", list(ACTIVATIONS))
@pytest.mark.parametrize(("metric", "form", "shape"), METRICS, ids=lambda p: getattr(p, "name", str(p)))
def test_metric(metric, form, shape, activation):
    raw = raw_outputs(activation, False, shape)
    if isinstance(metric, M.Accuracy):
        raw = np.clip(raw, -5, 5)  # whether a number as small as 1e-40 is 0 differs between the two
    y = targets(form, shape)
    ours = metric_of(metric, activation, (1, *y.shape[1:]), (1, *shape[1:]))
    assert ours is not None
    values = ours.values(Batch(activation, raw, y))
    expected = tf.function(lambda given: metric._fn(y, ACTIVATIONS[activation](given), **metric._fn_kwargs), autograph=False)(raw).numpy()
    assert values.size == expected.size
    assert np.abs(values.ravel().astype(float) - expected.ravel()).max() <= 2e-6 * max(1.0, np.abs(expected).max())


def test_accuracy_of_finite_numbers_needs_no_softmax():
    raw = raw_outputs("Softmax", False, (ROWS, CLASSES))
    raw[1] = raw[1, 0]  # the first of equals
    raw[2, 1:] = -np.inf
    y = np.arange(ROWS) % CLASSES
    expected = keras.metrics.sparse_categorical_accuracy(y, keras.activations.softmax(tf.constant(raw))).numpy()
    metric = metric_of(M.SparseCategoricalAccuracy(), "Softmax", (1,), (1, CLASSES))
    for is_finite in (False, True):
        batch = Batch("Softmax", raw, y, is_finite=is_finite)
        assert np.array_equal(metric.values(batch), expected)
        assert (batch._softmax is None) == is_finite


def test_top_k_with_ties_and_numbers_that_are_none():
    p = np.array([[0.4, 0.4, 0.2], [0.1, 0.4, 0.4], [np.nan, 0.5, 0.5], [0.2, 0.3, np.inf], [0.2, 0.3, 0.5]], np.float32)
    y = np.array([1, 0, 1, 2, 3])
    metric = M.SparseTopKCategoricalAccuracy(k=1)
    ours = metric_of(metric, "", (1,), (1, 3)).values(Batch("", p, y))
    assert np.array_equal(ours, metric._fn(y, p, k=1).numpy() > 0)


def test_what_is_left_to_the_general_path():
    row, classes = (1, CLASSES), (1,)
    for loss in (
        L.MeanSquaredError(reduction="sum"),
        L.CategoricalCrossentropy(axis=1),
        L.SparseCategoricalCrossentropy(ignore_class=0),
        L.KLDivergence(),
        L.MeanSquaredError(dtype="float64"),
    ):
        y = classes if isinstance(loss, L.SparseCategoricalCrossentropy) else row
        assert loss_of(loss, "", y, row) is None, loss
    assert loss_of(L.CategoricalCrossentropy(from_logits=True), "Softmax", row, row) is None  # Keras warns
    assert loss_of(L.MeanSquaredError(), "", (1, 1), row) is None  # would broadcast
    assert loss_of(L.CategoricalCrossentropy(), "", (1, 1), (1, 1)) is None  # Keras warns
    for metric in (
        M.AUC(),
        M.RootMeanSquaredError(),
        M.MeanMetricWrapper(lambda y, p: y),
        M.SparseTopKCategoricalAccuracy(from_sorted_ids=True),
    ):
        assert metric_of(metric, "", row, row) is None, metric


def test_class_numbers_out_of_range():
    loss = loss_of(L.SparseCategoricalCrossentropy(), "Softmax", (1,), (1, 3))
    for wrong in (3, -1):
        with pytest.raises(errors.ValueError, match="class numbers go from 0 to 2"):
            loss.values(Batch("Softmax", np.zeros((2, 3), np.float32), np.array([0, wrong])))
