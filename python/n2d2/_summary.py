"""The table that `summary()` prints."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tabulate import tabulate

if TYPE_CHECKING:
    from n2d2.cells import DeepNetCell


def shape_text(shape: list[int]) -> str:
    """[N, 16, 5, 5]: N is the batch."""
    return "[" + ", ".join("N" if d == -1 else f"{-d}N" if d < 0 else str(d) for d in shape) + "]"


def table_of(net: DeepNetCell) -> str:
    """One line per cell, then the totals."""
    rows: list[list[Any]] = []
    for cell in net:
        solver = str(cell.solver) if cell.solver is not None else ""
        count = cell.nb_parameters
        rows.append([cell.name, cell.type, shape_text(cell.output_shape), count or "", cell.macs or "", ", ".join(cell.inputs), solver])
    headers = ["Cell", "Type", "Output", "Parameters", "MACs", "Connected to", "Solver"]
    align = ("left", "left", "left", "right", "right", "left", "left")
    total = sum(cell.nb_parameters for cell in net)
    macs = sum(cell.macs for cell in net)
    text = tabulate(rows, headers=headers, colalign=align if rows else None, intfmt=",")
    return f"{net.name}\n{text}\n\nParameters: {total:,}   Multiply-accumulates per row: {macs:,}"


__all__ = ["shape_text", "table_of"]
