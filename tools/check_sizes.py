"""Keeps files small: none above 500 lines, the median near 100.

Exit status 1, and one line per file that is too long.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
from pathlib import Path

MOST_LINES = 500
MEDIAN_LINES = 130
SUFFIXES = (".cpp", ".h", ".py", ".cu")
EXEMPT = ("third_party/", "tests/data/")


def sizes(root: Path) -> dict[str, int]:
    """Lines of every source file that git knows."""
    listed = subprocess.run(["git", "ls-files"], cwd=root, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    files = [name for name in listed if name.endswith(SUFFIXES) and not name.startswith(EXEMPT) and (root / name).exists()]
    return {name: len((root / name).read_text().splitlines()) for name in files}


def main() -> int:
    """Checks the tree given, by default the one this file lies in."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", nargs="?", type=Path, default=Path(__file__).resolve().parents[1])
    lines = sizes(parser.parse_args().root)
    long = [f"{name}: {count} lines, at most {MOST_LINES}" for name, count in lines.items() if count > MOST_LINES]
    median = statistics.median(lines.values()) if lines else 0
    if median > MEDIAN_LINES:
        long.append(f"the median file has {median} lines, at most {MEDIAN_LINES}")
    print("\n".join(long) if long else f"{len(lines)} files, median {median:.0f} lines, longest {max(lines.values(), default=0)}")
    return 1 if long else 0


if __name__ == "__main__":
    sys.exit(main())
