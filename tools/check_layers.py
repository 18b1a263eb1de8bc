"""Proves that includes in src/n2d2 and bindings point one way.

    core <- ir <- ops <- {passes, solvers} <- plan <- backends <- bindings

Exit status 1, and one line per include that points the wrong way.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

LEVELS = {"core": 0, "ir": 1, "ops": 2, "passes": 3, "solvers": 3, "plan": 4, "backends": 5, "bindings": 6}
INCLUDE = re.compile(r'^\s*#\s*include\s+"n2d2/([a-z_]+)/', re.MULTILINE)


def layer_of(path: Path, root: Path) -> str:
    """The folder below src/n2d2, or "bindings"."""
    parts = path.relative_to(root).parts
    return parts[2] if parts[0] == "src" else parts[0]


def violations(root: Path) -> list[str]:
    """Every include that points to a higher layer, or to another folder of the same one."""
    found = []
    for path in sorted([*root.glob("src/n2d2/*/**/*.[ch]*"), *root.glob("bindings/*.[ch]*")]):
        layer = layer_of(path, root)
        for target in INCLUDE.findall(path.read_text()):
            if target not in LEVELS or layer not in LEVELS:
                found.append(f"{path.relative_to(root)}: layer '{target if target not in LEVELS else layer}' is not listed")
            elif target != layer and LEVELS[target] >= LEVELS[layer]:
                found.append(f"{path.relative_to(root)}: {layer} includes {target}")
    return found


def main() -> int:
    """Checks the tree given, by default the one this file lies in."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", nargs="?", type=Path, default=Path(__file__).resolve().parents[1])
    found = violations(parser.parse_args().root)
    print("\n".join(found) if found else "includes point one way")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
