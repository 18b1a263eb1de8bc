"""Times the user's own training loop in n2d2 and in the framework it wraps, side by side.

Every peer has a process of its own that stays alive; rounds alternate between peers, so that all see the same machine. A round during
which other processes took more than a tenth of the machine is repeated. Figures are medians over the rounds of milliseconds per step,
and the median of the ratio per round, framework / n2d2: above 1, n2d2 is faster.

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
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
WORKLOADS = {
    "keras_mnist": ["keras"],
    "torch_tutorial": ["torch", "torch_fused"],
}
MOST_FOREIGN = 0.10
MOST_REPEATS = 3


class Peer:
    """A process that runs rounds of one workload when told to."""

    def __init__(self, workload: str, peer: str) -> None:
        command = [sys.executable, str(HERE / "workloads" / f"{workload}.py"), peer]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.name = peer
        self.answer()

    def answer(self) -> dict[str, float]:
        """The next line of the process that is an answer."""
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("ANSWER "):
                return dict(json.loads(line.removeprefix("ANSWER ")))
        raise RuntimeError(f"{self.name} ended with status {self.process.wait()}")

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


def busy_seconds() -> float:
    """Processor seconds that all processes of the machine have used."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    user, nice, system, _, _, irq, softirq, steal = (int(field) for field in fields[:8])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def clean_round(peer: Peer) -> tuple[dict[str, float], bool]:
    """A round without much foreign load, or the last one tried; and whether it was clean."""
    for _ in range(MOST_REPEATS):
        start, before = time.perf_counter(), busy_seconds()
        result = peer.round()
        foreign = busy_seconds() - before - result["cpu_s"]
        if foreign < MOST_FOREIGN * (time.perf_counter() - start) * (os.cpu_count() or 1):
            return result, True
    return result, False


def compare(workload: str, peers: list[str], rounds: int) -> dict[str, object]:
    """Medians per peer and ratios to n2d2."""
    running = [Peer(workload, name) for name in ["n2d2", *peers]]
    times: dict[str, list[float]] = {peer.name: [] for peer in running}
    dirty = 0
    try:
        for index in range(rounds):
            for peer in running if index % 2 == 0 else running[::-1]:
                result, clean = clean_round(peer)
                times[peer.name].append(result["ms"])
                dirty += not clean
    finally:
        for peer in running:
            peer.close()
    ratios = {name: [t / o for t, o in zip(times[name], times["n2d2"], strict=True)] for name in peers}
    return {
        "workload": workload,
        "ms_per_step": {name: statistics.median(values) for name, values in times.items()},
        "ratio_to_n2d2": {name: statistics.median(values) for name, values in ratios.items()},
        "ratio_range": {name: [min(values), max(values)] for name, values in ratios.items()},
        "rounds": rounds,
        "dirty_rounds": dirty,
    }


def main() -> None:
    """Reads the command line, compares, prints a table."""
    from tabulate import tabulate

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", choices=list(WORKLOADS), action="append")
    parser.add_argument("--peer", action="append", help="compare with these peers only")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, help="write the figures here")
    arguments = parser.parse_args()
    results, rows = [], []
    for workload in arguments.workload or WORKLOADS:
        peers = [p for p in WORKLOADS[workload] if arguments.peer is None or p in arguments.peer]
        result = compare(workload, peers, arguments.rounds)
        results.append(result)
        for name, ms in result["ms_per_step"].items():
            ratio = result["ratio_to_n2d2"].get(name)
            low, high = result["ratio_range"].get(name, (None, None))
            rows.append([workload, name, f"{ms:.3f}", f"{ratio:.2f}" if ratio else "", f"{low:.2f} - {high:.2f}" if low else ""])
    print(tabulate(rows, headers=["workload", "peer", "ms per step", "peer / n2d2", "range"], disable_numparse=True))
    print(f"dirty rounds: {sum(r['dirty_rounds'] for r in results)}")
    if arguments.json:
        arguments.json.parent.mkdir(parents=True, exist_ok=True)
        arguments.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
