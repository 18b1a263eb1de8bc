"""A benchmark process: `worker.py WORKLOAD PEER MEASURE` runs a round per line on stdin and answers with its figure."""

from __future__ import annotations

import importlib
import json
import resource
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from catalog import PEERS, PeerKind, Workload, workload_of  # noqa: E402 (needs the path)
from runner import BATCHES, Runner, arrays  # noqa: E402

SLICE_S = 0.3
MEMORY_STEPS = 20


def cpu_seconds() -> float:
    """Processor seconds of this process and its children."""
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def answer(**figures: Any) -> None:
    """Sends a line that the parent reads."""
    print("ANSWER " + json.dumps(figures), flush=True)


def steps_in_a_slice(runner: Runner) -> int:
    """Warms up, and finds how many steps take a slice of time."""
    if runner.fixed_steps:
        runner.run(runner.fixed_steps)
        return runner.fixed_steps
    count = 3
    runner.run(count)
    while True:
        start = time.perf_counter()
        runner.run(count)
        took = time.perf_counter() - start
        if took > SLICE_S / 4:
            return max(1, round(SLICE_S / took * count))
        count *= 2


def serve(runner: Runner) -> None:
    """Runs rounds: `value` is milliseconds per step."""
    steps = steps_in_a_slice(runner)
    answer(notes=runner.notes)
    for _ in sys.stdin:
        cpu = cpu_seconds()
        if not runner.fixed_steps:
            runner.run(1)  # the caches are full of the other peers
        start = time.perf_counter()
        loss = runner.run(steps)
        took = time.perf_counter() - start
        answer(value=took / steps * 1e3, cpu_s=cpu_seconds() - cpu, loss=loss)


def memory_mib(key: str) -> float:
    """Resident memory of this process: now ("VmRSS"), or its peak ("VmHWM")."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) / 1024


def trained_memory(workload: Workload, kind: PeerKind) -> None:
    """Answers with the peak while some steps are trained, less what the process has when everything is imported."""
    module = importlib.import_module(kind.module)
    for late in kind.late_imports:
        importlib.import_module(late)
    imported = memory_mib("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew, see proc(5)
    runner = module.make(workload, kind, "memory")
    loss = runner.run(1 + MEMORY_STEPS)
    peak = memory_mib("VmHWM")
    answer(value=peak - imported, cpu_s=cpu_seconds(), loss=loss, notes={**runner.notes, "process_mib": peak})


def main(name: str, peer: str, measure: str) -> None:
    """Serves rounds, or answers once for a measure that needs a fresh process."""
    workload: Workload = workload_of(name)
    kind: PeerKind = PEERS[peer]
    if measure not in ("startup", "memory"):
        serve(importlib.import_module(kind.module).make(workload, kind, measure))
        return
    arrays(workload, workload.batch * BATCHES)  # kept: reading the data is not the framework's start, nor its memory
    if measure == "memory":
        trained_memory(workload, kind)
        return
    start = time.perf_counter()
    runner = importlib.import_module(kind.module).make(workload, kind, measure)
    loss = runner.run(1)
    answer(value=(time.perf_counter() - start) * 1e3, cpu_s=cpu_seconds(), loss=loss, notes=runner.notes)


if __name__ == "__main__":
    main(*sys.argv[1:])
