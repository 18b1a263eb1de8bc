"""The wrapped network: a torch module whose work is done by the engine."""

from __future__ import annotations

from typing import Any

import torch

from n2d2 import errors
from n2d2.cells import LAYOUT_OPERATORS, DeepNetCell
from n2d2.solver import Solver, copy_of
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
        self.__dict__["_solver_state"] = None
        self.__dict__["_runtime"] = Runtime(module, examples, update, solver)
        for name in SHARED:
            self.__dict__[name] = module.__dict__[name]
        self.training = module.training
        for parameter in module.parameters():
            parameter.grad = None

    @torch.compiler.disable
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """The original network's output."""
        if torch._C._are_functorch_transforms_active():
            raise errors.UnsupportedError(
                "torch.func transforms (vmap, grad, jvp, ...) over a Block are not supported; use the plain module"
            )
        return (self.__dict__["_runtime"] or self._engine()).call(args, kwargs)

    def train(self, mode: bool = True) -> Block:
        """As torch: also of the original, which may override it. The first `eval()` captures the network in evaluation mode."""
        before = self.training
        self._original.train(mode)
        self.training = self._original.training
        runtime = self.__dict__.get("_runtime")
        if runtime is not None:
            runtime.network.refresh()
            if before and not self.training:
                self._capture_evaluation(runtime)
        return self

    def _capture_evaluation(self, runtime: Runtime) -> None:
        try:
            runtime.capture_for(False)
        except errors.UnsupportedError:
            self._original.train(True)
            self.training = self._original.training
            raise

    def set_solver(self, solver: Solver) -> None:
        """All parameters are updated by one copy of the solver from now on."""
        self._engine().set_solver_of_all(copy_of(solver))

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
        """Tells the engine that weights or buffers were written behind torch's back (NumPy, ``.data``), before evaluating."""
        self._engine().refresh()

    def _engine(self) -> Runtime:
        runtime: Runtime | None = self.__dict__["_runtime"]
        if runtime is None:
            examples, update, solver = self._arguments
            runtime = self.__dict__["_runtime"] = Runtime(self._original, examples, update, solver, self._solver_state)
            self.__dict__["_solver_state"] = None
        return runtime

    def _apply(self, fn: Any, recurse: bool = True) -> Block:
        moved = fn(torch.empty(0))
        if moved.dtype != torch.float32 or moved.device.type != "cpu":
            raise errors.TypeError(
                f"a Block stays in float32 on the CPU, asked for {moved.dtype} on {moved.device}; convert the plain module instead"
            )
        super()._apply(fn, recurse)
        return self

    def __getstate__(self) -> dict[str, Any]:
        runtime = self.__dict__["_runtime"]
        state = self.__dict__["_solver_state"] if runtime is None else runtime.solver_state()
        return {**self.__dict__, "_runtime": None, "_solver_state": state}

    def __setattr__(self, name: str, value: Any) -> None:
        original = self.__dict__.get("_original")
        if original is not None and name not in self.__dict__ and _has_of_its_own(original, name):
            setattr(original, name, value)
        else:
            super().__setattr__(name, value)

    def __getattr__(self, name: str) -> Any:
        try:
            return super().__getattr__(name)
        except AttributeError:
            return getattr(self.__dict__["_original"], name)

    def __getitem__(self, index: Any) -> Any:
        return self._original[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        self._original[index] = value

    def extra_repr(self) -> str:
        """What trains this Block."""
        runtime = self.__dict__.get("_runtime")
        if self._arguments[1] == "torch":
            return "n2d2, gradients go to torch"
        solvers = runtime.solvers.values() if runtime is not None else self._solver_state.solvers()
        return f"n2d2, every backward updates by {' and '.join(dict.fromkeys(map(str, solvers))) or 'its solver'}"


def _has_of_its_own(module: torch.nn.Module, name: str) -> bool:
    return name in module.__dict__ or isinstance(getattr(type(module), name, None), property)


__all__ = ["Block"]
