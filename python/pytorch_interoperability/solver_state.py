"""What the solvers of a Block remember, for copies and pickles of it."""

from __future__ import annotations

from typing import Any

import numpy as np

from n2d2.solver import Solver


class SolverState:
    """A solver per parameter, and its slots. Parameters that share a solver still share it in a copy."""

    def __init__(self, entries: dict[str, tuple[Solver, list[Any]]] | None = None) -> None:
        self._entries = entries if entries is not None else {}

    @classmethod
    def of(cls, network: Any, solvers: dict[str, Solver], waiting: SolverState) -> SolverState:
        """That of a network now; ``waiting`` has entries for parameters that the network has not met yet."""
        copies = {id(solver): solver.copy() for solver in solvers.values()}
        entries = {name: (copies[id(solver)], [np.array(slot) for slot in network.slots(name)]) for name, solver in solvers.items()}
        return cls({**waiting._entries, **entries})

    def solver_of(self, name: str) -> Solver | None:
        """The parameter's solver, if it had one."""
        entry = self._entries.get(name)
        return entry[0] if entry is not None else None

    def solvers(self) -> list[Solver]:
        """One for each parameter."""
        return [solver for solver, _ in self._entries.values()]

    def restore(self, name: str, slots: list[Any]) -> None:
        """Fills the slots of a parameter, once; those of a parameter that has other extents now stay zero."""
        _, kept = self._entries.pop(name, (None, []))
        for slot, values in zip(slots, kept, strict=False):
            if slot.size == values.size:
                slot[:] = values


__all__ = ["SolverState"]
