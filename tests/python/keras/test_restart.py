"""A process that is killed in the middle of `fit` and started again ends with the weights of one that was not."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
from keras_nets import digits, small

import keras_interoperability as interop


class Kill(keras.callbacks.Callback):
    """Ends the process as a power cut would."""

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations) == 12:
            os.kill(os.getpid(), signal.SIGKILL)


def train(folder: str, *callbacks: keras.callbacks.Callback) -> keras.Model:
    """Four epochs of five batches, with a copy of the state after each."""
    x, classes, _ = digits()
    model = interop.wrap(small(), 16)
    schedule = keras.optimizers.schedules.ExponentialDecay(0.02, 3, 0.9)
    model.compile(keras.optimizers.Adam(schedule), "sparse_categorical_crossentropy")
    backup = keras.callbacks.BackupAndRestore(folder, delete_checkpoint=False)
    model.fit(x[:80], classes[:80], batch_size=16, epochs=4, shuffle=False, verbose=0, callbacks=[backup, *callbacks])
    return model


def test_killed_and_started_again(tmp_path):
    program = f"import test_restart; test_restart.train({str(tmp_path / 'killed')!r}, test_restart.Kill())"
    here = Path(__file__).parent
    folders = os.pathsep.join([str(here), str(here / "support"), os.environ.get("PYTHONPATH", "")])
    killed = subprocess.run([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": folders}, timeout=300, check=False)
    assert killed.returncode == -signal.SIGKILL
    again, whole = train(str(tmp_path / "killed")), train(str(tmp_path / "whole"))
    assert again.history.epoch == [2, 3]
    assert int(again.optimizer.iterations) == int(whole.optimizer.iterations) == 20
    for a, b in zip(again.get_weights(), whole.get_weights(), strict=True):
        assert np.array_equal(a, b)
