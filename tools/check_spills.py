"""Counts register spills in the hot kernels: vectors that a function moves to or from its stack.

The accumulators of a register tile must stay in registers; a compiler, or a change, that lets them go to the stack costs a multiple of
the time without changing a number. Objects of src/n2d2/backends/cpu/simd for AVX-512 and AVX2 are disassembled.

    python tools/check_spills.py build/test        # a build folder; --all prints every function that spills

Exit status 1, and one line per function, when one moves more vectors than allowed, or when the folder holds none of these functions.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

HOT = re.compile(r"::(tile|tiles|run_tile|pool_windows|window_row|sum_entries|dot|pick_taps|outer_tile|few_products)<")
VECTOR_ON_STACK = re.compile(r"\(%r[sb]p[,)].*%[yz]mm|%[yz]mm\d+,[^%]*\(%r[sb]p[,)]")
MOST = {"avx512": 12, "avx2": 8}  # vectors: some constants may live on the stack
FUNCTION = re.compile(r"^[0-9a-f]+ <(.*)>:$")


def spills_of(path: Path) -> dict[str, int]:
    """Vectors moved to or from the stack, by hot function of an object."""
    done = subprocess.run(["objdump", "-d", "-C", "--no-show-raw-insn", path], check=True, capture_output=True, text=True)
    counts: dict[str, int] = {}
    name = ""
    for line in done.stdout.splitlines():
        if match := FUNCTION.match(line):
            name = match[1] if HOT.search(match[1]) else ""
            if name:
                counts[name] = 0
        elif name and VECTOR_ON_STACK.search(line):
            counts[name] += 1
    return counts


def main() -> int:
    """Checks every object below the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--all", action="store_true", help="print every function with spills")
    arguments = parser.parse_args()
    functions, failed = 0, 0
    for isa, most in MOST.items():
        for path in sorted(arguments.folder.rglob(f"*_{isa}.dir/**/simd/*.o")):
            for name, count in spills_of(path).items():
                functions += 1
                failed += count > most
                if count > most or (arguments.all and count):
                    print(f"{path.name} {isa}: {count} vectors on the stack (at most {most}): {name}")
    if functions == 0:
        print(f"{arguments.folder}: no kernels found; build the tests first")
        return 1
    print(f"spills: {functions} functions, {failed} with too many")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
