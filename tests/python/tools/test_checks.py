"""The checks of the repository find what they are for."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[3] / "tools"


def run(tool: str, root: Path) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, TOOLS / tool, root], capture_output=True, text=True)


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    subprocess.run(["git", "add", "-A"], cwd=root, check=True)
    return root


def test_includes_that_point_the_wrong_way_are_found(tmp_path):
    good = {"src/n2d2/plan/a.h": '#include "n2d2/ir/graph.h"\n', "bindings/b.cpp": '#include "n2d2/plan/a.h"\n'}
    assert run("check_layers.py", tree(tmp_path / "good", good)).returncode == 0
    for name, text in {
        "src/n2d2/core/c.h": '#include "n2d2/ir/graph.h"\n',
        "src/n2d2/passes/p.cpp": '#include "n2d2/solvers/sgd.h"\n',
        "src/n2d2/backends/cpu/kernels/k.cpp": '#include "n2d2/elsewhere/x.h"\n',
    }.items():
        done = run("check_layers.py", tree(tmp_path / name.replace("/", "_"), good | {name: text}))
        assert done.returncode == 1
        assert name in done.stdout


def test_long_files_are_found(tmp_path):
    assert run("check_sizes.py", tree(tmp_path / "good", {"a.py": "x = 1\n" * 100})).returncode == 0
    done = run("check_sizes.py", tree(tmp_path / "long", {"a.py": "x = 1\n" * 501, "b.py": "", "c.py": ""}))
    assert done.returncode == 1
    assert "a.py: 501 lines" in done.stdout
    assert run("check_sizes.py", tree(tmp_path / "median", {"a.py": "x = 1\n" * 200})).returncode == 1


def test_this_repository_passes():
    root = TOOLS.parent
    for tool in ("check_layers.py", "check_sizes.py"):
        done = run(tool, root)
        assert done.returncode == 0, done.stdout
