"""What a mutant is, and where gradients stand."""

from __future__ import annotations

from dataclasses import dataclass

OPS = "src/n2d2/ops/"
KERNELS = "src/n2d2/backends/cpu/kernels/"
SIMD = "src/n2d2/backends/cpu/simd/"


@dataclass(frozen=True)
class Mutant:
    """One wrong text in one file, and the tests of tests/ops that must notice it."""

    name: str
    file: str
    tests: str
    right: str
    wrong: str


def mutants(file: str, tests: str, *rows: tuple[str, str, str]) -> list[Mutant]:
    """The mutants of a file that the same tests must notice: name, right text, wrong text."""
    return [Mutant(name, file, tests, right, wrong) for name, right, wrong in rows]
