"""Tables of a result file: for the terminal and for the documentation."""

from __future__ import annotations

from typing import Any

from catalog import MEASURES, workload_of


def floor_ms(result: dict[str, Any], machine: dict[str, Any]) -> float | None:
    """The time of its operations at the machine's rate of multiply-adds."""
    flop = result.get("flop")
    return flop / machine["gflops"] / 1e6 if flop and "gflops" in machine else None


def number(value: float | None) -> str:
    """Three significant digits or more."""
    if value is None:
        return ""
    return f"{value:.3f}" if value < 1 else f"{value:.2f}" if value < 100 else f"{value:.0f}"


def ordered(result: dict[str, Any]) -> list[str]:
    """Ours first, then peers from the fastest to the slowest."""
    return sorted(result["median"], key=lambda name: (not name.startswith("n2d2"), result["median"][name]))


def rows_of(result: dict[str, Any], machine: dict[str, Any]) -> list[list[str]]:
    """A row per peer, then the floor."""
    rows = []
    for name in ordered(result):
        low, high = result["ratio_range"].get(name, (None, None))
        ratio = result["ratio"].get(name)
        notes = result["notes"].get(name, {})
        shown = [notes["way"]] if "way" in notes else []
        if "process_mib" in notes:
            shown.append(f"{notes['process_mib']:.0f} MiB in all")
        if "activation_mib" in notes and result["measure"] == "memory":
            shown.append(f"activations {notes['activation_mib']:.1f} MiB in {notes['lanes']} lanes")
        spread = f"{low:.2f} - {high:.2f}" if ratio else ""
        figures = [number(result["median"][name]), number(result["minimum"][name])]
        rows.append([name, *figures, f"{ratio:.2f}" if ratio else "", spread, ", ".join(shown)])
    floor = floor_ms(result, machine)
    if floor is not None:
        rows.append([f"floor: {result['flop'] / 1e9:.4g} GFLOP", number(floor), "", "", "", f"at {machine['gflops']:.0f} GFLOP/s"])
    rows += [[name, "failed", "", "", "", reason.strip().splitlines()[-1][:60]] for name, reason in result["failed"].items()]
    return rows


def rounds_of(result: dict[str, Any]) -> str:
    """How clean the figures are."""
    if result["any_load"]:
        return f"{result['rounds']} rounds, {result['disturbed']} of them disturbed by other processes"
    return f"{result['rounds']} clean rounds, {result['disturbed']} thrown away"


def section(result: dict[str, Any], machine: dict[str, Any]) -> str:
    """The table of one workload and measure, for the terminal."""
    from tabulate import tabulate

    headers = ["", result["unit"], "best round", "best peer / this", "range", ""]
    body = tabulate(rows_of(result, machine), headers=headers, disable_numparse=True)
    return f"{result['workload']}: {MEASURES[result['measure']]}\n{body}\n{rounds_of(result)}\n"


def facts_of(machine: dict[str, Any]) -> str:
    """The machine in a line."""
    return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in machine.items())


def footer(report: dict[str, Any]) -> str:
    """The machine, and what is not in the tables."""
    parts = [facts_of(report["machine"])]
    if report["not_installed"]:
        parts.append("not installed, left out: " + ", ".join(report["not_installed"]))
    return "\n".join([*parts, *(f"left out: {problem}" for problem in report["left_out"])])


def markdown(report: dict[str, Any]) -> str:
    """A table per measure, a row per workload, for the documentation."""
    from tabulate import tabulate

    parts = []
    for measure in dict.fromkeys(result["measure"] for result in report["results"]):
        results = [r for r in report["results"] if r["measure"] == measure]
        peers = list(dict.fromkeys(name for r in results for name in ordered(r)))
        rows = []
        for r in results:
            figures = [f"**{number(r['median'][p])}**" if p == r["best_peer"] else number(r["median"].get(p)) for p in peers]
            ratio = max((r["ratio"].get(p, 0.0) for p in peers if p.startswith("n2d2")), default=0.0)
            rows.append([r["workload"], *figures, f"{ratio:.2f}" if ratio else "", number(floor_ms(r, report["machine"]))])
        title = f"{MEASURES[measure][0].upper()}{MEASURES[measure][1:]}. Medians; the best peer in bold.\n"
        headers = ["workload", *peers, "best peer / n2d2", "floor"]
        parts.append(title + "\n" + tabulate(rows, headers=headers, tablefmt="github", disable_numparse=True) + "\n")
    if any(r["any_load"] and r["disturbed"] for r in report["results"]):
        parts.append("Other processes disturbed some of these figures.\n")
    parts.append(f"Machine: {facts_of(report['machine'])}.\n")
    return "\n".join(parts)


def flop_of(workload: str, measure: str) -> float | None:
    """Operations of a step or a prediction."""
    return workload_of(workload).flop(measure)
