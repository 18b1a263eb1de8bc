"""The scripts that train networks for devices: each network learns; both engines side by side."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[3] / "examples" / "python"


SMALL = ["resnet8", "mobilenet_v1", "ds_cnn", "autoencoder"]


@pytest.mark.parametrize(
    ("networks", "steps"), [(SMALL, 4), pytest.param(["resnet18"], 16, marks=pytest.mark.slow)], ids=["the four of MLPerf Tiny", "resnet18"]
)
@pytest.mark.parametrize("script", ["pytorch_devices", "keras_devices"])
def test_every_network_learns(script, networks, steps):
    options = {"epochs": 2, "steps": steps}
    code = f"import json, sys; sys.path.insert(0, {str(EXAMPLES)!r}); import {script} as s\n"
    code += f"print('RESULT ' + json.dumps([s.train(name, 'n2d2', **{options!r}) for name in {networks!r}]))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-2000:]
    for history in json.loads(done.stdout.split("RESULT ")[1]):
        assert len(history["loss"]) == 2
        assert history["loss"][1] < history["loss"][0]
        assert history["test_loss"][0] > 0
        assert history["step_ms"][0] > 0


@pytest.mark.slow
@pytest.mark.parametrize(("script", "framework"), [("pytorch_devices", "torch"), ("keras_devices", "keras")])
def test_side_by_side(script, framework, tmp_path):
    pytest.importorskip("matplotlib")
    command = [sys.executable, str(EXAMPLES / f"{script}.py"), "ds_cnn", "autoencoder", "--epochs", "2"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith(("ds_cnn ", "autoencoder "))]
    assert [row[:2] for row in rows] == [[name, engine] for name in ("ds_cnn", "autoencoder") for engine in ("n2d2", framework)]
    losses = [float(row[2]) for row in rows]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)
    assert losses[2] == pytest.approx(losses[3], rel=0.05)
    assert (tmp_path / "build" / "devices" / f"{script}.png").stat().st_size > 10000
