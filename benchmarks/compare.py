"""Times n2d2 and other frameworks side by side.

Every peer has a process of its own that stays alive; rounds alternate between peers, so that all see the same machine. A round is thrown
away and repeated when other processes took more than a tenth of the machine during it, or when the machine's rate of multiply-adds had
dropped. Figures are medians over the clean rounds; ratios are taken per round, to the best peer of the run: above 1, n2d2 is faster.
The floor of a workload is the time of its operations at the rate of multiply-adds measured in the same run. Exit status 1 when something
was left out because the machine was too busy or a peer failed.

    python benchmarks/compare.py                                      # a step of the two main workloads, all peers
    python benchmarks/compare.py --workload cifar_tutorial --measure step --measure loop --json result.json --plot result.png
    python benchmarks/compare.py --from result.json --markdown result.md
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from catalog import HEADLINE, MEASURES, PEERS, WORKLOADS, offers
from machine import Probe
from report import flop_of, footer, markdown, section
from rounds import BusyError, Conditions, compare


def peers_for(workload: str, measure: str, asked: list[str] | None) -> tuple[list[str], list[str]]:
    """Names of the peers to run, ours first, and of those that are not installed."""
    wanted = [
        peer
        for peer in PEERS.values()
        if offers(peer, WORKLOADS[workload], measure) and (peer.is_ours or (peer.name in asked if asked else not peer.only_when_asked))
    ]
    return [p.name for p in wanted if p.is_installed], [p.name for p in wanted if not p.is_installed]


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measures what was asked for; shows and saves each result when it is there."""
    probe = Probe(arguments.cpus or os.cpu_count() or 1)
    conditions = Conditions(arguments.wait, arguments.any_load, arguments.cpus, probe)
    report: dict[str, Any] = {"machine": {}, "results": [], "not_installed": [], "left_out": []}
    for measure in arguments.measure or ["step"]:
        for workload in arguments.workload or HEADLINE:
            peers, missing = peers_for(workload, measure, arguments.peer)
            report["not_installed"] += [name for name in missing if name not in report["not_installed"]]
            if not peers:
                continue
            print(f"{workload}, {measure}: {', '.join(peers)} ...", file=sys.stderr, flush=True)
            rounds = 1 if measure == "memory" else arguments.rounds
            try:
                result = compare(workload, peers, rounds, measure, conditions)
                report["results"].append({**result, "flop": flop_of(workload, measure)})
                print(section(report["results"][-1], probe.report()), flush=True)
            except (BusyError, RuntimeError) as problem:
                report["left_out"].append(str(problem))
            report["machine"] = probe.report()
            save(arguments.json, json.dumps(report, indent=1))
    return report


def save(path: Path | None, text: str) -> None:
    """Writes a file, if asked for."""
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def parse() -> argparse.Namespace:
    """Reads the command line."""
    measures = "\n".join(f"  {name}: {meaning}" for name, meaning in MEASURES.items())
    parser = argparse.ArgumentParser(
        description=__doc__, epilog=f"measures:\n{measures}", formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--workload", choices=list(WORKLOADS), action="append", help=f"default: {', '.join(HEADLINE)}")
    parser.add_argument("--all", dest="workload", action="store_const", const=list(WORKLOADS), help="all workloads")
    parser.add_argument("--peer", choices=list(PEERS), action="append", help="compare with these peers only")
    parser.add_argument("--measure", choices=list(MEASURES), action="append", help="default: step")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--wait", type=float, default=0.0, help="before each figure, wait up to so many seconds for a quiet machine")
    parser.add_argument("--any-load", action="store_true", help="count disturbed rounds as well; the output says so")
    parser.add_argument("--cpus", type=int, help="let every peer use this many processors only")
    parser.add_argument("--from", dest="source", type=Path, help="show this result file instead of measuring")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--plot", type=Path, help="draw them here (needs matplotlib)")
    parser.add_argument("--markdown", type=Path, help="write them as tables for the documentation")
    return parser.parse_args()


def main() -> int:
    """Measures or reads figures, and shows them."""
    arguments = parse()
    if arguments.source:
        report = json.loads(arguments.source.read_text())
        print("\n".join(section(result, report["machine"]) for result in report["results"]))
    else:
        report = run(arguments)
    print(footer(report))
    save(arguments.markdown, markdown(report))
    if arguments.plot and report["results"]:
        from plot import draw

        arguments.plot.parent.mkdir(parents=True, exist_ok=True)
        draw(report, arguments.plot)
    return 1 if report["left_out"] or any(result["failed"] for result in report["results"]) else 0


if __name__ == "__main__":
    sys.exit(main())
