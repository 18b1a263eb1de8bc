"""What Keras' `fit` costs around the engine's step: fetching the batch, loss, metrics, callbacks, progress bar.

The engine's step is replaced by a no-op, so that what is left is this cost alone. Beside it stands Keras' own fit of the same small model
(Flatten, Dense), which computes too. The runs are interleaved; a figure is the mean of one epoch, and of these the median and the least.

Example: python benchmarks/keras_loop.py --epochs 5 --rounds 3
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import os
import statistics
import time
from collections.abc import Iterator
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
from tabulate import tabulate

import keras_interoperability

CLASSES = 10


class NoEngine:
    """Stands for the engine's network: every step returns at once."""

    def __init__(self, network: Any) -> None:
        self._network = network

    def forward(self, inputs: list[int], rows: int, outputs: list[int], **options: Any) -> int:
        """Zeros."""
        ctypes.memset(outputs[0], 0, rows * CLASSES * 4)
        return 0

    def step(self, inputs: list[Any], rows: int, targets: Any, loss: str, by_class: bool, key: int, output: int) -> float:
        """Zeros."""
        ctypes.memset(output, 0, rows * CLASSES * 4)
        return 0.0

    def backward(self, *args: Any, **kwargs: Any) -> None:
        """Does nothing."""

    def update(self) -> None:
        """Does nothing."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._network, name)


class EpochClock(keras.callbacks.Callback):
    """Seconds of every epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """Starts the clock."""
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Notes the time."""
        self.seconds.append(time.perf_counter() - self._start)


def small_model() -> keras.Model:
    """The least that a classifier of images needs."""
    return keras.Sequential(
        [keras.Input((28, 28, 1)), keras.layers.Flatten(), keras.layers.Dense(CLASSES, activation="softmax")], name="small"
    )


def own_cross_entropy(y: Any, p: Any) -> Any:
    """A loss that is not among Keras' own."""
    return -keras.ops.sum(y * keras.ops.log(p + 1e-7), axis=-1)


def models(batch: int) -> dict[str, keras.Model]:
    """What is compared."""
    made = {"Keras": small_model()}
    for name in ("n2d2", "n2d2, own loss function"):
        model = keras_interoperability.wrap(small_model(), batch)
        model._session.network = NoEngine(model._session.network)
        made[name] = model
    for name, model in made.items():
        loss = own_cross_entropy if "own" in name else "categorical_crossentropy"
        model.compile(optimizer=keras.optimizers.SGD(0.0), loss=loss, metrics=["accuracy"])
    return made


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """The progress bar is drawn, but nobody sees it."""
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
        yield


def measure(arguments: argparse.Namespace) -> dict[tuple[str, int], list[float]]:
    """Microseconds per step of every epoch, by model and verbosity."""
    rng = np.random.default_rng(0)
    rows = arguments.batch * arguments.steps
    x = rng.random((rows, 28, 28, 1), np.float32)
    y = keras.utils.to_categorical(rng.integers(0, CLASSES, rows), CLASSES).astype("float32")
    found: dict[tuple[str, int], list[float]] = {}
    made = models(arguments.batch)
    for _ in range(arguments.rounds):
        for verbose in (1, 0):
            for name, model in made.items():
                clock = EpochClock()
                with silent():
                    model.fit(x, y, batch_size=arguments.batch, epochs=arguments.epochs + 1, verbose=verbose, callbacks=[clock])
                found.setdefault((name, verbose), []).extend(s / arguments.steps * 1e6 for s in clock.seconds[1:])
    return found


def main() -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=128, help="rows of a batch")
    parser.add_argument("--steps", type=int, default=200, help="steps of an epoch")
    parser.add_argument("--epochs", type=int, default=4, help="epochs of one run, beside the first, which does not count")
    parser.add_argument("--rounds", type=int, default=3, help="how often the runs are repeated")
    found = measure(parser.parse_args())
    rows = [[name, verbose, statistics.median(us), min(us)] for (name, verbose), us in found.items()]
    print(tabulate(rows, headers=["fit of", "verbose", "us per step, median", "least"], floatfmt=".0f"))


if __name__ == "__main__":
    main()
