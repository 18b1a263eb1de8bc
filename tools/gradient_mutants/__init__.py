"""The mutants of mutate_gradients.py: wrong texts in gradients, and the tests of tests/ops that must notice them."""

from __future__ import annotations

from gradient_mutants import elementwise, products, reductions, shapes, windows
from gradient_mutants.mutant import Mutant

MUTANTS = [mutant for part in (elementwise, products, windows, reductions, shapes) for mutant in part.MUTANTS]

__all__ = ["MUTANTS", "Mutant"]
