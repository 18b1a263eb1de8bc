"""The five networks for devices, trained by Keras' `fit`: in n2d2, and beside it the same script unwrapped.

python keras_devices.py ds_cnn                       # both, with a table and a picture in build/devices
python keras_devices.py ds_cnn --framework keras     # one of them
"""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras

import keras_interoperability
from device_data import rows_for
from device_runs import SETTINGS, main
from keras_mnist import EpochClock
from networks import in_keras

TEST_ROWS = 200


def train(
    network: str, framework: str = "n2d2", epochs: int | None = None, steps: int | None = None, seed: int = 0
) -> dict[str, list[float]]:
    """Trains a network and returns Keras' history, then "test_loss", "test_accuracy" and "step_ms" of the quickest epoch.

    `epochs` and `steps` of an epoch default to those of `device_runs.SETTINGS`. The autoencoder has no accuracy.
    """
    keras.utils.set_random_seed(seed)
    setting = SETTINGS[network]
    steps = steps or setting.steps
    rows = rows_for(network, steps * setting.batch, TEST_ROWS)
    is_classifier = rows.y_train.ndim == 1

    model = getattr(in_keras, network)(**setting.arguments)
    if framework == "n2d2":
        model = keras_interoperability.wrap(model, batch_size=setting.batch)  # the one line
    optimizer = keras.optimizers.Adam(0.001) if setting.solver == "adam" else keras.optimizers.SGD(0.01, momentum=0.9)
    loss, metrics = ("sparse_categorical_crossentropy", ["accuracy"]) if is_classifier else ("mse", [])
    model.compile(loss=loss, optimizer=optimizer, metrics=metrics)

    clock = EpochClock()
    fitted = model.fit(rows.x_train, rows.y_train, batch_size=setting.batch, epochs=epochs or setting.epochs, verbose=2, callbacks=[clock])
    tested = model.evaluate(rows.x_test, rows.y_test, batch_size=setting.batch, verbose=0, return_dict=True)
    return {
        **fitted.history,
        **{f"test_{name}": [value] for name, value in tested.items()},
        "step_ms": [min(clock.seconds) / steps * 1e3],
    }


if __name__ == "__main__":
    main("keras_devices", "keras", train, __doc__)
