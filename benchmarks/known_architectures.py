"""The table of docs/guide/architectures.md: which well-known architectures run, whether they compute what PyTorch computes, and how fast.

`python benchmarks/known_architectures.py` prints the table, `--page FILE` puts it between the marks of that page. Each network of tests/models is
compared with PyTorch in one step (outputs, gradients, buffers, evaluation; the rule of tests/python/parity.py) and timed: forward and
backward of one batch, gradients into the parameters, in PyTorch and in n2d2 by turns on one thread; the times are minima.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

os.environ["N2D2_NUM_THREADS"] = "1"
sys.path.extend(str(Path(__file__).resolve().parents[1] / "tests" / part) for part in ("models", "python", "python/pytorch/support"))

import torch
from architectures import ARCHITECTURES, Architecture
from one_step import check_one_step, loss_of

import pytorch_interoperability as interop
from n2d2 import errors

MARKS = ("<!-- table: begin -->", "<!-- table: end -->")
HEADINGS = ("architecture", "parameters", "operators", "equal", "PyTorch, ms", "n2d2, ms", "ratio")


def operators_of(net: torch.nn.Module) -> str:
    """The kinds of operators in the network's graph, layout aside."""
    kinds = dict.fromkeys(cell.type for cell in net.get_deepnet_cell(for_export=True))
    return ", ".join(sorted(kinds))


def seconds(call: Callable[[], Any]) -> float:
    """Of one call."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def step_of(net: torch.nn.Module, x: torch.Tensor) -> Callable[[], None]:
    """Forward and backward of one batch."""

    def step() -> None:
        net.zero_grad()
        loss_of(net(x)).backward()

    return step


def times(architecture: Architecture, rows: int, rounds: int) -> tuple[float, float]:
    """Least seconds of a step in PyTorch and in n2d2, measured by turns."""
    torch.manual_seed(0)
    net, other = architecture.make(), architecture.make()
    x = architecture.inputs(rows)
    steps = [step_of(net, x), step_of(interop.wrap(other, example_inputs=x, update="torch"), x)]
    for step in steps:
        step()
    found = [[seconds(step) for step in steps] for _ in range(rounds)]
    return min(pair[0] for pair in found), min(pair[1] for pair in found)


def row_of(architecture: Architecture, rows: int, rounds: int) -> tuple[str, ...]:
    """One line of the table."""
    torch.manual_seed(0)
    net = architecture.make()
    parameters = f"{sum(p.numel() for p in net.parameters()):,}"
    try:
        block = interop.wrap(net, example_inputs=architecture.inputs(rows), update="torch")
    except errors.UnsupportedError as problem:
        return (architecture.name, parameters, str(problem).splitlines()[1].strip(), "refused", "", "", "")
    try:
        check_one_step(architecture.make(), architecture.inputs(3))
        equal = "yes"
    except AssertionError as gap:
        equal = f"no: {gap}"
    theirs, ours = times(architecture, rows, rounds)
    return (architecture.name, parameters, operators_of(block), equal, f"{1e3 * theirs:.2f}", f"{1e3 * ours:.2f}", f"{theirs / ours:.1f}")


def markdown(rows: list[tuple[str, ...]]) -> str:
    """The rows as a table."""
    rule = ["---" if i < 4 else "---:" for i in range(len(HEADINGS))]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [HEADINGS, rule, *rows])


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", help="architectures; default all")
    parser.add_argument("--rows", type=int, default=16, help="batch size of the timed step")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--page", type=Path, help="a page whose table is replaced")
    options = parser.parse_args()
    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    rows = []
    for name in options.names or ARCHITECTURES:
        rows.append(row_of(ARCHITECTURES[name], options.rows, options.rounds))
        print(" | ".join(rows[-1]), flush=True)
    if options.page is not None:
        before, _, rest = options.page.read_text().partition(MARKS[0])
        after = rest.partition(MARKS[1])[2]
        options.page.write_text(f"{before}{MARKS[0]}\n{markdown(rows)}\n{MARKS[1]}{after}")


if __name__ == "__main__":
    main()
