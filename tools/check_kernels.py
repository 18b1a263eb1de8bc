"""Checks what no number shows: that the compiler kept what makes the hot kernels fast.

Register spills are counted: vectors that a function moves to or from its stack. The accumulators of a register tile must stay in registers;
a compiler, or a change, that lets them go to the stack costs a multiple of the time. And functions that ask for lines before they read them
must have prefetches left. Objects of src/n2d2/backends/cpu/simd for AVX-512 and AVX2 are disassembled.

    python tools/check_kernels.py build/test        # a build folder; --all prints every function that spills

Exit status 1, and one line per function, when one moves more vectors than allowed or has no prefetch, or when the folder holds none of
either kind.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

HOT = re.compile(r"::(tile|tiles|run_tile|pool_windows|window_row|sum_entries|dot|pick_taps|outer_tile|few_products)<")
FETCHING = re.compile(r"::(Sum|Map)<.*>::run\(")
VECTOR_ON_STACK = re.compile(r"\(%r[sb]p[,)].*%[yz]mm|%[yz]mm\d+,[^%]*\(%r[sb]p[,)]")
PREFETCH = re.compile(r"\sprefetch\w+\s")
MOST = {"avx512": 12, "avx2": 8}  # vectors: some constants may live on the stack
FUNCTION = re.compile(r"^[0-9a-f]+ <(.*)>:$")


def functions_of(path: Path) -> Iterator[tuple[str, list[str]]]:
    """Name and instructions of each function of an object."""
    done = subprocess.run(["objdump", "-d", "-C", "--no-show-raw-insn", path], check=True, capture_output=True, text=True)
    name, lines = "", []
    for line in done.stdout.splitlines():
        if match := FUNCTION.match(line):
            if name:
                yield name, lines
            name, lines = match[1], []
        else:
            lines.append(line)
    if name:
        yield name, lines


def main() -> int:
    """Checks every object below the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--all", action="store_true", help="print every function with spills")
    arguments = parser.parse_args()
    hot, fetching, failed = 0, 0, 0
    for isa, most in MOST.items():
        for path in sorted(arguments.folder.rglob(f"*_{isa}.dir/**/simd/*.o")):
            for name, lines in functions_of(path):
                if HOT.search(name):
                    hot += 1
                    count = sum(VECTOR_ON_STACK.search(line) is not None for line in lines)
                    failed += count > most
                    if count > most or (arguments.all and count):
                        print(f"{path.name} {isa}: {count} vectors on the stack (at most {most}): {name}")
                elif path.name == "normalize.cpp.o" and FETCHING.search(name):
                    fetching += 1
                    if not any(PREFETCH.search(line) for line in lines):
                        failed += 1
                        print(f"{path.name} {isa}: no prefetch: {name}")
    if hot == 0 or fetching == 0:
        print(f"{arguments.folder}: no kernels found ({hot} with register tiles, {fetching} that fetch); build the tests first")
        return 1
    print(f"kernels: {hot} functions looked at for spills, {fetching} for prefetches, {failed} not as they should be")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
