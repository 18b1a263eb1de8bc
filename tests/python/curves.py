"""Whether loss curves of n2d2 overlap a framework's, and a picture of them.

Three seeds; of each, one run in the framework, a twin of it whose weights are shaken by one rounding (and whose dropout draws other
masks), and one in n2d2, on the same batches. Curves are means of 20 steps. A gap is the distance of two curves of one seed at one step.
n2d2's gap to the framework is allowed to be twice the largest gap of any twin up to this step, and 2 % of the first loss. ResNet18 has
three twins: it forgets its start within five steps, and of five twins of Keras' own run four of the twenty pairs break the rule that one
other sets, none that of three others. Means over the last 50 steps and the seeds differ by at most the largest gap of a twin there, and 2
%.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from device_data import rows_for
from device_runs import SETTINGS

PICTURES = Path(__file__).resolve().parents[2] / "build" / "curves"
STEPS, SEEDS = 200, range(3)
SMOOTH, LAST, MARGIN = 20, 50, 0.02
BATCHES = {"resnet8": 8, "mobilenet_v1": 8, "ds_cnn": 16, "autoencoder": 64, "resnet18": 4}
"""Rows of a batch, small so that the runs are short."""


def batches(network: str, seed: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """The batches of a run, channels last; ResNet18 takes images of 64."""
    rows = BATCHES[network]
    data = rows_for("resnet8" if network == "resnet18" else network, rows * STEPS, 1)
    x, y = data.x_train, data.y_train
    order = np.random.default_rng(seed).permutation(len(x)).reshape(STEPS, rows)
    enlarged = 2 if network == "resnet18" else 1
    return [(x[i].repeat(enlarged, 1).repeat(enlarged, 2) if x.ndim == 4 else x[i], y[i]) for i in order]


def twins_of(network: str) -> range:
    """One twin, and three of ResNet18, see above."""
    return range(3 if network == "resnet18" else 1)


def is_adam(network: str) -> bool:
    """Else SGD with momentum; rates as in the examples."""
    return SETTINGS[network].solver == "adam"


def smoothed(losses: list[float]) -> np.ndarray:
    """Means of `SMOOTH` steps."""
    return np.convolve(losses, np.ones(SMOOTH) / SMOOTH, "valid")


@dataclass
class Curves:
    """The losses of one network: a list per seed, and of each twin."""

    name: str
    framework: list[list[float]]
    twins: list[list[list[float]]]
    ours: list[list[float]]

    def check(self) -> None:
        """Raises when n2d2's curves are farther off than the rule above allows."""
        plain, ours, *twins = (np.stack([smoothed(run) for run in runs]) for runs in (self.framework, self.ours, *self.twins))
        assert np.isfinite(ours).all()
        noise = np.maximum.accumulate(np.max([np.abs(twin - plain) for twin in twins], (0, 1)))
        margin = MARGIN * float(np.mean([run[0] for run in self.framework]))
        excess = np.abs(ours - plain).max(0) - (2 * noise + margin)
        worst = int(excess.argmax())
        assert excess[worst] <= 0, f"{self.name}: {np.abs(ours - plain).max(0)[worst]:.3f} off at {worst}, noise {noise[worst]:.3f}"
        ends = [np.mean([run[-LAST:] for run in runs]) for runs in (self.framework, self.ours)]
        assert abs(ends[0] - ends[1]) <= noise[-1] + margin, f"{self.name}: last losses {ends}, noise {noise[-1]:.3f}"


def draw(curves: Curves, framework: str) -> Path:
    """Keeps the losses, and draws all networks that are there, a panel each, to build/curves/FRAMEWORK.png."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    PICTURES.mkdir(parents=True, exist_ok=True)
    (PICTURES / f"{framework}_{curves.name}_runs.json").write_text(json.dumps(asdict(curves)))
    kept = [path for name in BATCHES if (path := PICTURES / f"{framework}_{name}_runs.json").exists()]
    figure, axes = plt.subplots(2, 3, figsize=(11, 6), constrained_layout=True)
    for axis, path in zip(axes.flat, kept, strict=False):
        panel(axis, Curves(**json.loads(path.read_text())), framework)
    for axis in axes.flat[len(kept) :]:
        axis.axis("off")
    axes.flat[-1].legend(*axes.flat[0].get_legend_handles_labels(), loc="center", frameon=False)
    picture = PICTURES / f"{framework}.png"
    figure.savefig(picture, dpi=80)
    plt.close(figure)
    return picture


def panel(axis: Any, curves: Curves, framework: str) -> None:
    """All runs of a network as lines."""
    looks = {"framework": ("#2c3e50", "-", 1.8), "twin": ("#7f8c8d", ":", 1.4), "ours": ("#c0392b", "--", 1.4)}
    labels = {"framework": framework, "twin": f"{framework}, weights shaken by one rounding", "ours": "n2d2"}
    lines = {"framework": curves.framework, "twin": [run for twin in curves.twins for run in twin], "ours": curves.ours}
    for kind, (colour, line, width) in looks.items():
        for i, run in enumerate(lines[kind]):
            axis.plot(smoothed(run), color=colour, linestyle=line, linewidth=width, label=labels[kind] if i == 0 else None)
    axis.set(title=curves.name, xlabel="step", ylabel=f"training loss, mean of {SMOOTH} steps", ylim=(0, None))
    axis.grid(alpha=0.3)
