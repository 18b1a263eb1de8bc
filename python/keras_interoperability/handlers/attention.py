"""Attention: softmax(query key^T * scale) value."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from keras_interoperability.handlers.arithmetic import join
from keras_interoperability.handlers.products import contract
from keras_interoperability.handlers.registry import UnsupportedArgument, operation
from keras_interoperability.handlers.shapes import repeated
from keras_interoperability.planes import Planes


@operation("DotProductAttention")
def dot_product_attention(
    capture: Any,
    op: Any,
    query: Any,
    key: Any,
    value: Any,
    bias: Any = None,
    mask: Any = None,
    scale: Any = None,
    flash_attention: Any = None,
    attn_logits_soft_cap: Any = None,
) -> Planes:
    """Query [B, T, N, H], key and value [B, S, K, H]; with K < N heads of keys, each serves several of the query."""
    soft_cap = getattr(op, "attn_logits_soft_cap", attn_logits_soft_cap)  # the last two are arguments of the call before Keras 3.11
    if soft_cap is not None:
        raise UnsupportedArgument(f"attn_logits_soft_cap={soft_cap}")
    query, key, value = (capture.value(x) for x in (query, key, value))
    groups = query.shape[2] // key.shape[2]
    if groups > 1:
        key, value = (repeated(capture, x, 2, groups) for x in (key, value))
    scores = contract(capture, query, key, "btnh", "bsnh", "bnts")
    scores = join(capture, "Mul", scores, 1.0 / math.sqrt(key.shape[3]) if scale is None else scale)
    scores = scores if bias is None else join(capture, "Add", scores, bias)
    if mask is not None:
        scores = _masked(capture, scores, capture.value(mask))
    if op.is_causal:
        scores = _masked(capture, scores, capture.value(np.tri(query.shape[1], key.shape[1])[None, None]))
    shares = Planes(capture, last=capture.node("Softmax", [scores.last], {"axis": -1}))
    return contract(capture, shares, value, "bnts", "bsnh", "btnh")


def _masked(capture: Any, scores: Planes, mask: Planes) -> Planes:
    """Scores of masked places become so low that they get no share."""
    lowest = capture.constant(np.float32(np.finfo(np.float32).min * 0.7))
    return Planes(capture, last=capture.node("Where", [mask.last, scores.last, lowest]))
