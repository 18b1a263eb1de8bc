"""Interleaved rounds: a process per peer that stays alive, disturbed rounds thrown away."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from catalog import PEERS, UNITS
from machine import Probe, busy_seconds, wait_for_quiet

HERE = Path(__file__).resolve().parent
MOST_FOREIGN = 0.10
LEAST_RATE = 0.8
CLOCK_ERROR_S = 0.04  # /proc/stat counts in hundredths of a second, per processor and kind
MOST_TRIES = 3  # of a peer within a round, and of rounds for each one asked for
LEAST_ROUNDS = 3
FRESH = ("startup", "memory")  # a process per round


class BusyError(Exception):
    """Too few rounds without foreign load."""


@dataclass(frozen=True)
class Conditions:
    """The machine that peers get, and what to do about other processes."""

    patience_s: float = 0.0
    """Wait that long for a quiet machine."""
    any_load: bool = False
    """Count disturbed rounds as well."""
    cpus: int | None = None
    """Processors of a peer; None: all."""
    probe: Probe | None = None
    """Tells when the machine itself has become slow."""


class Peer:
    """A process that runs rounds of one workload when told to; for a measure in FRESH, a process per round."""

    def __init__(self, workload: str, peer: str, measure: str, cpus: int | None = None) -> None:
        self.name = peer
        self.fresh = measure in FRESH
        self.command = [sys.executable, str(HERE / "peers" / "worker.py"), workload, peer, measure]
        self.cpus = cpus
        self.notes: dict[str, Any] = {}
        self.process: subprocess.Popen[str] | None = None
        if not self.fresh:
            self._start()

    def _start(self) -> None:
        self.errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 (closed with the process)
        environment = {**os.environ, **(PEERS[self.name].environment if self.name in PEERS else {})}
        command = self.command if self.cpus is None else ["taskset", "-c", f"0-{self.cpus - 1}", *self.command]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": self.errors}
        self.process = subprocess.Popen(command, text=True, env=environment, **pipes)

    def _answer(self) -> dict[str, Any]:
        """The next line of the process that is an answer."""
        assert self.process is not None
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("ANSWER "):
                found = dict(json.loads(line.removeprefix("ANSWER ")))
                self.notes.update(found.pop("notes", {}))
                return found
        status = self.process.wait()
        self.errors.seek(0)
        raise RuntimeError(f"{self.name} ended with status {status}:\n{self.errors.read()[-2000:]}")

    def ready(self) -> None:
        """Waits until the process has warmed up."""
        if not self.fresh:
            self._answer()

    def round(self) -> dict[str, Any]:
        """One round: {"value": the figure, "cpu_s": processor seconds it took, "loss": of its last step}."""
        if self.fresh:
            self._start()
        else:
            assert self.process is not None
            assert self.process.stdin is not None
            self.process.stdin.write("round\n")
            self.process.stdin.flush()
        found = self._answer()
        if self.fresh:
            self.close()
        return found

    def close(self) -> None:
        """Ends the process."""
        if self.process is not None:
            assert self.process.stdin is not None
            self.process.stdin.close()
            self.process.wait()
            self.errors.close()
            self.process = None


def round_of(peer: Peer) -> tuple[float, bool]:
    """The figure, and whether there was little foreign load."""
    start, before = time.perf_counter(), busy_seconds()
    result = peer.round()
    foreign = busy_seconds() - before - result["cpu_s"]
    return result["value"], foreign < MOST_FOREIGN * (time.perf_counter() - start) * (os.cpu_count() or 1) + CLOCK_ERROR_S


def quiet_round_of(peer: Peer, conditions: Conditions) -> tuple[float, bool]:
    """As `round_of`; a disturbed figure is taken again at once, a few times."""
    for _ in range(1 if conditions.any_load else MOST_TRIES):
        if conditions.patience_s:
            wait_for_quiet(conditions.patience_s)
        value, quiet = round_of(peer)
        if quiet:
            break
    return value, quiet


def started(workload: str, names: list[str], measure: str, cpus: int | None) -> tuple[list[Peer], dict[str, str]]:
    """The peers that run, and why others don't. One starts after the other, so that each picks its settings undisturbed.

    Raises:
        RuntimeError: when n2d2 itself fails.
    """
    running: list[Peer] = []
    failed: dict[str, str] = {}
    for name in names:
        peer = Peer(workload, name, measure, cpus)
        try:
            peer.ready()
            running.append(peer)
        except RuntimeError as problem:
            peer.close()
            if name.startswith("n2d2"):
                for other in running:
                    other.close()
                raise
            failed[name] = str(problem)
    return running, failed


def collect(running: list[Peer], rounds: int, conditions: Conditions) -> tuple[dict[str, list[float]], int]:
    """Figures per peer of the rounds that count, and how many rounds were disturbed."""
    figures: dict[str, list[float]] = {peer.name: [] for peer in running}
    dirty = counted = 0
    while counted < rounds and dirty < MOST_TRIES * rounds:
        measured: dict[str, tuple[float, bool]] = {}
        quick = conditions.probe is None or conditions.probe.is_fast(LEAST_RATE)
        for peer in running if (counted + dirty) % 2 == 0 else running[::-1]:
            measured[peer.name] = quiet_round_of(peer, conditions)
            if not (measured[peer.name][1] or conditions.any_load):
                break  # the round is lost
        clean = quick and all(quiet for _, quiet in measured.values())
        dirty += not clean
        if clean or conditions.any_load:
            counted += 1
            for name, (value, _) in measured.items():
                figures[name].append(value)
    return figures, dirty


def compare(
    workload: str,
    peers: list[str],
    rounds: int,
    measure: str = "step",
    conditions: Conditions = Conditions(),  # noqa: B008 (frozen)
) -> dict[str, Any]:
    """Figures of one workload and measure: see `summary`.

    Raises:
        BusyError: when the machine was too busy.
        RuntimeError: when n2d2 fails, or a peer after its start.
    """
    if measure == "memory":
        conditions = replace(conditions, any_load=True)  # does not depend on it
    running, failed = started(workload, peers, measure, conditions.cpus)
    try:
        figures, dirty = collect(running, rounds, conditions)
        notes = {peer.name: peer.notes for peer in running if peer.notes}
    finally:
        for peer in running:
            peer.close()
    counted = min(len(values) for values in figures.values())
    if counted < min(LEAST_ROUNDS, rounds):
        raise BusyError(f"{workload}, {measure}: other processes kept the machine busy, {dirty} of {dirty + counted} rounds were disturbed")
    head = {"workload": workload, "measure": measure, "unit": UNITS.get(measure, "ms")}
    return {
        **head,
        **summary(figures),
        "rounds": counted,
        "disturbed": dirty,
        "any_load": conditions.any_load,
        "failed": failed,
        "notes": notes,
    }


def summary(figures: dict[str, list[float]]) -> dict[str, Any]:
    """Medians, minima, and for every name the ratio to the best peer, best peer / this: per round, median and range."""
    medians = {name: statistics.median(values) for name, values in figures.items()}
    others = [name for name in figures if not name.startswith("n2d2")]
    found: dict[str, Any] = {"median": medians, "minimum": {name: min(values) for name, values in figures.items()}}
    if not others:
        return {**found, "best_peer": None, "ratio": {}, "ratio_range": {}}
    best = min(others, key=lambda name: medians[name])
    ratios = {name: [b / t for b, t in zip(figures[best], values, strict=True)] for name, values in figures.items()}
    return {
        **found,
        "best_peer": best,
        "ratio": {name: statistics.median(values) for name, values in ratios.items()},
        "ratio_range": {name: [min(values), max(values)] for name, values in ratios.items()},
    }
