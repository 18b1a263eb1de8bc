"""`examine`: what `wrap` would make of a network, as a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch

from n2d2 import errors
from pytorch_interoperability.capture import import_module, problems_of
from pytorch_interoperability.imported import Imported
from pytorch_interoperability.signature import Examples

HEADINGS = ("module", "type", "operators", "parameters")


def table_of(module: torch.nn.Module, examples: Examples) -> tuple[str, list[str]]:
    """The text that `examine` prints, and what stands in the way of `wrap`."""
    problems = problems_of(module)
    captures = {}
    flags = [(m, m.training) for m in module.modules()]
    for mode in ("training", "evaluation") if not problems else ():
        try:
            module.train(mode == "training")
            captures[mode], found = import_module(module, examples)
            problems += [f"{p} [in {mode}]" for p in found]
        except errors.N2D2Error as problem:
            problems.append(f"{problem} [in {mode}]")
        finally:
            for m, flag in flags:
                m.training = flag
    problems = _in_both_modes(problems)
    shapes = ", ".join(str(["N", *x.shape[1:]] if x.dim() else []).replace("'", "") for x in examples.tensors)
    lines = [f"{type(module).__name__} on {shapes}", ""]
    lines += _aligned([HEADINGS, *_rows(module, captures.get("training"))])
    lines.append("")
    lines += [*_remarks(captures), *_verdict(problems)]
    return "\n".join(lines), problems


def _in_both_modes(problems: Sequence[str]) -> list[str]:
    texts = Counter(p.removesuffix(" [in training]").removesuffix(" [in evaluation]") for p in dict.fromkeys(problems))
    merged = [p.removesuffix(" [in training]").removesuffix(" [in evaluation]") for p in problems]
    return list(dict.fromkeys(text if texts[text] > 1 else problem for text, problem in zip(merged, problems, strict=True)))


def _rows(module: torch.nn.Module, imported: Imported | None) -> list[tuple[str, ...]]:
    operators: dict[str, Counter[str]] = {}
    for node in imported.graph.nodes if imported is not None else []:
        operators.setdefault(node.path, Counter())[node.op] += 1
    rows: list[tuple[str, ...]] = []
    seen: set[int] = set()
    for path, child in module.named_modules(remove_duplicate=True):
        parameters = [p for p in child.parameters(recurse=False) if id(p) not in seen]
        seen.update(id(p) for p in parameters)
        used = operators.get(path, Counter())
        if parameters or used:
            count = sum(p.numel() for p in parameters)
            frozen = " frozen" if parameters and not any(p.requires_grad for p in parameters) else ""
            names = ", ".join(op if n == 1 else f"{n} {op}" for op, n in used.items())
            rows.append((path or "(itself)", type(child).__name__, names, f"{count:,}{frozen}" if count else ""))
    rows.append(("", "", f"{sum(c.total() for c in operators.values())} in all", f"{sum(p.numel() for p in module.parameters()):,}"))
    return rows


def _aligned(rows: Sequence[tuple[str, ...]], most: int = 60) -> list[str]:
    cells = [[cell if len(cell) <= most else cell[: most - 1] + "…" for cell in row] for row in rows]
    widths = [max(len(row[i]) for row in cells) for i in range(len(HEADINGS))]
    lines = [
        "  ".join(cell.rjust(w) if i == 3 else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths, strict=True))) for row in cells
    ]
    rule = "-" * len(lines[0])
    return [line.rstrip() for line in [lines[0], rule, *lines[1:-1], rule, lines[-1]]]


def _remarks(captures: dict[str, Imported]) -> list[str]:
    said: dict[str, list[str]] = {}
    for mode, imported in captures.items():
        for remark in _remarks_on(imported):
            said.setdefault(remark, []).append(mode)
    return [f"In {' and '.join(modes)}, {remark}." for remark, modes in said.items()]


def _remarks_on(imported: Imported) -> list[str]:
    remarks = []
    if imported.fixed_rows is not None:
        remarks.append(f"forward fixes the batch to {imported.fixed_rows} rows")
    elif imported.least_rows > 1:
        remarks.append(f"forward takes another path below {imported.least_rows} rows")
    if imported.folded:
        remarks.append(f"these buffers are read once, at capture: {', '.join(dict.fromkeys(imported.folded))}")
    if imported.is_random:
        remarks.append("random numbers are n2d2's own, seeded from torch's generator")
    return remarks


def _verdict(problems: Sequence[str]) -> list[str]:
    return ["What wrap would refuse:", *[f"  {p}" for p in problems]] if problems else ["wrap takes it."]


__all__ = ["table_of"]
