"""The five networks as Keras models; images are [N, H, W, C]."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from networks.shapes import AUTOENCODER_ROW, AUTOENCODER_WIDTHS, DS_CNN_DROPOUTS, MOBILENET_PAIRS, RESNET8_BLOCKS, RESNET18_BLOCKS

MOMENTUM = 0.9  # of the moving statistics, as in PyTorch; Keras' 0.99 wants thousands of steps before evaluation means anything


def normalized(x: Any) -> Any:
    """BatchNorm."""
    return layers.BatchNormalization(momentum=MOMENTUM)(x)


def conv_bn(x: Any, outputs: int, kernel: int | tuple[int, int], stride: int = 1) -> Any:
    """Convolution that keeps the extent (or divides it by the stride), BatchNorm, ReLU."""
    x = layers.Conv2D(outputs, kernel, stride, padding="same", use_bias=False)(x)
    return layers.ReLU()(normalized(x))


def separable(x: Any, outputs: int, stride: int = 1) -> Any:
    """Depthwise 3x3, then 1x1, each with BatchNorm and ReLU."""
    x = layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False)(x)
    return conv_bn(layers.ReLU()(normalized(x)), outputs, 1)


def residual(x: Any, inputs: int, outputs: int, stride: int, shortcut_bn: bool) -> Any:
    """Two 3x3 convolutions beside a shortcut (He et al. 2015, figure 2); 1x1 on the shortcut where the shape changes."""
    y = conv_bn(x, outputs, 3, stride)
    y = normalized(layers.Conv2D(outputs, 3, padding="same", use_bias=False)(y))
    if stride != 1 or inputs != outputs:
        x = layers.Conv2D(outputs, 1, stride, use_bias=not shortcut_bn)(x)
        x = normalized(x) if shortcut_bn else x
    return layers.ReLU()(layers.Add()([y, x]))


def classifier(name: str, inputs: Any, x: Any, classes: int, activation: str | None) -> keras.Model:
    """Mean over the image, then a dense layer."""
    x = layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, layers.Dense(classes, activation=activation)(x), name=name)


def resnet8(classes: int = 10, activation: str | None = "softmax") -> keras.Model:
    """MLPerf Tiny's image classification: three residual blocks of 16, 32 and 64 channels, for images [N, 32, 32, 3]."""
    inputs = keras.Input((32, 32, 3))
    x = conv_bn(inputs, 16, 3)
    for block in RESNET8_BLOCKS:
        x = residual(x, *block, shortcut_bn=False)
    return classifier("resnet8", inputs, x, classes, activation)


def mobilenet_v1(classes: int = 2, activation: str | None = "softmax") -> keras.Model:
    """MobileNetV1 with a quarter of its channels: 13 pairs of a depthwise 3x3 and a 1x1 convolution (Howard et al. 2017, table 1).

    MLPerf Tiny's visual wake words: is there a person in the image [N, 96, 96, 3]?
    """
    inputs = keras.Input((96, 96, 3))
    x = conv_bn(inputs, 8, 3, 2)
    for outputs, stride in MOBILENET_PAIRS:
        x = separable(x, outputs, stride)
    return classifier("mobilenet_v1", inputs, x, classes, activation)


def ds_cnn(classes: int = 12, activation: str | None = "softmax", dropouts: tuple[float, float] = DS_CNN_DROPOUTS) -> keras.Model:
    """Small depthwise-separable network for key words (Zhang et al. 2017), as in MLPerf Tiny: 49 frames of 10 coefficients, [N, 49, 10, 1]."""
    inputs = keras.Input((49, 10, 1))
    x = layers.Dropout(dropouts[0])(conv_bn(inputs, 64, (10, 4), 2))
    for _ in range(4):
        x = separable(x, 64)
    return classifier("ds_cnn", inputs, layers.Dropout(dropouts[1])(x), classes, activation)


def autoencoder() -> keras.Model:
    """Dense autoencoder for machine sounds (Koizumi et al. 2020), as in MLPerf Tiny: five frames of 128 mel bands, [N, 640], and back."""
    x = inputs = keras.Input((AUTOENCODER_ROW,))
    for width in AUTOENCODER_WIDTHS:
        x = layers.ReLU()(normalized(layers.Dense(width)(x)))
    return keras.Model(inputs, layers.Dense(AUTOENCODER_ROW)(x), name="autoencoder")


def resnet18(classes: int = 1000, activation: str | None = "softmax", extent: int = 224) -> keras.Model:
    """ResNet-18 (He et al. 2015, table 1), for images [N, extent, extent, 3]."""
    inputs = keras.Input((extent, extent, 3))
    x = layers.MaxPooling2D(3, 2, padding="same")(conv_bn(inputs, 64, 7, 2))
    for block in RESNET18_BLOCKS:
        x = residual(x, *block, shortcut_bn=True)
    return classifier("resnet18", inputs, x, classes, activation)
