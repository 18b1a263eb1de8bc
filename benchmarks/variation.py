"""n2d2 and PyTorch on 24 small convnets drawn from a seed: equal numbers, then step times against PyTorch's best setting.

    python benchmarks/variation.py --seed 0 --json variation.json

The networks: models/variation_nets.py. Equality: equality.py. The way of timing: compare.py. Exit status 1 when a network fails, differs
or could not be timed.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from pathlib import Path
from typing import Any

# parity.py, torch_nets.py
sys.path.extend(str(Path(__file__).resolve().parents[1] / "tests" / part) for part in ("python", "python/pytorch/support"))

import torch

from equality import differences
from machine import Probe
from models.variation_nets import STRATA, names, net_of
from rounds import BusyError, Conditions, compare

SETTINGS = ["torch_eager", "torch_fused", "torch_channels_last"]


def compared(name: str) -> list[str]:
    """What differs from PyTorch in one step on noise; an error of n2d2 counts as a difference."""
    net = net_of(name)
    torch.manual_seed(1)
    x, y = torch.randn(net.batch, *net.shape), torch.randint(0, net.classes, (net.batch,))
    try:
        return differences(net.build(), x, y)
    except Exception as problem:
        return [f"{type(problem).__name__}: {problem}"]


def measured(name: str, rounds: int, conditions: Conditions) -> dict[str, Any]:
    """A network's description, its differences and its times."""
    net = net_of(name)
    result: dict[str, Any] = {"name": name, "stratum": net.stratum, "net": str(net), "differences": compared(name)}
    try:
        result |= compare(name, ["n2d2", *SETTINGS], rounds, "step", conditions)
    except (BusyError, RuntimeError) as problem:
        result["problem"] = str(problem)
    return result


def table(results: list[dict[str, Any]]) -> str:
    """A row per network, then ratios per stratum."""
    from tabulate import tabulate

    rows = []
    for r in results:
        timed = "median" in r
        figures = [f"{r['median']['n2d2']:.3f}", f"{r['median'][r['best_peer']]:.3f}"] if timed else ["", ""]
        equal = "yes" if not r["differences"] else f"no ({len(r['differences'])})"
        last = [r["best_peer"], f"{r['ratio']['n2d2']:.2f}"] if timed else ["not timed", ""]
        rows.append([r["name"], r["stratum"], r["net"], equal, *figures, *last])
    headers = ["", "stratum", "network", "equal", "n2d2 ms", "torch ms", "best setting", "torch / n2d2"]
    parts = [tabulate(rows, headers=headers, disable_numparse=True, maxcolwidths=[None, None, 70])]
    ratios = {s: [r["ratio"]["n2d2"] for r in results if r["stratum"] == s and "ratio" in r] for s in STRATA}
    for stratum, values in ratios.items():
        if values:
            parts.append(f"{stratum}: median {statistics.median(values):.2f}, least {min(values):.2f}, of {len(values)}")
    every = [v for values in ratios.values() for v in values]
    if every:
        parts.append(f"all: median {statistics.median(every):.2f}, least {min(every):.2f}, of {len(every)}")
    for r in results:
        parts += [f"{r['name']}: {d}" for d in r["differences"]] + ([f"{r['name']}: {r['problem']}"] if "problem" in r else [])
    return "\n".join(parts)


def main() -> int:
    """Reads the command line, measures, prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", type=int, action="append", help="these indices only")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--wait", type=float, default=0.0, help="before each figure, wait up to so many seconds for a quiet machine")
    parser.add_argument("--any-load", action="store_true", help="count disturbed rounds as well")
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    probe = Probe(os.cpu_count() or 1)
    results = []
    for name in [names(arguments.seed)[i] for i in arguments.only] if arguments.only else names(arguments.seed):
        print(f"{name}: {net_of(name)}", file=sys.stderr)
        results.append(measured(name, arguments.rounds, Conditions(arguments.wait, arguments.any_load, probe=probe)))
    print(table(results))
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps({"seed": arguments.seed, "machine": probe.report(), "results": results}, indent=1))
    return 1 if any(r["differences"] or "problem" in r for r in results) else 0


if __name__ == "__main__":
    sys.exit(main())
