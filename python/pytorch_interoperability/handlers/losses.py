"""Losses that forward computes itself."""

from __future__ import annotations

from typing import Any

from pytorch_interoperability.handlers.registry import UnsupportedArgument, handles

REDUCTIONS = {1: "ReduceMean", 2: "ReduceSum"}
"""By torch's number; 0 is none."""


@handles("mse_loss")
def mse_loss(g: Any, x: Any, target: Any, reduction: int = 1) -> Any:
    difference = g.node("Sub", [x, target])
    return _reduced(g, g.node("Mul", [difference, difference]), reduction)


@handles("l1_loss")
def l1_loss(g: Any, x: Any, target: Any, reduction: int = 1) -> Any:
    return _reduced(g, g.node("Abs", [g.node("Sub", [x, target])]), reduction)


@handles("binary_cross_entropy_with_logits")
def binary_cross_entropy(g: Any, x: Any, target: Any, weight: Any = None, pos_weight: Any = None, reduction: int = 1) -> Any:
    """softplus(x) - x * target, which is exact for large x too."""
    if weight is not None or pos_weight is not None:
        raise UnsupportedArgument("weights; multiply the losses by them")
    return _reduced(g, g.node("Sub", [g.node("Softplus", [x]), g.node("Mul", [x, target])]), reduction)


@handles("cross_entropy_loss")
def cross_entropy(
    g: Any, x: Any, target: Any, weight: Any = None, reduction: int = 1, ignore_index: int = -100, label_smoothing: float = 0.0
) -> Any:
    """Of logits [N, classes] and class numbers [N]; numbers that are no class do not count."""
    if weight is not None or label_smoothing or reduction == 0:
        raise UnsupportedArgument('weights, label_smoothing or reduction="none"')
    if len(x.shape) != 2 or len(target.shape) != 1 or 0 <= ignore_index < x.shape[1]:
        raise UnsupportedArgument(f"logits of shape {list(x.shape)} and targets of shape {list(target.shape)}; give [N, classes] and [N]")
    chosen = g.node("OneHot", [target], {"depth": x.shape[1], "axis": -1})
    total = g.node("ReduceSum", [g.node("Mul", [chosen, g.node("LogSoftmax", [x], {"axis": 1})])], {"axes": [0, 1], "keepdims": 0})
    loss = g.node("Mul", [total, -1.0])
    return loss if reduction == 2 else g.node("Div", [loss, g.node("ReduceSum", [chosen], {"axes": [0, 1], "keepdims": 0})])


def _reduced(g: Any, losses: Any, reduction: int) -> Any:
    if reduction == 0:
        return losses
    return g.node(REDUCTIONS[reduction], [losses], {"axes": list(range(len(losses.shape))), "keepdims": 0})
