"""Dropout of elements, and of whole channels."""

from __future__ import annotations

from typing import Any

from pytorch_interoperability.handlers.registry import handles


@handles("dropout", "dropout_", moves="pointwise")
def dropout(g: Any, x: Any, p: float, train: bool) -> Any:
    return _drawn(g, "Dropout", x, p, train, {"training_mode": 1})


@handles("feature_dropout", "feature_dropout_")
def feature_dropout(g: Any, x: Any, p: float, train: bool) -> Any:
    return _drawn(g, "Dropout", x, p, train, {"training_mode": 1, "shared_axes": list(range(2, len(x.shape)))})


@handles("alpha_dropout", "alpha_dropout_", moves="pointwise")
def alpha_dropout(g: Any, x: Any, p: float, train: bool) -> Any:
    return _drawn(g, "AlphaDropout", x, p, train, {"training_mode": 1})


def _drawn(g: Any, op: str, x: Any, p: float, train: bool, attributes: dict[str, Any]) -> Any:
    if not train or p == 0:
        return x
    g.mark_random()
    return g.node(op, [x], {"ratio": float(p)} | attributes)
