"""`fit` with its defaults on Keras' MNIST convnet, batch 128. Peers: n2d2, keras (TensorFlow graph)."""

from __future__ import annotations

import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import keras
import numpy as np
from keras import layers
from worker import serve

import keras_interoperability

ROWS = 128 * 200
EPOCHS = 1


def main(peer: str) -> None:
    """Serves rounds."""
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    x = rng.random((ROWS, 28, 28, 1), np.float32)
    y = keras.utils.to_categorical(rng.integers(0, 10, ROWS), 10)
    model = keras.Sequential(
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
    if peer == "n2d2":
        model = keras_interoperability.wrap(model, 128)
    model.compile(loss="categorical_crossentropy", optimizer="sgd", metrics=["accuracy"])

    def run() -> tuple[int, float]:
        history = model.fit(x, y, batch_size=128, epochs=EPOCHS, verbose=0)
        return ROWS // 128 * EPOCHS, history.history["loss"][-1]

    serve(run)


if __name__ == "__main__":
    main(sys.argv[1])
