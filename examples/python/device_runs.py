"""What the two scripts that train networks for devices share: how each network is trained, the table and the picture of the runs."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from pathlib import Path

from side_by_side import History, draw, run_one

OUTPUT = Path("build") / "devices"


@dataclass(frozen=True)
class Setting:
    """How a network is trained by default."""

    batch: int
    steps: int
    """Of an epoch."""
    epochs: int
    solver: str = "adam"
    """"adam" with rate 0.001, or "momentum" (0.9) with rate 0.01."""
    arguments: dict[str, int] = field(default_factory=dict)
    """Of the function that makes the network."""


SETTINGS = {
    "resnet8": Setting(32, 60, 6),
    "mobilenet_v1": Setting(32, 40, 6),
    "ds_cnn": Setting(100, 30, 6),
    "autoencoder": Setting(512, 20, 8),
    "resnet18": Setting(8, 16, 5, "momentum", {"classes": 10}),
}
NETWORKS = list(SETTINGS)


def compared(script: str, framework: str, networks: list[str], **options: object) -> None:
    """Trains each network in n2d2 and in the framework, prints a table, and draws the losses to build/devices/SCRIPT.png."""
    import matplotlib
    from tabulate import tabulate

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(networks), figsize=(5.2 * len(networks), 4.2), constrained_layout=True, squeeze=False)
    rows = []
    for axis, network in zip(axes[0], networks, strict=True):
        runs: dict[str, tuple[History, str]] = {}
        for engine in ("n2d2", framework):
            print(f"== {network} in {engine}", flush=True)
            history = run_one(script, network, engine, **options)
            score, name = (history["accuracy"][-1], "accuracy") if "accuracy" in history else (history["test_loss"][0], "test loss")
            runs[engine] = (history, f"{engine}: {history['step_ms'][0]:.1f} ms a step, {name} {score:.3f}")
            rows.append([network, engine, history["loss"][-1], *history.get("accuracy", [None])[-1:], history["test_loss"][0]])
            rows[-1] += [*history.get("test_accuracy", [None]), history["step_ms"][0]]
        draw(axis, f"{network}, batch {SETTINGS[network].batch}", runs)
    OUTPUT.mkdir(parents=True, exist_ok=True)
    figure.savefig(OUTPUT / f"{script}.png", dpi=110)
    headers = ["network", "runs in", "last loss", "accuracy", "test loss", "test accuracy", "ms per step"]
    print("\n" + tabulate(rows, headers=headers, floatfmt=("", "", ".4f", ".3f", ".4f", ".3f", ".2f")))
    print(f"\nlearning curves: {OUTPUT / f'{script}.png'}")


def parse(description: str | None, framework: str) -> argparse.Namespace:
    """Reads the command line of a script."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("networks", nargs="*", metavar="network", choices=[*NETWORKS, []], help=f"default: {' '.join(NETWORKS)}")
    parser.add_argument("--framework", choices=["both", "n2d2", framework], default="both")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def main(script: str, framework: str, train: object, description: str | None) -> None:
    """Runs in both engines side by side, or in one of them in this process."""
    arguments = parse(description, framework)
    networks, options = arguments.networks or NETWORKS, {"epochs": arguments.epochs, "seed": arguments.seed}
    if arguments.framework == "both":
        compared(script, framework, networks, **options)
        return
    assert callable(train)
    for network in networks:
        train(network, arguments.framework, **options)
