"""The wrapped network: a torch module whose work is done by the engine."""

from __future__ import annotations

from typing import Any

import torch

from n2d2.cells import LAYOUT_OPERATORS, DeepNetCell
from n2d2.solver import Solver
from pytorch_interoperability.runtime import Runtime
from pytorch_interoperability.signature import Examples

SHARED = (
    "_parameters",
    "_buffers",
    "_modules",
    "_non_persistent_buffers_set",
    "_state_dict_hooks",
    "_state_dict_pre_hooks",
    "_load_state_dict_pre_hooks",
    "_load_state_dict_post_hooks",
)


class Block(torch.nn.Module):
    """A torch module that computes in n2d2. It shares parameters, buffers and sub-modules with the module it was made from.

    With ``update="n2d2"`` every backward pass that reaches the Block trains it with its own solver; a torch optimizer over its
    parameters does nothing. With ``update="torch"`` gradients go to torch. Made by `pytorch_interoperability.wrap`.
    """

    def __init__(self, module: torch.nn.Module, examples: Examples, update: str, solver: Solver | None) -> None:
        super().__init__()
        self.__dict__["_original"] = module
        self.__dict__["_arguments"] = (examples, update, solver)
        self.__dict__["_runtime"] = Runtime(module, examples, update, solver)
        for name in SHARED:
            self.__dict__[name] = module.__dict__[name]
        self.training = module.training
        for parameter in module.parameters():
            parameter.grad = None

    @torch.compiler.disable
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The original network's output."""
        return self._engine().call(args, kwargs)

    def train(self, mode: bool = True) -> Block:
        """As torch: also of the original, which may override it."""
        self._original.train(mode)
        self.training = self._original.training
        if self.__dict__.get("_runtime") is not None:
            self._runtime.network.refresh()
        return self

    def set_solver(self, solver: Solver) -> None:
        """All parameters are updated by one copy of the solver from now on."""
        runtime = self._engine()
        runtime.set_solver([name for name, _, _ in runtime.network.parameters], solver.copy())

    def get_block(self) -> DeepNetCell:
        """The network as cells, sharing these weights."""
        return self.get_deepnet_cell()

    def get_deepnet_cell(self, for_export: bool = False) -> DeepNetCell:
        """The network as cells, sharing these weights; ``for_export`` lists no layout cells."""
        runtime = self._engine()
        training = self._original.training
        try:
            self.train(False)
            graph = runtime.capture_for(False).graph
        finally:
            self.train(training)
        hidden = LAYOUT_OPERATORS if for_export else ()
        return DeepNetCell(type(self._original).__name__, runtime.network, graph, runtime.solvers, hidden, runtime)

    def summary(self) -> None:
        """Prints the table of cells with their solvers."""
        print(self.get_block())

    def refresh(self) -> None:
        """Tells the engine that weights were written behind torch's back (NumPy, ``.data``), before evaluating."""
        self._engine().network.refresh()

    def _engine(self) -> Runtime:
        runtime: Runtime | None = self.__dict__["_runtime"]
        if runtime is None:
            examples, update, solver = self._arguments
            runtime = self.__dict__["_runtime"] = Runtime(self._original, examples, update, solver)
        return runtime

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_runtime": None}

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.__dict__["_original"], name)

    def extra_repr(self) -> str:
        """What trains this Block."""
        runtime = self.__dict__.get("_runtime")
        how = "torch" if runtime is not None and runtime.update_mode == "torch" else "n2d2"
        solver = next(iter(runtime.solvers.values()), None) if runtime is not None else None
        return f"n2d2, updated by {solver}" if how == "n2d2" else "n2d2, gradients go to torch"


__all__ = ["Block"]
