"""Runs both examples for a short while, in n2d2 and in their own framework, and shows what each did.

Each run has a process of its own, so that the two frameworks don't share threads. The picture goes to build/demo/learning.png.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from side_by_side import History, draw, run_one

OUTPUT = Path("build") / "demo"
RUNS = {
    "keras": ("keras_mnist", {"epochs": 3, "largest": 12000, "verbose": 0}),
    "torch": ("pytorch_cifar10", {"epochs": 1, "largest": 12000, "log_every": 250}),
}


def table(results: dict[str, dict[str, History]]) -> str:
    """Loss, accuracy and time, side by side."""
    from tabulate import tabulate

    rows = []
    for host, runs in results.items():
        for framework, history in runs.items():
            rows.append([RUNS[host][0], framework, history["loss"][-1], history["test_accuracy"][0], history["step_ms"][0]])
    return tabulate(
        rows, headers=["example", "runs in", "last loss", "test accuracy", "ms per step"], floatfmt=("", "", ".4f", ".4f", ".2f")
    )


def picture(results: dict[str, dict[str, History]], path: Path) -> None:
    """Learning curves of both examples, one line per engine."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, 2, figsize=(11, 4.2), constrained_layout=True)
    titles = {"keras": "Keras MNIST convnet, batch 128", "torch": "PyTorch tutorial network, batch 4"}
    for axis, (host, runs) in zip(axes, results.items(), strict=True):
        labelled = {
            framework: (history, f"{framework}: {history['step_ms'][0]:.2f} ms a step, test accuracy {history['test_accuracy'][0]:.3f}")
            for framework, history in runs.items()
        }
        draw(axis, titles[host], labelled)
    figure.savefig(path, dpi=130)


def step_times(host: str, history: History) -> None:
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
    results: dict[str, dict[str, History]] = {}
    for host, (script, options) in RUNS.items():
        results[host] = {}
        for framework in ("n2d2", host):
            print(f"== {script}.py in {framework}", flush=True)
            chosen = {**options, **({"largest": arguments.largest} if arguments.largest else {})}
            results[host][framework] = run_one(script, framework, **chosen)
            step_times(host, results[host][framework])
    OUTPUT.mkdir(parents=True, exist_ok=True)
    (OUTPUT / "results.json").write_text(json.dumps(results, indent=1))
    picture(results, OUTPUT / "learning.png")
    print(f"\n{table(results)}\n\nlearning curves: {OUTPUT / 'learning.png'}")


if __name__ == "__main__":
    main()
