"""Small forms of well-known Keras example scripts: a model, its data and what it is compiled with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
from keras import layers, ops
from keras_nets import digits


@dataclass
class Script:
    """`make` builds the model, `data` gives x and y of some rows."""

    make: Callable[[], keras.Model]
    data: Callable[[], tuple[Any, Any]]
    loss: Any
    metrics: Any = field(default_factory=list)
    rate: float = 0.003


def images() -> tuple[np.ndarray, np.ndarray]:
    x, classes, _ = digits()
    return x, classes


def convnet() -> keras.Model:
    inputs = keras.Input((8, 8, 1))
    x = layers.Conv2D(16, 3, activation="relu")(inputs)
    x = layers.Conv2D(32, 3, activation="relu")(x)
    x = layers.Flatten()(layers.MaxPooling2D(2)(x))
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(layers.Dropout(0.0)(x)))


def resnet() -> keras.Model:
    """Blocks of ResNet20, one of each width; weights decay."""

    def conv(x, filters, strides=1, kernel=3):
        return layers.Conv2D(
            filters, kernel, strides, "same", kernel_initializer="he_normal", kernel_regularizer=keras.regularizers.L2(1e-4)
        )(x)

    inputs = keras.Input((8, 8, 1))
    x = layers.Activation("relu")(layers.BatchNormalization()(conv(inputs, 8)))
    for filters in (8, 16):
        strides = filters // 8
        y = layers.Activation("relu")(layers.BatchNormalization()(conv(x, filters, strides)))
        y = layers.BatchNormalization()(conv(y, filters))
        x = conv(x, filters, strides, 1) if strides > 1 else x
        x = layers.Activation("relu")(layers.add([x, y]))
    x = layers.Flatten()(layers.AveragePooling2D(4)(x))
    return keras.Model(inputs, layers.Dense(10, activation="softmax", kernel_initializer="he_normal")(x))


def autoencoder() -> keras.Model:
    inputs = keras.Input((8, 8, 1))
    x = inputs
    for _ in range(2):
        x = layers.MaxPooling2D(2, padding="same")(layers.Conv2D(8, 3, activation="relu", padding="same")(x))
    for _ in range(2):
        x = layers.Conv2DTranspose(8, 3, strides=2, activation="relu", padding="same")(x)
    return keras.Model(inputs, layers.Conv2D(1, 3, activation="sigmoid", padding="same")(x))


def noisy_images() -> tuple[np.ndarray, np.ndarray]:
    x, _ = images()
    noise = np.random.default_rng(1).normal(0, 0.3, x.shape)
    return np.clip(x + noise, 0, 1).astype("float32"), x


def siamese() -> keras.Model:
    """Two images, one tower, the distance of what it makes of them."""
    inner = keras.Input((8, 8, 1))
    x = layers.BatchNormalization()(inner)
    x = layers.AveragePooling2D(2)(layers.Conv2D(6, 3, activation="tanh")(x))
    tower = keras.Model(inner, layers.Dense(10, activation="tanh")(layers.BatchNormalization()(layers.Flatten()(x))))
    left, right = keras.Input((8, 8, 1), name="left"), keras.Input((8, 8, 1), name="right")
    square = ops.sum(ops.square(ops.subtract(tower(left), tower(right))), axis=1, keepdims=True)
    distance = layers.BatchNormalization()(ops.sqrt(ops.maximum(square, 1e-7)))
    return keras.Model([left, right], layers.Dense(1, activation="sigmoid")(distance))


def contrastive(y: Any, p: Any) -> Any:
    return ops.mean((1 - y) * ops.square(p) + y * ops.square(ops.maximum(1 - p, 0)), axis=-1)


def pairs() -> tuple[list[np.ndarray], np.ndarray]:
    x, classes = images()
    other = np.roll(np.arange(len(x)), 7)
    return [x, x[other]], (classes != classes[other]).astype("float32")[:, None]


def image_and_numbers() -> keras.Model:
    """A digit and two numbers about it; the class and how dark it is."""
    image, numbers = keras.Input((8, 8, 1), name="image"), keras.Input((2,), name="numbers")
    x = layers.GlobalAveragePooling2D()(layers.Conv2D(12, 3, activation="relu")(image))
    x = layers.Concatenate()([x, layers.Dense(8, activation="relu")(numbers)])
    x = layers.Dense(24, activation="relu")(x)
    outputs = {"kind": layers.Dense(10, activation="softmax", name="kind")(x), "ink": layers.Dense(1, name="ink")(x)}
    return keras.Model({"image": image, "numbers": numbers}, outputs)


def images_and_numbers() -> tuple[Any, Any]:
    x, classes = images()
    numbers = np.stack([x.mean((1, 2, 3)), x.std((1, 2, 3))], 1)
    return {"image": x, "numbers": numbers}, {"kind": classes, "ink": x.sum((1, 2, 3))[:, None] / 20}


def mobilenet() -> keras.Model:
    """Inverted residuals of MobileNetV2."""

    def block(x, filters, strides):
        y = layers.ReLU(6.0)(layers.BatchNormalization()(layers.Conv2D(4 * x.shape[-1], 1, use_bias=False)(x)))
        y = layers.DepthwiseConv2D(3, strides, "same", use_bias=False)(y)
        y = layers.ReLU(6.0)(layers.BatchNormalization()(y))
        y = layers.BatchNormalization()(layers.Conv2D(filters, 1, use_bias=False)(y))
        return layers.Add()([x, y]) if strides == 1 and x.shape[-1] == filters else y

    inputs = keras.Input((8, 8, 1))
    x = layers.ReLU(6.0)(layers.BatchNormalization()(layers.Conv2D(8, 3, padding="same", use_bias=False)(inputs)))
    for filters, strides in ((8, 1), (12, 2), (12, 1)):
        x = block(x, filters, strides)
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling2D()(x)))


def unet() -> keras.Model:
    """Two scales, joined again; a class for every pixel."""

    def twice(x, filters):
        for _ in range(2):
            x = layers.Activation("relu")(layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same")(x)))
        return x

    inputs = keras.Input((8, 8, 1))
    fine = twice(inputs, 6)
    coarse = twice(layers.MaxPooling2D(3, strides=2, padding="same")(fine), 12)
    x = layers.Concatenate()([layers.UpSampling2D(2)(coarse), fine])
    return keras.Model(inputs, layers.Conv2D(3, 3, activation="softmax", padding="same")(twice(x, 6)))


def pixels() -> tuple[np.ndarray, np.ndarray]:
    x, _ = images()
    return noisy_images()[0], np.digitize(x, [0.25, 0.6]).astype("int32")


def mixer() -> keras.Model:
    """Patches of 2 x 2, mixed over places and over channels in turn."""
    inputs = keras.Input((8, 8, 1))
    x = layers.Reshape((16, 12))(layers.Conv2D(12, 2, strides=2)(inputs))
    for _ in range(2):
        y = layers.Permute((2, 1))(layers.LayerNormalization(epsilon=1e-6)(x))
        y = layers.Permute((2, 1))(layers.Dense(16)(layers.Dense(24, activation="gelu")(y)))
        x = layers.Add()([x, y])
        x = layers.Add()([x, layers.Dense(12)(layers.Dense(24, activation="gelu")(layers.LayerNormalization(epsilon=1e-6)(x)))])
    return keras.Model(inputs, layers.Dense(10, activation="softmax")(layers.GlobalAveragePooling1D()(x)))


def series_net() -> keras.Model:
    inputs = x = keras.Input((40, 1))
    for _ in range(2):
        x = layers.ReLU()(layers.BatchNormalization()(layers.Conv1D(12, 3, padding="same")(x)))
    return keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling1D()(x)))


def waves() -> tuple[np.ndarray, np.ndarray]:
    """41 points of waves of three kinds in noise, and their kinds."""
    rng = np.random.default_rng(2)
    classes = rng.integers(0, 3, 1200)
    phase, t = rng.uniform(0, 6, (1200, 1)), np.linspace(0, 12, 41)
    wave = np.sin((1 + classes[:, None]) * t + phase)
    wave = wave + np.sign(wave) * (classes[:, None] == 1) + rng.normal(0, 0.5, wave.shape)
    return wave.astype("float32")[..., None], classes


def series() -> tuple[np.ndarray, np.ndarray]:
    points, classes = waves()
    return points[:, :40], classes


def forecast_net() -> keras.Model:
    """The next value of a wave from dilated convolutions that look back only."""
    inputs = x = keras.Input((40, 1))
    for dilation in (1, 2, 4):
        x = layers.Conv1D(8, 2, padding="causal", dilation_rate=dilation, activation="relu")(x)
    return keras.Model(inputs, layers.Dense(1)(layers.Flatten()(x[:, -4:, :])))


def forecasts() -> tuple[np.ndarray, np.ndarray]:
    points, _ = waves()
    return points[:, :40], points[:, 40]


SCRIPTS = {
    "convnet": Script(convnet, images, "sparse_categorical_crossentropy", ["accuracy"]),
    "ResNet": Script(resnet, images, "sparse_categorical_crossentropy", ["accuracy"]),
    "autoencoder": Script(autoencoder, noisy_images, "binary_crossentropy"),
    "Siamese": Script(siamese, pairs, contrastive),
    "image and numbers": Script(
        image_and_numbers, images_and_numbers, {"kind": "sparse_categorical_crossentropy", "ink": "mse"}, {"kind": ["accuracy"]}
    ),
    "MobileNetV2": Script(mobilenet, images, "sparse_categorical_crossentropy", ["accuracy"]),
    "U-Net": Script(unet, pixels, "sparse_categorical_crossentropy", ["accuracy"]),
    "MLP-Mixer": Script(mixer, images, "sparse_categorical_crossentropy", ["accuracy"]),
    "time series": Script(series_net, series, "sparse_categorical_crossentropy", ["accuracy"]),
    "forecast": Script(forecast_net, forecasts, "mse"),
}
