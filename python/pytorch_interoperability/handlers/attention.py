"""Scaled dot-product attention, from products and a softmax."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch

from pytorch_interoperability.handlers.dropout import dropout
from pytorch_interoperability.handlers.registry import UnsupportedArgument, handles

LOWEST = -1e30
"""Below every score that counts."""


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
    weights = _softmax(g, scores, attn_mask)
    return g.node("MatMul", [dropout(g, weights, dropout_p, dropout_p > 0), value])


def _softmax(g: Any, scores: Any, mask: Any) -> Any:
    """Softmax over the keys that the mask lets through; a query without any key gets zeros, as in torch."""
    if mask is None:
        return g.node("Softmax", [scores], {"axis": -1})
    fixed = g.numbers_of(mask)
    if fixed is not None and fixed.dtype == torch.bool:
        fixed = torch.where(fixed, 0.0, -math.inf)
    if fixed is not None and bool((fixed > LOWEST).any(-1).all()):
        return g.node("Softmax", [g.node("Add", [scores, g.constant(fixed.numpy())])], {"axis": -1})
    if g.is_mask(mask):
        weights = g.node("Softmax", [g.node("Where", [mask, scores, LOWEST])], {"axis": -1})
        return g.node("Where", [mask, weights, 0.0])
    has_key = g.node("Greater", [g.node("ReduceMax", [mask], {"axes": [len(mask.shape) - 1], "keepdims": 1}), LOWEST])
    masked = g.node("Where", [has_key, g.node("Add", [scores, mask]), 0.0])
    return g.node("Where", [has_key, g.node("Softmax", [masked], {"axis": -1}), 0.0])
