"""The examples run, and reach what their framework reaches."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

import pytest

DIGITS = "import data, pathlib; data.FASHION_FOLDER = data.KERAS_MNIST = pathlib.Path('/nonexistent')"
EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "python"


def train(script: str, framework: str, before: str = "", **options: object) -> dict[str, list[float]]:
    """The history of an example that ran in a process of its own."""
    code = f"import json, sys; sys.path.insert(0, {str(EXAMPLES)!r})\n{before}\nimport {script} as s\n"
    code += f"print('HISTORY ' + json.dumps(s.train({framework!r}, **{options!r})))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(json.loads(done.stdout.split("HISTORY ")[1]))


def test_keras_mnist_learns():
    history = train("keras_mnist", "n2d2", epochs=2, largest=2000, verbose=0)
    assert history["loss"][1] < history["loss"][0]
    assert history["test_accuracy"][0] > 0.5


@pytest.mark.parametrize("before", ["", DIGITS], ids=["as the machine has it", "digits"])
def test_pytorch_cifar10_learns(before):
    history = train("pytorch_cifar10", "n2d2", before, epochs=4, largest=3000, log_every=100)
    assert len(history["loss"]) >= 12
    assert history["loss"][-1] < 0.9 * history["loss"][0]


def test_examples_fall_back_to_digits():
    nowhere = "import data, pathlib; data.FASHION_FOLDER = data.KERAS_MNIST = pathlib.Path('/nonexistent')"
    history = train("keras_mnist", "n2d2", before=nowhere, epochs=1, verbose=0)
    assert history["steps"] == [11]


@pytest.mark.slow
def test_several_processes_train_one_network():
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", "2", str(EXAMPLES / "pytorch_processes.py")]
    done = subprocess.run([*command, "--largest", "1500"], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    first, second = (float(line.split()[-1]) for line in done.stdout.splitlines())
    assert second < 0.9 * first


@pytest.mark.slow
@pytest.mark.parametrize(("before", "epochs", "least"), [("", 3, 0.88), (DIGITS, 20, 0.95)], ids=["as the machine has it", "digits"])
def test_keras_mnist_reaches_what_keras_reaches(before, epochs, least):
    """Mean of three seeds: within a point of the same script unwrapped, and at least `least`.

    On Fashion-MNIST plain Keras and n2d2 both have about 0.883 after 3 epochs.
    """
    accuracy = {
        framework: statistics.mean(
            train("keras_mnist", framework, before, epochs=epochs, seed=seed, verbose=0)["test_accuracy"][0] for seed in range(3)
        )
        for framework in ("n2d2", "keras")
    }
    print(accuracy)
    assert accuracy["n2d2"] >= least
    assert abs(accuracy["n2d2"] - accuracy["keras"]) <= 0.01
