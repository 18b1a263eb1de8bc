"""Plants a wrong sign or factor in each gradient, one at a time, and tells which of them no test notices.

Works on a copy of the tree in a temporary folder, with a build folder of its own; the tree itself is never touched. Exit status 1 when a
mutant survives. Takes a few minutes: every mutant of gradient_mutants/ is a rebuild and the operator's own tests.

    python tools/mutate_gradients.py [part of a name ...]
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from gradient_mutants import MUTANTS, Mutant

ROOT = Path(__file__).resolve().parents[1]


# An editable installation finds its packages before PYTHONPATH is looked at: without its finder the copy's module is imported.
RUN_TESTS = """
import sys
sys.meta_path = [finder for finder in sys.meta_path if "ScikitBuild" not in type(finder).__name__]
import n2d2._n2d2, pytest
assert n2d2._n2d2.__file__.startswith(sys.argv[1]), n2d2._n2d2.__file__
sys.exit(pytest.main(["-q", "-x", sys.argv[2]]))
"""


class Workshop:
    """A copy of the tree with a build folder."""

    def __init__(self, folder: Path) -> None:
        self.tree, self.build = folder / "tree", folder / "build"
        ignored = shutil.ignore_patterns(".git", "build", ".venv", "*.so", "__pycache__")
        shutil.copytree(ROOT, self.tree, ignore=ignored)
        bin_folder = Path(sys.executable).parent
        self.environment = {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}", "PYTHONPATH": str(self.tree / "python")}
        self._call(
            "cmake",
            "-S",
            str(self.tree),
            "-B",
            str(self.build),
            "-G",
            "Ninja",
            f"-DPython_EXECUTABLE={sys.executable}",
            "-DCMAKE_BUILD_TYPE=Release",
        )
        self.compile()
        module = next((self.build / "bindings").glob("_n2d2*.so"))
        (self.tree / "python" / "n2d2" / module.name).symlink_to(module)

    def _call(self, *command: str) -> None:
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True)
        if done.returncode != 0:
            raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")

    def compile(self) -> None:
        """Brings the module up to date."""
        self._call("cmake", "--build", str(self.build), "--target", "_n2d2")

    def passes(self, tests: str) -> bool:
        """Whether the tests of that name pass."""
        command = [sys.executable, "-c", RUN_TESTS, str(self.tree), f"tests/ops/{tests}.py"]
        return subprocess.run(command, cwd=self.tree, env=self.environment, capture_output=True).returncode == 0

    def survives(self, mutant: Mutant) -> bool:
        """Whether no test notices the mutant."""
        path = self.tree / mutant.file
        text = path.read_text()
        if text.count(mutant.right) != 1:
            raise SystemExit(f"{mutant.name}: its text stands {text.count(mutant.right)} times in {mutant.file}, expected once")
        path.write_text(text.replace(mutant.right, mutant.wrong))
        try:
            self.compile()
            return self.passes(mutant.tests)
        finally:
            path.write_text(text)


def main() -> int:
    """Tries the mutants named, or all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*")
    names = parser.parse_args().names
    chosen = [m for m in MUTANTS if not names or any(n.lower() in m.name.lower() for n in names)]
    with tempfile.TemporaryDirectory() as folder:
        workshop = Workshop(Path(folder))
        for tests in sorted({m.tests for m in chosen}):
            if not workshop.passes(tests):
                raise SystemExit(f"{tests} fails without any mutant")
        survivors = []
        for mutant in chosen:
            survived = workshop.survives(mutant)
            print(f"{'SURVIVES' if survived else 'noticed '}  {mutant.name}", flush=True)
            survivors += [mutant.name] if survived else []
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} noticed" + (f"; nobody notices: {', '.join(survivors)}" if survivors else ""))
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
