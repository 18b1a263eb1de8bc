"""Models with several inputs and outputs, in every form that Keras takes them: history, results and weights of plain Keras."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from comparing import assert_same_training
from keras import layers

import keras_interoperability as interop
from n2d2 import errors

ROWS = 22


def model(inputs: str = "list", outputs: str = "list") -> keras.Model:
    """An image and three numbers in, a class and a size out."""
    keras.utils.set_random_seed(0)
    image, meta = keras.Input((6, 6, 1), name="image"), keras.Input((3,), name="meta")
    features = layers.Flatten()(layers.Conv2D(4, 3, activation="relu")(image))
    hidden = layers.Dense(8, activation="tanh")(layers.Concatenate()([features, layers.Dense(4)(meta)]))
    kind, size = layers.Dense(3, activation="softmax", name="kind")(hidden), layers.Dense(1, name="size")(hidden)
    return keras.Model(packed(inputs, image, meta, ("image", "meta")), packed(outputs, kind, size, ("kind", "size")))


def packed(form: str, a, b, names: tuple[str, str]):
    return {
        "list": lambda: [a, b],
        "tuple": lambda: (a, b),
        "reversed": lambda: [b, a],
        "dict": lambda: dict(zip(names, (a, b), strict=True)),
        "nested": lambda: {"all": [a, b]},
        "other keys": lambda: {"y": a, "x": b},
        "one": lambda: a,
        "list of one": lambda: [a],
    }[form]()


def data() -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = {"image": rng.standard_normal((ROWS, 6, 6, 1), np.float32), "meta": rng.standard_normal((ROWS, 3), np.float32)}
    return x, np.eye(3, dtype=np.float32)[rng.integers(0, 3, ROWS)], rng.standard_normal((ROWS, 1), np.float32)


LOSSES = ("categorical_crossentropy", "mse")
METRICS = (["accuracy"], ["mae"])


@pytest.mark.parametrize("form", ["tuple", "reversed", "dict", "nested"])
def test_inputs(form):
    x, kind, size = data()
    given = packed(form, x["image"], x["meta"], ("image", "meta"))
    assert_same_training(model(form), given, [kind, size], loss=list(LOSSES), metrics=[list(m) for m in METRICS])


@pytest.mark.parametrize("form", ["list", "tuple", "dict", "other keys", "one", "list of one"])
def test_outputs(form):
    x, kind, size = data()
    compiled = {"loss": packed(form, *LOSSES, ("kind", "size")), "metrics": packed(form, *METRICS, ("kind", "size"))}
    if form in ("other keys", "list of one") and tuple(map(int, keras.__version__.split(".")[:2])) < (3, 14):
        del compiled["metrics"]  # Keras takes metrics in these forms since 3.14
    assert_same_training(model(outputs=form), x, packed(form, kind, size, ("kind", "size")), **compiled)


NAMED = {
    "loss weights": {"loss_weights": {"kind": 0.3, "size": 2.0}},
    "weighted metrics": {"weighted_metrics": {"size": ["mae", "mse"]}},
    "one loss alone": {"loss": {"size": "mse"}, "metrics": None},
}


@pytest.mark.parametrize("name", NAMED)
def test_losses_by_name(name):
    x, kind, size = data()
    y = {"size": size} if name == "one loss alone" else {"kind": kind, "size": size}
    compiled = {"loss": {"kind": "categorical_crossentropy", "size": "mse"}, "metrics": {"kind": "accuracy"}, **NAMED[name]}
    assert_same_training(model(outputs="dict"), {**x, "more": size}, y, **compiled)


def test_datasets_generators_weights_and_single_batches():
    x, kind, size = data()
    y, weights = {"kind": kind, "size": size}, {"kind": np.linspace(0, 1, ROWS), "size": np.ones(ROWS)}

    def use(each):
        dataset = tf.data.Dataset.from_tensor_slices((x, y, weights)).batch(8)
        first = {name: part[:9] for name, part in x.items()}, {name: part[:9] for name, part in y.items()}
        results = [
            each.fit(dataset, epochs=2, verbose=0, shuffle=False).history,
            each.fit((first for _ in range(9)), verbose=0, shuffle=False, steps_per_epoch=2).history,
        ]
        each.reset_metrics()  # the means of Keras 3.10 mix batches of known and open size badly
        return [
            *results,
            each.train_on_batch(*first, return_dict=True),
            each.test_on_batch(*first),
            each.predict_on_batch(first[0]),
            each.fit(x, y, sample_weight=weights, validation_split=0.3, batch_size=8, verbose=0).history,
        ]

    compiled = {"loss": {"kind": "categorical_crossentropy", "size": "mse"}, "weighted_metrics": {"kind": "accuracy"}}
    assert_same_training(model("dict", "dict"), x, y, use, **compiled)


def test_saturated_outputs_keep_their_gradients():
    """Keras takes a cross-entropy from what stands before the softmax, also when there are two outputs."""
    x, kind, size = data()
    plain = model()
    plain.set_weights([300 * w for w in plain.get_weights()])
    assert_same_training(plain, x, [kind, size], lambda each: each.train_on_batch(x, [kind, size]), loss=list(LOSSES), loss_weights=[1, 0])


def test_two_towers_that_share_layers():
    keras.utils.set_random_seed(1)
    tower = keras.Sequential([keras.Input((6, 6, 1)), layers.Conv2D(4, 3, activation="relu"), layers.Flatten(), layers.Dense(5)])
    left, right = keras.Input((6, 6, 1), name="left"), keras.Input((6, 6, 1), name="right")
    a, b = tower(left), tower(right)
    plain = keras.Model([left, right], layers.Dense(1, activation="sigmoid")(layers.Multiply()([a, b])))
    rng = np.random.default_rng(0)
    x = [rng.standard_normal((ROWS, 6, 6, 1), np.float32) for _ in range(2)]
    assert_same_training(plain, x, rng.integers(0, 2, ROWS).astype("float32"), loss="binary_crossentropy", metrics=["accuracy"])


def test_an_output_within_and_the_same_output_twice():
    keras.utils.set_random_seed(1)
    inputs = keras.Input((3,))
    hidden = layers.Dense(4, activation="sigmoid")(inputs)
    plain = keras.Model(inputs, [layers.Dense(2)(hidden), hidden, hidden])
    rng = np.random.default_rng(0)
    x, y = rng.random((ROWS, 3), np.float32), [rng.random((ROWS, n), np.float32) for n in (2, 4, 4)]
    assert_same_training(plain, x, y, loss=["mse", "mae", "mse"])


def test_inputs_that_do_not_fit_are_named():
    wrapped = interop.wrap(model("dict"), 8)
    x, _, _ = data()
    with pytest.raises(errors.ValueError, match="input 'meta' is missing; got image"):
        wrapped.predict({"image": x["image"]}, verbose=0)
    with pytest.raises(errors.ShapeError, match=r"input 'meta' .*expected \[N, 3\], got \[22, 4\]"):
        wrapped.predict({**x, "meta": np.zeros((ROWS, 4), np.float32)}, verbose=0)
    with pytest.raises(errors.ShapeError, match="same number of rows, got 'image' 22, 'meta' 5"):
        wrapped._session.inputs.arrays({**x, "meta": x["meta"][:5]})
    with pytest.raises(errors.ValueError, match=r"expected 2 inputs \(image, meta\), got 1"):
        interop.wrap(model("list"), 8).predict(x["image"], verbose=0)
