"""Models that several tests train, and real images."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from keras import layers
from sklearn.datasets import load_digits


def mnist_convnet(seed: int = 0) -> keras.Sequential:
    """Keras' MNIST convnet without dropout."""
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )


def batch_norm_net(seed: int = 0) -> keras.Model:
    """A Functional model with batch normalisation, "same" padding, a residual sum and a nested Sequential."""
    keras.utils.set_random_seed(seed)
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False, name="stem")(inputs)
    x = layers.BatchNormalization(name="stem_bn")(x)
    x = layers.Activation("relu")(x)
    y = keras.Sequential([keras.Input((4, 4, 8)), layers.Conv2D(8, 3, padding="same"), layers.BatchNormalization()], name="inner")(x)
    x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.GlobalAveragePooling2D()(x)
    x = layers.Dense(16, activation="tanh")(x)
    x = layers.BatchNormalization()(x)
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(x), name="residual")


def small(seed: int = 0) -> keras.Sequential:
    """A convnet for 8 x 8 digits."""
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(8, 3, activation="relu", name="conv"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(10, activation="softmax", name="dense"),
        ]
    )


def digits() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """scikit-learn's digits, [1797, 8, 8, 1] in [0, 1], class numbers and one-hot rows."""
    bunch = load_digits()
    order = np.random.default_rng(0).permutation(len(bunch.target))  # else the test images come from other writers
    images, classes = bunch.images[order], bunch.target[order]
    return (images[..., None] / 16).astype("float32"), classes.astype("int64"), keras.utils.to_categorical(classes, 10)


@contextlib.contextmanager
def precision(dtype: str) -> Iterator[None]:
    """Layers that are made inside compute in this type: they go by the policy, which `set_floatx` leaves alone once there was a layer."""
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")


def clone(model: keras.Model) -> keras.Model:
    """A model with the same weights that shares nothing."""
    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    return twin


def restarted(model: keras.Model) -> keras.Model:
    """Keras' own model with its optimizer as new; compiled once, as tracing takes long."""
    model.optimizer.build(model.trainable_variables)
    for variable in model.optimizer.variables:
        if variable is not model.optimizer.learning_rate:
            variable.assign(np.zeros(variable.shape, variable.dtype))
    return model
