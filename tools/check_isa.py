"""Proves that objects compiled for a special instruction set export only what carries its name.

Inline functions and templates of headers become weak symbols, and the linker keeps one copy for the whole program: it may keep the one
with AVX-512 code, which then runs on every machine. So objects of src/n2d2/backends/cpu/simd may only define symbols inside
n2d2::cpu::<instruction set>.

    python tools/check_isa.py build/test      # a build folder

Exit status 1, and one line per symbol that others could end up using, or a line that the folder holds no such objects.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

ISAS = ("generic", "avx2", "avx512")
DATA_OF_EXCEPTIONS = "DW.ref."  # weak pointers to the exception routine: no code


def escapes(name: str, kind: str, isa: str) -> bool:
    """Whether a symbol of this nm letter can be merged with one of another object and is not named after `isa`."""
    is_local = kind.islower() and kind not in "uvw"
    if is_local or name.startswith(DATA_OF_EXCEPTIONS):
        return False
    return f"4n2d23cpu{len(isa)}{isa}" not in name


def escaping_symbols(path: Path, isa: str) -> list[str]:
    """What an object defines beyond its own namespace."""
    done = subprocess.run(["nm", "--defined-only", "-f", "posix", path], check=True, capture_output=True, text=True)
    symbols = [line.split()[:2] for line in done.stdout.splitlines()]
    return [f"{path}: {kind} {name}" for name, kind in symbols if escapes(name, kind, isa)]


def main() -> int:
    """Checks every object below the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("build", type=Path)
    build = parser.parse_args().build
    found = []
    for isa in ISAS:
        objects = sorted(build.glob(f"**/*_{isa}.dir/**/*.o"))
        if not objects:
            found.append(f"{build}: no objects of {isa}")
        for path in objects:
            found += escaping_symbols(path, isa)
    print("\n".join(found) if found else "instruction sets: clean")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
