"""The engine as one node of torch's autograd graph."""

from __future__ import annotations

from typing import Any

import torch

from n2d2 import errors


class PendingState:
    """A forward that waits for its backward; dropped with the output when none comes."""

    __slots__ = ("binding", "id", "network", "versions")

    def __init__(self, network: Any, state: int, binding: Any, versions: list[int]) -> None:
        self.network = network
        self.id = state
        self.binding = binding
        self.versions = versions

    def take(self, keep: bool) -> int:
        """The id: once, or until a backward that does not keep the graph."""
        if self.id == 0:
            raise errors.StateError(
                "this forward has been used by a backward already; run forward again, or give that backward retain_graph=True"
            )
        state = self.id
        if not keep:
            self.id = 0
        return state

    def __del__(self) -> None:
        if self.id:
            self.network.drop(self.id)


def _copies(tensors: list[torch.Tensor]) -> list[torch.Tensor]:
    return [tensor.clone() for tensor in tensors]


_copies_of = getattr(torch, "_foreach_clone", _copies)  # one call for all of them, where torch has it


def _never() -> bool:
    return False


_keeps_graph = getattr(torch._C._autograd, "_get_current_graph_task_keep_graph", _never)  # a torch without it: each graph serves once


def _refuse_double_backward() -> None:
    if torch.is_grad_enabled():
        raise errors.UnsupportedError("create_graph=True: gradients of gradients are not supported by n2d2")


class EngineUpdates(torch.autograd.Function):
    """update="n2d2": backward stores the gradients in the engine and asks for an update. The anchor is a leaf of no meaning."""

    @staticmethod
    def forward(ctx: Any, runtime: Any, anchor: Any, *xs: torch.Tensor) -> Any:
        ctx.runtime = runtime
        outputs, ctx.state = runtime.run(xs, True, True in ctx.needs_input_grad[2:])
        ctx.save_for_backward(*xs)
        return outputs

    @staticmethod
    def backward(ctx: Any, *gys: torch.Tensor | None) -> Any:
        _refuse_double_backward()
        xs = ctx.saved_tensors
        runtime = ctx.runtime
        needs = ctx.needs_input_grad
        with runtime.lock:
            weights = needs[1] and runtime.trains_in_this_pass()
            gxs = runtime.run_backward(ctx.state, _keeps_graph(), gys, xs, needs[2:], weights)
            if weights:
                runtime.queue_update()
        return None, None, *gxs


class TorchUpdates(torch.autograd.Function):
    """update="torch": backward returns the gradients of the parameters to torch."""

    @staticmethod
    def forward(ctx: Any, runtime: Any, count: int, *tensors: torch.Tensor) -> Any:
        xs = tensors[:count]
        ctx.runtime, ctx.count = runtime, count
        outputs, ctx.state = runtime.run(xs, True, True in ctx.needs_input_grad[2 : 2 + count])
        ctx.gradients = runtime.gradients()
        ctx.save_for_backward(*xs)
        return outputs

    @staticmethod
    def backward(ctx: Any, *gys: torch.Tensor | None) -> Any:
        _refuse_double_backward()
        xs = ctx.saved_tensors
        needs, end = ctx.needs_input_grad, 2 + ctx.count
        weights = True in needs[end:]
        runtime = ctx.runtime
        with runtime.lock:
            runtime.forget_gradients()
            gxs = runtime.run_backward(ctx.state, _keeps_graph(), gys, xs, needs[2:end], weights)
            # copies: torch may keep what it gets, and add to it, while the engine overwrites its own
            gradients = _copies_of(ctx.gradients) if weights else [None] * len(ctx.gradients)
        return None, None, *gxs, *gradients


# torch's own `apply` in Python makes way for functorch, whose transforms a Block refuses, and takes as long as the rest of the node.
engine_updates = super(torch.autograd.Function, EngineUpdates).apply
torch_updates = super(torch.autograd.Function, TorchUpdates).apply

__all__ = ["PendingState", "engine_updates", "torch_updates"]
