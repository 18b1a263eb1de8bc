"""What bad input gets."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers
from keras_nets import small

import keras_interoperability as interop
from n2d2 import errors


def test_unsupported_layers_are_listed_together():
    inner = keras.Sequential([keras.Input((8, 8, 4)), layers.RandomFlip()], name="inner")
    model = keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, padding="same", activation="sparsemax", name="odd_activation"),
            inner,
            layers.SpectralNormalization(layers.Conv2D(3, 3), name="spectral"),
            layers.Dense(2, activity_regularizer="l2", kernel_constraint="non_neg", name="penalised"),
        ]
    )
    with pytest.raises(errors.UnsupportedError) as caught:
        interop.wrap(model, 4)
    text = str(caught.value)
    for part in (
        "odd_activation",
        "'odd_activation' (Conv2D) with a sparsemax that cannot be followed",
        "inner/random_flip",
        "random augmentation; apply it to the data",
        "'spectral' (SpectralNormalization)",
        "register_handler",
    ):
        assert part in text, part


def test_unbuilt_and_foreign_models():
    with pytest.raises(errors.StateError, match=r"not built; begin it with keras\.Input"):
        interop.wrap(keras.Sequential([layers.Dense(3)]), 4)
    with pytest.raises(errors.TypeError, match=r"keras\.Model"):
        interop.wrap("model", 4)
    with pytest.raises(errors.ValueError, match="already"):
        interop.wrap(interop.wrap(small(), 4), 4)

    class Own(keras.Model):
        def call(self, x):
            return x if keras.ops.sum(x) > 0 else -x

    with pytest.raises(errors.StateError, match="not built; call it once on data"):
        interop.wrap(Own(), 4)
    model = Own(name="branching")
    model(np.ones((2, 3), np.float32))
    with pytest.raises(errors.UnsupportedError, match=r"'branching' \(Own\).*without branches on values"):
        interop.wrap(model, 4)


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, "8", True, None])
def test_bad_batch_sizes(batch_size):
    with pytest.raises(errors.ValueError, match="batch_size"):
        interop.wrap(small(), batch_size)


def test_wrong_shapes_name_input_and_layer():
    model = interop.wrap(small(), 4)
    with pytest.raises(errors.ShapeError, match=r"read by layer 'conv'\): expected \[N, 8, 8, 1\], got \[2, 9, 8, 1\]"):
        model.predict(np.zeros((2, 9, 8, 1), np.float32), verbose=0)
    assert model.predict(np.zeros((2, 8, 8), np.float32), verbose=0).shape == (2, 10)  # Keras adds the last axis too


def test_float16_policy_is_refused():
    keras.config.set_dtype_policy("mixed_float16")
    try:
        model = keras.Sequential([keras.Input((4,)), layers.Dense(3)])
    finally:
        keras.config.set_dtype_policy("float32")
    with pytest.raises(errors.UnsupportedError, match="mixed_float16"):
        interop.wrap(model, 4)


def test_a_model_without_parameters_still_predicts():
    model = interop.wrap(keras.Sequential([keras.Input((4, 4, 2)), layers.MaxPooling2D(2), layers.Flatten()]), 4)
    x = np.random.default_rng(0).random((3, 4, 4, 2), np.float32)
    assert model.predict(x, verbose=0).shape == (3, 8)
