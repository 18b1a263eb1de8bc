"""Scaled dot-product attention, from products and a softmax."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from pytorch_interoperability.handlers.dropout import dropout
from pytorch_interoperability.handlers.registry import UnsupportedArgument, handles


@handles("scaled_dot_product_attention")
def attention(
    g: Any,
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    *,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Any:
    """softmax(scale * query key^T + mask) value (Vaswani et al. 2017, equation 1)."""
    if enable_gqa:
        raise UnsupportedArgument("enable_gqa=True; repeat keys and values")
    rank = len(query.shape)
    scaled = g.node("Mul", [query, 1.0 / math.sqrt(query.shape[-1]) if scale is None else float(scale)])
    perm = [*range(rank - 2), rank - 1, rank - 2]
    scores = g.node("MatMul", [scaled, g.node("Transpose", [key], {"perm": perm})])
    if is_causal:
        length, past = query.shape[-2], key.shape[-2]
        scores = g.node("Add", [scores, g.constant(np.triu(np.full((length, past), -np.inf, np.float32), 1))])
    if attn_mask is not None:
        scores = _masked(g, scores, attn_mask)
    weights = g.node("Softmax", [scores], {"axis": -1})
    return g.node("MatMul", [dropout(g, weights, dropout_p, dropout_p > 0), value])


def _masked(g: Any, scores: Any, mask: Any) -> Any:
    if isinstance(mask, torch.Tensor) and mask.dtype == torch.bool:
        if not bool(mask.any(-1).all()):
            raise UnsupportedArgument("an attn_mask that leaves a query without any key")
        return g.node("Add", [scores, g.constant(np.where(mask.numpy(), 0.0, -np.inf).astype(np.float32))])
    return g.node("Add", [scores, mask])
