"""Times the user's own training loop in n2d2 and in the framework it wraps, side by side.

Every peer has a process of its own that stays alive; rounds alternate between peers, so that all see the same machine. A round during
which other processes took more than a tenth of the machine is thrown away and repeated. Figures are medians over the clean rounds of
milliseconds per step, and the median of the ratio per round, framework / n2d2: above 1, n2d2 is faster. Exit status 1 when the machine
was too busy for three clean rounds.

    python benchmarks/compare.py                             # all workloads, all peers
    python benchmarks/compare.py --workload torch_tutorial --peer torch --rounds 9 --json result.json
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
WORKLOADS = {
    "keras_mnist": ["keras"],
    "torch_tutorial": ["torch", "torch_fused"],
}
MOST_FOREIGN = 0.10
CLOCK_ERROR_S = 0.04  # /proc/stat counts in hundredths of a second, per processor and kind
MOST_ATTEMPTS = 3  # for each round asked for
LEAST_ROUNDS = 3


class BusyError(Exception):
    """Too few rounds without foreign load."""


class Peer:
    """A process that runs rounds of one workload when told to."""

    def __init__(self, workload: str, peer: str) -> None:
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed with the process)
        command = [sys.executable, str(HERE / "workloads" / f"{workload}.py"), peer]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True)
        self.name = peer
        self.answer()

    def answer(self) -> dict[str, float]:
        """The next line of the process that is an answer."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("ANSWER "):
                return dict(json.loads(line.removeprefix("ANSWER ")))
        status = self.process.wait()
        self.errors.seek(0)
        raise RuntimeError(f"{self.name} ended with status {status}:\n{self.errors.read()[-2000:]}")

    def round(self) -> dict[str, float]:
        """One round: {"ms": milliseconds per step, "cpu_s": processor seconds it took, "loss": of its last step}."""
        assert self.process.stdin is not None
        self.process.stdin.write("round\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self) -> None:
        """Ends the process."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait()
        self.errors.close()


def busy_seconds() -> float:
    """Processor seconds that all processes of the machine have used."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    user, nice, system, _, _, irq, softirq, steal = (int(field) for field in fields[:8])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def round_of(peer: Peer) -> tuple[float, bool]:
    """Milliseconds per step, and whether there was little foreign load."""
    start, before = time.perf_counter(), busy_seconds()
    result = peer.round()
    foreign = busy_seconds() - before - result["cpu_s"]
    return result["ms"], foreign < MOST_FOREIGN * (time.perf_counter() - start) * (os.cpu_count() or 1) + CLOCK_ERROR_S


def compare(workload: str, peers: list[str], rounds: int) -> dict[str, Any]:
    """Medians per peer and ratios to n2d2.

    Raises:
        BusyError: when the machine was too busy.
    """
    running: list[Peer] = []
    times: dict[str, list[float]] = {name: [] for name in ["n2d2", *peers]}
    dirty = clean = 0
    try:
        running.extend(Peer(workload, name) for name in times)
        while clean < rounds and clean + dirty < MOST_ATTEMPTS * rounds:
            measured = {peer.name: round_of(peer) for peer in (running if (clean + dirty) % 2 == 0 else running[::-1])}
            if not all(quiet for _, quiet in measured.values()):
                dirty += 1
                continue
            clean += 1
            for name, (ms, _) in measured.items():
                times[name].append(ms)
    finally:
        for peer in running:
            peer.close()
    if clean < min(LEAST_ROUNDS, rounds):
        raise BusyError(f"{workload}: other processes kept the machine busy, {dirty} of {dirty + clean} rounds were disturbed")
    ratios = {name: [t / o for t, o in zip(times[name], times["n2d2"], strict=True)] for name in peers}
    return {
        "workload": workload,
        "ms_per_step": {name: statistics.median(values) for name, values in times.items()},
        "ratio_to_n2d2": {name: statistics.median(values) for name, values in ratios.items()},
        "ratio_range": {name: [min(values), max(values)] for name, values in ratios.items()},
        "rounds": clean,
        "rounds_thrown_away": dirty,
    }


def main() -> int:
    """Reads the command line, compares, prints a table."""
    from tabulate import tabulate

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", choices=list(WORKLOADS), action="append")
    parser.add_argument("--peer", action="append", help="compare with these peers only")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    results: list[dict[str, Any]] = []
    rows = []
    status = 0
    for workload in arguments.workload or WORKLOADS:
        peers = [p for p in WORKLOADS[workload] if arguments.peer is None or p in arguments.peer]
        try:
            result = compare(workload, peers, arguments.rounds)
        except BusyError as busy:
            print(busy, file=sys.stderr)
            status = 1
            continue
        results.append(result)
        for name, ms in result["ms_per_step"].items():
            ratio = result["ratio_to_n2d2"].get(name)
            low, high = result["ratio_range"].get(name, (None, None))
            rows.append([workload, name, f"{ms:.3f}", f"{ratio:.2f}" if ratio else "", f"{low:.2f} - {high:.2f}" if low else ""])
    print(tabulate(rows, headers=["workload", "peer", "ms per step", "peer / n2d2", "range"], disable_numparse=True))
    print(f"clean rounds: {sum(r['rounds'] for r in results)}, thrown away: {sum(r['rounds_thrown_away'] for r in results)}")
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(results, indent=1))
    return status


if __name__ == "__main__":
    sys.exit(main())
