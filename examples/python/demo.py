"""Runs both examples for a short while, in n2d2 and in their own framework, and shows what each did.

Each run has a process of its own, so that the two frameworks don't share threads. The picture goes to build/demo/learning.png.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
OUTPUT = Path("build") / "demo"
RUNS = {
    "keras": ("keras_mnist", {"epochs": 3, "largest": 12000, "verbose": 0}),
    "torch": ("pytorch_cifar10", {"epochs": 1, "largest": 12000, "log_every": 250}),
}


def run_one(script: str, framework: str, options: dict[str, object]) -> dict[str, list[float]]:
    """Trains in a fresh process and returns its history."""
    code = (
        f"import json, sys; sys.path.insert(0, {str(HERE)!r}); import {script} as s\n"
        f"h = s.train({framework!r}, **{options!r})\n"
        f"print('HISTORY ' + json.dumps(h))"
    )
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    history: dict[str, list[float]] = json.loads(done.stdout.split("HISTORY ")[1])
    history["total_seconds"] = [time.perf_counter() - start]
    return history


def table(results: dict[str, dict[str, dict[str, list[float]]]]) -> str:
    """Loss, accuracy and time, side by side."""
    from tabulate import tabulate

    rows = []
    for host, runs in results.items():
        for framework, history in runs.items():
            rows.append([RUNS[host][0], framework, history["loss"][-1], history["test_accuracy"][0], history["step_ms"][0]])
    return tabulate(
        rows, headers=["example", "runs in", "last loss", "test accuracy", "ms per step"], floatfmt=("", "", ".4f", ".4f", ".2f")
    )


def picture(results: dict[str, dict[str, dict[str, list[float]]]], path: Path) -> None:
    """Learning curves of both examples, one line per engine."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), constrained_layout=True)
    titles = {"keras": "Keras MNIST convnet, batch 128", "torch": "PyTorch tutorial network, batch 4"}
    for axis, (host, runs) in zip(axes, results.items(), strict=True):
        for framework, history in runs.items():
            steps = history.get("step") or list(range(1, len(history["loss"]) + 1))
            style = (
                {"linewidth": 2.4, "color": "#c0392b"} if framework == "n2d2" else {"linewidth": 2.4, "color": "#2c3e50", "linestyle": "--"}
            )
            label = f"{framework}: {history['step_ms'][0]:.2f} ms a step, test accuracy {history['test_accuracy'][0]:.3f}"
            axis.plot(steps, history["loss"], marker="o", markersize=4, label=label, **style)
        axis.set_title(titles[host])
        axis.set_xlabel("step" if "step" in next(iter(runs.values())) else "epoch")
        axis.set_ylabel("training loss")
        axis.set_ylim(bottom=0)
        axis.grid(alpha=0.3)
        axis.legend(loc="upper right", frameon=False)
        if host == "keras":
            axis.set_xticks(steps)
    figure.savefig(path, dpi=130)


def step_times(host: str, history: dict[str, list[float]]) -> None:
    """Milliseconds per step of the user's own loop."""
    if host == "torch":
        history["step_ms"] = [history["step_us"][0] / 1e3]
    else:
        history["step_ms"] = [min(history["epoch_seconds"]) / history["steps"][0] * 1e3]


def main() -> None:
    """Runs everything and writes the table and the picture."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--largest", type=int, help="images per run")
    arguments = parser.parse_args()
    results: dict[str, dict[str, dict[str, list[float]]]] = {}
    for host, (script, options) in RUNS.items():
        results[host] = {}
        for framework in ("n2d2", host):
            print(f"== {script}.py in {framework}", flush=True)
            chosen = {**options, **({"largest": arguments.largest} if arguments.largest else {})}
            results[host][framework] = run_one(script, framework, chosen)
            step_times(host, results[host][framework])
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / "results.json").write_text(json.dumps(results, indent=1))
    picture(results, OUTPUT / "learning.png")
    print(f"\n{table(results)}\n\nlearning curves: {OUTPUT / 'learning.png'}")


if __name__ == "__main__":
    main()
