"""The table that `summary()` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tabulate import tabulate

if TYPE_CHECKING:
    from n2d2.cells import DeepNetCell

WIDTH = 120


def shape_text(shape: list[int]) -> str:
    """[N, 16, 5, 5]: N is the batch."""
    return "[" + ", ".join("N" if d == -1 else f"{-d}N" if d < 0 else str(d) for d in shape) + "]"


def table_of(net: DeepNetCell) -> str:
    """One line per cell, then the totals. Where solvers would make the table too wide, they are numbered and listed below it."""
    trained = net.trained_parameters()
    rows: list[list[Any]] = []
    solvers: list[str] = []
    for cell in net:
        names = cell.parameters
        gradient = "" if not names else "on" if not trained.isdisjoint(names) else "off"
        shape = shape_text(cell.output_shape)
        rows.append([cell.name, cell.type, shape, cell.nb_parameters or "", cell.macs or "", ", ".join(cell.inputs), gradient])
        solvers.append(str(cell.solver) if cell.solver is not None and gradient == "on" else "")
    headers = ["Cell", "Type", "Output", "Parameters", "MACs", "Connected to", "Gradient"]
    align = ["left", "left", "left", "right", "right", "left", "left"]
    used = len(_table(rows, headers, align).splitlines()[0])
    notes = ""
    if used + 2 + max(map(len, solvers), default=0) > WIDTH:
        short = {text: f"{text.partition('(')[0]} #{i + 1}" for i, text in enumerate(dict.fromkeys(filter(None, solvers)))}
        notes = "\n" + "\n".join(f"{name}: {text}" for text, name in short.items())
        solvers = [short.get(text, "") for text in solvers]
    text = _table([[*row, solver] for row, solver in zip(rows, solvers, strict=True)], [*headers, "Solver"], [*align, "left"])
    total = sum(cell.nb_parameters for cell in net)
    macs = sum(cell.macs for cell in net)
    return f"{net.name}\n{text}\n\nParameters: {total:,}   Multiply-accumulates per row: {macs:,}{notes}"


def _table(rows: list[list[Any]], headers: list[str], align: list[str]) -> str:
    return str(tabulate(rows, headers=headers, colalign=align if rows else None, intfmt=","))


__all__ = ["shape_text", "table_of"]
