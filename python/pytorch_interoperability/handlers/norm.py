"""Batch normalisation."""

from __future__ import annotations

from typing import Any

from pytorch_interoperability.handlers.registry import handles


@handles("aten.batch_norm.default")
def batch_norm(
    g: Any,
    x: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    training: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool = True,
) -> Any:
    channels = x.shape[1]
    attributes = {"epsilon": float(eps), "momentum": 1.0 - float(momentum), "training_mode": int(training), "unbiased_variance": 1}
    inputs = [
        x,
        g.filled(channels, 1.0) if weight is None else weight,
        g.filled(channels, 0.0) if bias is None else bias,
        g.scratch_buffer(channels) if running_mean is None else running_mean,
        g.scratch_buffer(channels) if running_var is None else running_var,
    ]
    return g.node("BatchNormalization", inputs, attributes)
