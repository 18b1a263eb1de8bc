"""The check of instruction sets finds code that the linker could hand to other machines."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[3] / "tools" / "check_isa.py"
NAMED = "namespace n2d2::cpu::{isa} {{ int table() {{ return 1; }} }}\n"
SHARED = "inline int shared(int x) { return x + 1; }\nint (*use)(int) = shared;\n"


def check(build: Path, sources: dict[str, str]) -> subprocess.CompletedProcess:
    for isa, source in sources.items():
        folder = build / f"core_{isa}.dir"
        folder.mkdir(parents=True)
        command = ["g++", "-x", "c++", "-std=c++20", "-c", "-", "-o", folder / "a.o"]
        subprocess.run(command, input=source, text=True, check=True)
    return subprocess.run([sys.executable, TOOL, build], capture_output=True, text=True)


@pytest.mark.skipif(shutil.which("g++") is None or shutil.which("nm") is None, reason="needs a compiler")
def test_symbols_outside_the_namespace_are_found(tmp_path):
    good = {isa: NAMED.format(isa=isa) for isa in ("generic", "avx2", "avx512")}
    assert check(tmp_path / "good", good).returncode == 0
    leaking = check(tmp_path / "leaking", good | {"avx512": good["avx512"] + SHARED})
    assert leaking.returncode == 1
    assert "shared" in leaking.stdout
    swapped = check(tmp_path / "swapped", good | {"avx512": good["avx2"]})
    assert swapped.returncode == 1


def test_a_folder_without_objects_is_an_error(tmp_path):
    done = subprocess.run([sys.executable, TOOL, tmp_path], capture_output=True, text=True)
    assert done.returncode == 1
    assert "no objects of avx512" in done.stdout
