"""Keras' MNIST convnet, trained in n2d2. The model and the loop are those of a plain Keras script; one line wraps the model.

python keras_mnist.py                      # in n2d2
python keras_mnist.py --framework keras    # the same script, unwrapped
"""

from __future__ import annotations

import argparse
import os
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
from keras import layers

import data
import keras_interoperability
import n2d2


class EpochClock(keras.callbacks.Callback):
    """Seconds of each epoch's training steps, validation left out."""

    def on_epoch_begin(self, epoch: int, logs: object = None) -> None:
        self.seconds = getattr(self, "seconds", [])
        self._start = time.perf_counter()

    def on_train_batch_end(self, batch: int, logs: object = None) -> None:
        self._end = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: object = None) -> None:
        self.seconds.append(self._end - self._start)


def train(framework: str = "n2d2", epochs: int = 3, largest: int | None = None, seed: int = 0, verbose: int = 2) -> dict[str, list[float]]:
    """Trains the convnet and returns Keras' history, with the test accuracy under "test_accuracy"."""
    keras.utils.set_random_seed(seed)
    images = data.mnist(largest)
    y_train = keras.utils.to_categorical(images.y_train, 10)
    y_test = keras.utils.to_categorical(images.y_test, 10)

    model = keras.Sequential(
        [
            keras.Input(shape=(28, 28, 1)),
            layers.Conv2D(32, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Conv2D(64, kernel_size=(3, 3), activation="relu"),
            layers.MaxPooling2D(pool_size=(2, 2)),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    optimizer = "adam"
    if framework == "n2d2":
        model = keras_interoperability.wrap(model, batch_size=128)  # the one line
        optimizer = n2d2.solver.Adam()

    model.compile(loss="categorical_crossentropy", optimizer=optimizer, metrics=["accuracy"])
    if verbose:
        model.summary()
    clock = EpochClock()
    history = model.fit(images.x_train, y_train, batch_size=128, epochs=epochs, verbose=verbose, validation_split=0.1, callbacks=[clock])
    loss, accuracy = model.evaluate(images.x_test, y_test, batch_size=128, verbose=0)
    print(f"{framework}: test loss {loss:.4f}, test accuracy {accuracy:.4f} ({images.name})")
    steps = -(-int(len(images.x_train) * 0.9) // 128)
    return {**history.history, "test_accuracy": [accuracy], "epoch_seconds": clock.seconds, "steps": [steps]}


def main() -> None:
    """Reads the command line and trains."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--framework", choices=["n2d2", "keras"], default="n2d2")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--largest", type=int, help="use this many images only")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    train(arguments.framework, arguments.epochs, arguments.largest, arguments.seed)


if __name__ == "__main__":
    main()
