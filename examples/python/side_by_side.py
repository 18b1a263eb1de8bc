"""Runs of one script in n2d2 and in its own framework, each in a process of its own so that the two don't share threads."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
History = dict[str, list[float]]
STYLES: dict[bool, dict[str, Any]] = {
    True: {"linewidth": 2.4, "color": "#c0392b"},
    False: {"linewidth": 2.4, "color": "#2c3e50", "linestyle": "--"},
}
"""Of a line, by whether it is n2d2's."""


def run_one(script: str, *arguments: object, **options: object) -> History:
    """The history that the script's `train` returns in a fresh process."""
    code = (
        f"import json, sys; sys.path.insert(0, {str(HERE)!r}); import {script} as s\n"
        f"h = s.train(*{arguments!r}, **{options!r})\n"
        f"print('HISTORY ' + json.dumps(h))"
    )
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True)
    history: History = json.loads(done.stdout.split("HISTORY ")[1])
    return history


def draw(axis: Any, title: str, runs: dict[str, tuple[History, str]]) -> None:
    """Learning curves in one panel; `runs` holds for each framework its history and a label."""
    for framework, (history, label) in runs.items():
        steps = history.get("step") or list(range(1, len(history["loss"]) + 1))
        axis.plot(steps, history["loss"], marker="o", markersize=4, label=label, **STYLES[framework == "n2d2"])
    axis.set_title(title)
    axis.set_ylabel("training loss")
    axis.set_xlabel("step" if "step" in history else "epoch")
    if "step" not in history:
        axis.set_xticks(steps)
    axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)
    axis.legend(loc="upper right", frameon=False)
