"""The engine as one node of torch's autograd graph."""

from __future__ import annotations

from typing import Any

import torch

from n2d2 import errors


class PendingState:
    """A forward that waits for its backward; dropped with the output when none comes."""

    __slots__ = ("id", "network")

    def __init__(self, network: Any, state: int) -> None:
        self.network = network
        self.id = state

    def take(self) -> int:
        """The id, once."""
        if self.id == 0:
            raise errors.StateError("this forward has been used by a backward already; run forward again (retain_graph is not supported)")
        state, self.id = self.id, 0
        return state

    def __del__(self) -> None:
        if self.id:
            self.network.drop(self.id)


def _refuse_double_backward() -> None:
    if torch.is_grad_enabled():
        raise errors.UnsupportedError("create_graph=True: gradients of gradients are not supported by n2d2")


def _contiguous(gradients: tuple[torch.Tensor | None, ...]) -> list[torch.Tensor | None]:
    return [None if g is None else g.contiguous() for g in gradients]


def _addresses(tensors: list[torch.Tensor | None]) -> list[int]:
    return [0 if t is None else t.data_ptr() for t in tensors]


class EngineUpdates(torch.autograd.Function):
    """update="n2d2": backward stores the gradients in the engine; the anchor's hook asks for the update."""

    @staticmethod
    def forward(ctx: Any, runtime: Any, anchor: Any, *xs: torch.Tensor) -> Any:
        outputs, state = runtime.run_forward(xs, any(x.requires_grad for x in xs))
        ctx.runtime, ctx.state, ctx.has_anchor = runtime, state, anchor is not None
        ctx.save_for_backward(*xs)
        return outputs

    @staticmethod
    def backward(ctx: Any, *gys: torch.Tensor | None) -> Any:
        _refuse_double_backward()
        xs = ctx.saved_tensors
        runtime = ctx.runtime
        weights = ctx.has_anchor and runtime.trains_in_this_pass()
        needs = ctx.needs_input_grad[2:]
        gxs = runtime.run_backward(ctx.state.take(), _contiguous(gys), xs, needs, weights)
        return (None, runtime.anchor_gradient if weights else None, *gxs)


class TorchUpdates(torch.autograd.Function):
    """update="torch": backward returns the gradients of the parameters to torch."""

    @staticmethod
    def forward(ctx: Any, runtime: Any, count: int, *tensors: torch.Tensor) -> Any:
        xs = tensors[:count]
        outputs, state = runtime.run_forward(xs, any(x.requires_grad for x in xs))
        ctx.runtime, ctx.state, ctx.count = runtime, state, count
        ctx.save_for_backward(*xs)
        return outputs

    @staticmethod
    def backward(ctx: Any, *gys: torch.Tensor | None) -> Any:
        _refuse_double_backward()
        xs = ctx.saved_tensors
        needs = ctx.needs_input_grad[2:]
        weights = any(needs[ctx.count :])
        runtime = ctx.runtime
        runtime.forget_gradients()
        gxs = runtime.run_backward(ctx.state.take(), _contiguous(gys), xs, needs[: ctx.count], weights)
        gradients = runtime.parameter_gradients() if weights else [None] * (len(needs) - ctx.count)
        return (None, None, *gxs, *gradients)


__all__ = ["EngineUpdates", "PendingState", "TorchUpdates", "_addresses"]
