"""What the machine can do, and what other processes take of it."""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parent / "fma.c"
QUIET = 0.05


def busy_seconds() -> float:
    """Processor seconds that all processes of the machine have used."""
    fields = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    user, nice, system, _, _, irq, softirq, steal = (int(field) for field in fields[:8])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def wait_for_quiet(longest_s: float) -> None:
    """Returns when other processes have rested for half a second, or after that long."""
    end = time.perf_counter() + longest_s
    while time.perf_counter() < end:
        start, before = time.perf_counter(), busy_seconds()
        time.sleep(0.5)
        if busy_seconds() - before < QUIET * (time.perf_counter() - start) * (os.cpu_count() or 1):
            return


class Probe:
    """The rate of multiply-adds, by a small program compiled here."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self.folder = tempfile.TemporaryDirectory()
        self.best = 0.0
        compiler = shutil.which(os.environ.get("CC", "cc")) or shutil.which("gcc") or shutil.which("clang")
        self.program = self._compiled(compiler) if compiler else None
        self.facts = self._facts()

    def _compiled(self, compiler: str) -> Path | None:
        program = Path(self.folder.name) / "fma"
        command = [compiler, "-O3", "-march=native", "-ffp-contract=fast", "-pthread", str(SOURCE), "-o", str(program)]
        return program if subprocess.run(command, capture_output=True).returncode == 0 else None

    def _run(self, seconds: float) -> dict[str, float]:
        done = subprocess.run([str(self.program), str(self.threads), str(seconds)], capture_output=True, text=True, check=True)
        return dict(json.loads(done.stdout))

    def _facts(self) -> dict[str, Any]:
        model = [line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
        facts: dict[str, Any] = {"processor": model[0] if model else platform.machine(), "threads": self.threads}
        if self.program is None:
            return {**facts, "rates": "no compiler"}
        measured = [self._run(0.1) for _ in range(5)]
        self.best = max(m["gflops"] for m in measured)
        return {**facts, "copy_gbps": max(m["copy_gbps"] for m in measured)}

    def is_fast(self, share: float) -> bool:
        """Whether the machine still reaches this share of the best rate seen; true when there is no compiler to tell."""
        if self.program is None:
            return True
        rate = self._run(0.03)["gflops"]
        self.best = max(self.best, rate)
        return rate >= share * self.best

    def report(self) -> dict[str, Any]:
        """Facts of the machine, with the best rate seen."""
        return {**self.facts, **({"gflops": self.best} if self.program else {})}
