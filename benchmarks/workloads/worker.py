"""The loop of a benchmark process: runs a round per line on stdin, answers with its time."""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable


def cpu_seconds() -> float:
    """Processor seconds of this process and its children."""
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)))


def serve(run: Callable[[], tuple[int, float]]) -> None:
    """`run` trains for a while and returns the number of steps and the last loss."""
    run()  # warm up
    print("ANSWER {}", flush=True)
    for _ in sys.stdin:
        start, cpu = time.perf_counter(), cpu_seconds()
        steps, loss = run()
        answer = {"ms": (time.perf_counter() - start) / steps * 1e3, "cpu_s": cpu_seconds() - cpu, "loss": loss}
        print("ANSWER " + json.dumps(answer), flush=True)
