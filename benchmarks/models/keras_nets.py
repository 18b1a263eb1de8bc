"""The networks of the workloads in Keras, channels last."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers

from catalog import Workload
from models.shapes import AUTOENCODER_WIDTHS, MOBILENET_PAIRS, RESNET8_BLOCKS, RESNET18_BLOCKS


def conv_bn(x: Any, outputs: int, kernel: int | tuple[int, int], stride: int = 1) -> Any:
    """Convolution that keeps the extent (or divides it by the stride), BatchNorm, ReLU."""
    x = layers.Conv2D(outputs, kernel, stride, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.BatchNormalization()(x))


def separable(x: Any, outputs: int, stride: int = 1) -> Any:
    """Depthwise 3x3, then 1x1, each with BatchNorm and ReLU."""
    x = layers.DepthwiseConv2D(3, stride, padding="same", use_bias=False)(x)
    return conv_bn(layers.ReLU()(layers.BatchNormalization()(x)), outputs, 1)


def residual(x: Any, inputs: int, outputs: int, stride: int, shortcut_bn: bool) -> Any:
    """Two 3x3 convolutions beside a shortcut (He et al. 2015, figure 2); 1x1 on the shortcut where the shape changes."""
    y = conv_bn(x, outputs, 3, stride)
    y = layers.BatchNormalization()(layers.Conv2D(outputs, 3, padding="same", use_bias=False)(y))
    if stride != 1 or inputs != outputs:
        x = layers.Conv2D(outputs, 1, stride, use_bias=not shortcut_bn)(x)
        x = layers.BatchNormalization()(x) if shortcut_bn else x
    return layers.ReLU()(layers.Add()([y, x]))


def mnist(x: Any, w: Workload) -> Any:
    """Keras' MNIST convnet."""
    for outputs in (32, 64):
        x = layers.MaxPooling2D(2)(layers.Conv2D(outputs, 3, activation="relu")(x))
    x = layers.Flatten()(x)
    return layers.Dropout(w.dropout)(x) if w.dropout else x


def tutorial(x: Any, w: Workload) -> Any:
    """The network of PyTorch's CIFAR10 tutorial."""
    for outputs in (6, 16):
        x = layers.MaxPooling2D(2)(layers.Conv2D(outputs, 5, activation="relu")(x))
    x = layers.Dense(120, activation="relu")(layers.Flatten()(x))
    return layers.Dense(84, activation="relu")(x)


def resnet8(x: Any, w: Workload) -> Any:
    """MLPerf Tiny's image classification (Banbury et al. 2021)."""
    x = conv_bn(x, 16, 3)
    for block in RESNET8_BLOCKS:
        x = residual(x, *block, shortcut_bn=False)
    return layers.GlobalAveragePooling2D()(x)


def mobilenet_v1(x: Any, w: Workload) -> Any:
    """MobileNetV1 with a quarter of its channels (Howard et al. 2017, table 1)."""
    x = conv_bn(x, 8, 3, 2)
    for outputs, stride in MOBILENET_PAIRS:
        x = separable(x, outputs, stride)
    return layers.GlobalAveragePooling2D()(x)


def ds_cnn(x: Any, w: Workload) -> Any:
    """Small depthwise-separable network for key words (Zhang et al. 2017), as in MLPerf Tiny."""
    x = layers.Dropout(0.2)(conv_bn(x, 64, (10, 4), 2))
    for _ in range(4):
        x = separable(x, 64)
    return layers.GlobalAveragePooling2D()(layers.Dropout(0.4)(x))


def autoencoder(x: Any, w: Workload) -> Any:
    """Dense autoencoder for machine sounds (Koizumi et al. 2020), as in MLPerf Tiny."""
    for width in AUTOENCODER_WIDTHS:
        x = layers.ReLU()(layers.BatchNormalization()(layers.Dense(width)(x)))
    return x


def resnet18(x: Any, w: Workload) -> Any:
    """ResNet-18 (He et al. 2015, table 1)."""
    x = layers.MaxPooling2D(3, 2, padding="same")(conv_bn(x, 64, 7, 2))
    for block in RESNET18_BLOCKS:
        x = residual(x, *block, shortcut_bn=True)
    return layers.GlobalAveragePooling2D()(x)


BUILDERS = {f.__name__: f for f in (mnist, tutorial, resnet8, mobilenet_v1, ds_cnn, autoencoder, resnet18)}


def build(workload: Workload, softmax: bool = False) -> keras.Model:
    """The workload's network, with seeded weights; its output are logits, or shares with `softmax`."""
    keras.utils.set_random_seed(0)
    inputs = keras.Input((*workload.shape[1:], workload.shape[0]))
    last = layers.Dense(workload.classes or workload.shape[0], activation="softmax" if softmax else None)
    return keras.Model(inputs, last(BUILDERS[workload.net](inputs, workload)), name=workload.net)
