"""Regularisers, constraints, frozen parts and masks: the training of plain Keras."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from comparing import assert_same_training
from keras import layers
from keras_nets import clone

import keras_interoperability as interop

R, C = keras.regularizers, keras.constraints
ROWS = 20


@keras.saving.register_keras_serializable("tests")
class Quartic(R.Regularizer):
    """One that is not Keras' own."""

    def __call__(self, x):
        return 0.01 * keras.ops.sum(x**4)

    def get_config(self):
        return {}


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((ROWS, 6)).astype("float32"), np.eye(3, dtype=np.float32)[rng.integers(0, 3, ROWS)]


def model(**options) -> keras.Model:
    keras.utils.set_random_seed(4)
    first = layers.Dense(8, activation="tanh", name="first", **options)
    return keras.Sequential([keras.Input((6,)), first, layers.Dense(3, activation="softmax", name="last")])


NATIVE = {
    "L2": {"kernel_regularizer": R.L2(0.05)},
    "L1 and L2": {"kernel_regularizer": R.L1L2(0.01, 0.02), "bias_regularizer": "l1"},
}
GENERAL = {
    "orthogonal": {"kernel_regularizer": R.OrthogonalRegularizer(0.01)},
    "one's own": {"kernel_regularizer": Quartic(), "bias_regularizer": "l2"},
    "activity": {"activity_regularizer": R.L2(0.01), "kernel_regularizer": "l2"},
}


@pytest.mark.parametrize("name", [*NATIVE, *GENERAL])
def test_regularizers(name):
    x, y = data()
    wrapped = assert_same_training(model(**{**NATIVE, **GENERAL}[name]), x, y, loss="categorical_crossentropy", metrics=["accuracy"])
    assert (wrapped._box["steps"].native is not None) == (name in NATIVE)


def test_activity_regularizers_of_layers_outputs_and_shared_layers():
    keras.utils.set_random_seed(4)
    a, b = keras.Input((6,), name="a"), keras.Input((6,), name="b")
    shared = layers.Dense(4, activation="relu", activity_regularizer=R.L1(0.01))
    joined = layers.ActivityRegularization(l1=0.01, l2=0.02)(layers.Add()([shared(a), shared(b)]))
    plain = keras.Model([a, b], layers.Dense(3, activation="softmax", activity_regularizer=R.L2(0.1))(joined))
    x, y = data()
    assert_same_training(plain, [x, x[::-1].copy()], y, loss="categorical_crossentropy")


@pytest.mark.parametrize(
    "constraint", [C.MaxNorm(0.5), C.NonNeg(), C.UnitNorm(axis=0), C.MinMaxNorm(0.2, 0.8, rate=0.5)], ids=lambda c: type(c).__name__
)
def test_constraints(constraint):
    x, y = data()
    assert_same_training(model(kernel_constraint=constraint, bias_constraint="non_neg"), x, y, loss="categorical_crossentropy")


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
def test_all_at_once(optimizer):
    x, y = data()
    plain = model(kernel_regularizer="l2", kernel_constraint=C.MaxNorm(0.7), activity_regularizer="l1")
    make = {"adam": lambda: keras.optimizers.Adam(0.01, clipnorm=0.5), "rmsprop": lambda: keras.optimizers.RMSprop(0.01, clipnorm=0.5)}
    assert_same_training(plain, x, y, loss=["mse"], optimizer=make[optimizer], weighted_metrics=["mae"])


def test_a_step_under_a_tape_leaves_no_losses_behind():
    x, y = data()
    wrapped = interop.wrap(model(activity_regularizer="l2"), 8)
    wrapped.compile(loss="mse")
    expected = wrapped.evaluate(x, y, verbose=0)
    wrapped(x[:4], training=True)
    assert wrapped.evaluate(x, y, verbose=0) == pytest.approx(expected)


def frozen_net() -> keras.Model:
    keras.utils.set_random_seed(4)
    base = keras.Sequential([keras.Input((6,)), layers.Dense(8, name="inner"), layers.BatchNormalization(name="norm")], name="base")
    return keras.Sequential(
        [keras.Input((6,)), base, layers.Activation("relu"), layers.Dense(3, activation="softmax", kernel_regularizer="l2")]
    )


def test_freezing_and_thawing():
    """`trainable` counts when the model is compiled; a frozen BatchNormalization keeps its statistics."""
    x, y = data()

    def use(each):
        histories = []
        for trainable in (False, True):
            each.layers[0].trainable = trainable
            each.compile(optimizer=keras.optimizers.SGD(0.1, momentum=0.5), loss="categorical_crossentropy")
            histories.append(each.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0).history)
            histories.append([len(each.trainable_variables), *each.get_weights()])
        return histories

    assert_same_training(frozen_net(), x, y, use, loss="categorical_crossentropy")


@pytest.mark.parametrize("optimizer", ["adam", "rmsprop"])
@pytest.mark.filterwarnings("ignore:The model does not have any trainable weights")
def test_a_frozen_model_stays(optimizer):
    x, y = data()
    wrapped = interop.wrap(frozen_net(), 8)
    wrapped.trainable = False
    wrapped.compile(optimizer=optimizer, loss="categorical_crossentropy")
    before = wrapped.get_weights()
    wrapped.fit(x, y, verbose=0)
    assert all(np.array_equal(a, b) for a, b in zip(before, wrapped.get_weights(), strict=True))


def test_a_frozen_part_has_no_penalty():
    x, y = data()
    plain = model(kernel_regularizer="l2")
    plain.layers[0].trainable = False
    assert_same_training(plain, x, y, loss="mse")
    assert clone(plain).layers[0].trainable is False


def test_masked_places_do_not_count():
    """An embedding's mask reaches the output, where loss and metrics leave out its places."""
    keras.utils.set_random_seed(4)
    words = keras.Input((5,), dtype="int32")
    hidden = layers.Embedding(7, 6, mask_zero=True)(words)
    plain = keras.Model(words, [layers.Dense(3, activation="softmax", name="kind")(hidden), layers.Dense(1, name="size")(hidden)])
    rng = np.random.default_rng(0)
    x = rng.integers(0, 7, (ROWS, 5)).astype("int32")
    y = [rng.integers(0, 3, (ROWS, 5)), rng.standard_normal((ROWS, 5, 1)).astype("float32")]
    assert_same_training(plain, x, y, loss=["sparse_categorical_crossentropy", "mse"], metrics=[["accuracy"], ["mae"]])
    one = keras.Model(words, plain.outputs[0])
    assert_same_training(one, x, y[0], is_eager=True, loss="sparse_categorical_crossentropy", metrics=["accuracy"])
