"""Networks of keras.applications at reduced size, as configurations for `layer_parity.compare`."""

from __future__ import annotations

import keras
import numpy as np

SIZES = {
    "MobileNet": 64,
    "MobileNetV2": 64,
    "MobileNetV3Small": 64,
    "MobileNetV3Large": 64,
    "ResNet50": 64,
    "ResNet50V2": 64,
    "DenseNet121": 96,
    "EfficientNetB0": 64,
    "EfficientNetV2B0": 64,
    "NASNetMobile": 64,
    "Xception": 80,
    "InceptionV3": 128,
    "VGG16": 48,
    "ConvNeXtTiny": 64,
}


def configuration(name: str):
    """Input shapes and maker; dropout is off, as its random numbers differ between engines."""
    size = SIZES[name]

    def output(x):
        model = getattr(keras.applications, name)(
            weights=None, input_tensor=x, input_shape=(size, size, 3), classes=10, classifier_activation=None
        )
        for layer in model.layers:
            if isinstance(layer, keras.layers.Dropout):
                layer.rate = 0.0
        return model.output

    return [(size, size, 3)], lambda: output


def weights(model: keras.Model, seed: int) -> list[np.ndarray]:
    """Keras' initial weights, biases and statistics moved a little from 0 and 1."""
    rng = np.random.default_rng(seed)
    drawn = []
    for variable in model.weights:
        value = np.asarray(variable.value)
        moved = 0.05 * rng.standard_normal(value.shape) if value.ndim < 2 else 0.0
        drawn.append((value + np.abs(moved) if "variance" in variable.path else value + moved).astype(np.float32))
    return drawn
