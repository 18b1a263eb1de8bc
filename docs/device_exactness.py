"""Measures a training step of the five networks for devices against float64 and puts the table into guide/devices.md.

    python docs/device_exactness.py

Networks and values are those of tests/python/device_networks.py, the rule is that of tests/python/parity.py.
"""

from __future__ import annotations

import copy
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).resolve().parents[1]
SUPPORT = ("tests/python/keras/cases", "tests/python/keras/support", "tests/python/pytorch/support")
sys.path[:0] = [str(ROOT / part) for part in ("tests/python", *SUPPORT, "examples/python")]

import flipless_keras  # noqa: E402
import flipless_torch  # noqa: E402
import layer_parity  # noqa: E402
from device_networks import CASES, Case  # noqa: E402
from one_step import results_of  # noqa: E402
from parity import error_and_allowance  # noqa: E402

import pytorch_interoperability  # noqa: E402

PAGE = ROOT / "docs" / "guide" / "devices.md"
MARKS = ("<!-- table: begin -->", "<!-- table: end -->")
ROWS = 7
HEADINGS = (
    "network",
    "wrapped from",
    "outputs",
    "batch statistics",
    "gradient of the input",
    "gradients of weights",
    "most of its allowance",
)
KINDS = (("output", "evaluation", "forward"), ("buffer", "statistic"), ("gradient of input",), ("gradient of",))
Found = dict[str, tuple[float, float]]


def from_torch(case: Case) -> Found:
    """Error and allowance of every tensor."""
    net = flipless_torch.with_batch_statistics(flipless_torch.without_flips(flipless_torch.made(case)))
    block = pytorch_interoperability.wrap(copy.deepcopy(net), (10, *case.shape), update="torch")
    results = results_of(block, net, flipless_torch.tensors(case, ROWS)[0], without_onednn=True)
    return {name: error_and_allowance(*parts) for name, parts in results.items()}


def from_keras(case: Case) -> Found:
    """Error and allowance of every tensor."""
    return layer_parity.compare(flipless_keras.configuration(case), draw=flipless_keras.drawn(case), rows=ROWS, capacity=10)


def row_of(case: Case, host: str, found: Found) -> tuple[str, ...]:
    """One line of the table."""
    left = dict(found)
    cells = []
    for prefixes in KINDS:
        group = [left.pop(name) for name in list(left) if name.startswith(prefixes)]
        cells.append(f"{max(error for error, _ in group):.0e}")
    assert not left, left
    share = max(error / allowance for error, allowance in found.values())
    return (case.name, host, *cells, f"{share:.0%}")


def main() -> None:
    """Measures and writes."""
    rows = [
        row_of(case, host, measure(case)) for host, measure in (("PyTorch", from_torch), ("Keras", from_keras)) for case in CASES.values()
    ]
    table = "\n".join("| " + " | ".join(cells) + " |" for cells in [HEADINGS, ["---"] * len(HEADINGS), *rows])
    print(table)
    before, _, rest = PAGE.read_text().partition(MARKS[0])
    PAGE.write_text(f"{before}{MARKS[0]}\n{table}\n{MARKS[1]}{rest.partition(MARKS[1])[2]}")


if __name__ == "__main__":
    main()
