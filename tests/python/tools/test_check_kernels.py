"""The check of kernels finds one whose accumulators do not stay in registers, and one without prefetches."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[3] / "tools" / "check_kernels.py"
TILE = """
typedef float V __attribute__((vector_size(32)));
namespace kernels {{
template <int kSums> __attribute__((noinline)) void tile(const float* x, const float* w, long n, float* y) {{
  V sums[kSums] = {{}};
  for (long k = 0; k < n; ++k) {{
    const V row = *reinterpret_cast<const V*>(w + 8 * k);
#pragma GCC unroll 40
    for (int i = 0; i < kSums; ++i) sums[i] += row * x[k + 64 * i];
  }}
#pragma GCC unroll 40
  for (int i = 0; i < kSums; ++i) *reinterpret_cast<V*>(y + 8 * i) = sums[i];
}}
}}
void use(const float* x, float* y);
void use(const float* x, float* y) {{ kernels::tile<{sums}>(x, x, 100, y); }}
"""
MAP = """
namespace kernels {{
template <int kVecs> struct Map {{
  __attribute__((noinline)) static void run(const float* x, long n, float* y) {{
    for (long i = 0; i < n; ++i) {{
      {fetch};
      y[i] = kVecs * x[i];
    }}
  }}
}};
}}
void use(const float* x, float* y);
void use(const float* x, float* y) {{ kernels::Map<2>::run(x, 100, y); }}
"""
needs_compiler = pytest.mark.skipif(shutil.which("g++") is None or shutil.which("objdump") is None, reason="needs a compiler")


FITS, FETCHES = TILE.format(sums=10), MAP.format(fetch="__builtin_prefetch(x + i + 512)")


def check(build: Path, **sources: str) -> subprocess.CompletedProcess:
    folder = build / "core_avx2.dir" / "simd"
    folder.mkdir(parents=True)
    for name, source in sources.items():
        command = ["g++", "-x", "c++", "-std=c++20", "-O3", "-mavx2", "-mfma", "-c", "-", "-o", folder / f"{name}.cpp.o"]
        subprocess.run(command, input=source, text=True, check=True)
    return subprocess.run([sys.executable, TOOL, build], capture_output=True, text=True)


@needs_compiler
def test_more_sums_than_registers_are_found(tmp_path):
    fits = check(tmp_path / "fits", tile=FITS, normalize=FETCHES)
    assert fits.returncode == 0, fits.stdout
    spilling = check(tmp_path / "spills", tile=TILE.format(sums=36), normalize=FETCHES)
    assert spilling.returncode == 1
    assert "tile<36>" in spilling.stdout


@needs_compiler
def test_a_lost_prefetch_is_found(tmp_path):
    lost = check(tmp_path / "lost", tile=FITS, normalize=MAP.format(fetch=""))
    assert lost.returncode == 1
    assert "no prefetch: " in lost.stdout


@needs_compiler
def test_kernels_of_one_kind_alone_are_an_error(tmp_path):
    for name, source in {"tile": FITS, "normalize": FETCHES}.items():
        done = check(tmp_path / name, **{name: source})
        assert done.returncode == 1
        assert "no kernels found" in done.stdout


def test_a_folder_without_kernels_is_an_error(tmp_path):
    done = subprocess.run([sys.executable, TOOL, tmp_path], capture_output=True, text=True)
    assert done.returncode == 1
    assert "no kernels found" in done.stdout
