"""A picture of a result file: a panel per workload, a bar per peer, the floor as a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from report import floor_ms, number, ordered

OURS, TORCH, TENSORFLOW, JAX, FLOOR = "#d1495b", "#5b7a99", "#8fa3b5", "#b9c4cf", "#2b2b2b"
FAMILIES = {"n2d2": OURS, "torch": TORCH, "tf": TENSORFLOW, "keras": TENSORFLOW, "jax": JAX}
COLUMNS = 3
NARROW = ("startup", "memory")  # these differ by less than a decade: from zero, not on a log scale


def draw(report: dict[str, Any], path: Path) -> None:
    """Writes the picture."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    results = report["results"]
    columns = min(COLUMNS, len(results))
    lines = -(-len(results) // columns)
    bars = max(len(r["median"]) for r in results)
    size = (4.6 * columns, (0.34 * bars + 1.15) * lines + 0.5)
    figure, axes = plt.subplots(lines, columns, figsize=size, squeeze=False, layout="constrained")
    figure.get_layout_engine().set(h_pad=0.12, w_pad=0.12)
    for axis, result in zip(axes.flat, results, strict=False):
        panel(axis, result, report["machine"])
    for axis in axes.flat[len(results) :]:
        axis.remove()
    figure.savefig(path, dpi=160)
    plt.close(figure)


def panel(axis: Any, result: dict[str, Any], machine: dict[str, Any]) -> None:
    """One workload and measure."""
    names = ordered(result)[::-1]
    values = [result["median"][name] for name in names]
    floor = floor_ms(result, machine)
    axis.barh(range(len(names)), values, height=0.72, color=[FAMILIES[name.split("_")[0]] for name in names])
    axis.set_yticks(range(len(names)), [name.replace("_", " ") for name in names], fontsize=9)
    scale(axis, [*values, *([floor] if floor else [])], logarithmic=result["measure"] not in NARROW)
    for y, (name, value) in enumerate(zip(names, values, strict=True)):
        ratio = result["ratio"].get(name)
        text = f"{number(value)}  ({ratio:.2g}x)" if ratio and name.startswith("n2d2") else number(value)
        axis.annotate(text, (value, y), xytext=(4, 0), textcoords="offset points", va="center", fontsize=8.5)
    if floor:
        axis.axvline(floor, color=FLOOR, linewidth=1.2, linestyle=(0, (4, 2)), zorder=3)
        place = (floor, len(names) - 0.45)
        axis.annotate(f"floor {number(floor)}", place, xytext=(3, 0), textcoords="offset points", fontsize=8, color=FLOOR, va="bottom")
    axis.set_title(f"{result['workload'].replace('_', ' ')}: {result['measure']}, {result['unit']}", fontsize=10, loc="left", pad=12)
    axis.tick_params(axis="y", length=0)
    axis.tick_params(axis="x", labelsize=8)
    for side in ("top", "right", "left"):
        axis.spines[side].set_visible(False)


def scale(axis: Any, values: list[float], logarithmic: bool) -> None:
    """Room for the numbers behind the bars; decades as plain numbers."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axis.grid(axis="x", color="#e4e7ea", linewidth=0.8)
    axis.set_axisbelow(True)
    if not logarithmic:
        axis.set_xlim(0, max(values) * 1.3)
        return
    axis.set_xscale("log")
    low, high = min(values) / 2, max(values)
    axis.set_xlim(low, high * (high / low) ** 0.35)
    axis.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axis.xaxis.set_minor_formatter(NullFormatter())
