"""Normalisations."""

from __future__ import annotations

from typing import Any

from pytorch_interoperability.handlers.axes import Moved, last_axis_behind, settled
from pytorch_interoperability.handlers.registry import UnsupportedArgument, handles
from pytorch_interoperability.handlers.shape import shaped


@handles("batch_norm")
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
    if len(x.shape) == 5:  # the engine takes planes
        flat = shaped(g, x, [*x.shape[:3], x.shape[3] * x.shape[4]])
        y = batch_norm(g, flat, weight, bias, running_mean, running_var, training, momentum, eps)
        return shaped(g, y, list(x.shape))
    channels = x.shape[1]
    attributes = {"epsilon": float(eps), "momentum": 1.0 - float(momentum), "training_mode": int(training), "unbiased_variance": 1}
    inputs = [
        x,
        *_scale_and_bias(g, x, weight, bias),
        g.scratch_buffer(channels) if running_mean is None else running_mean,
        g.scratch_buffer(channels) if running_var is None else running_var,
    ]
    return g.node("BatchNormalization", inputs, attributes)


@handles("layer_norm", moves="own")
def layer_norm(
    g: Any, x: Any, normalized_shape: Any, weight: Any = None, bias: Any = None, eps: float = 1e-5, cudnn_enable: bool = True
) -> Any:
    return _over_last_axes(g, "LayerNormalization", x, len(normalized_shape), [weight, bias], eps)


@handles("rms_norm", moves="own")
def rms_norm(g: Any, x: Any, normalized_shape: Any, weight: Any = None, eps: float | None = None) -> Any:
    smallest = 1.1920928955078125e-07  # torch's default is that of the dtype
    return _over_last_axes(g, "RMSNormalization", x, len(normalized_shape), [weight], smallest if eps is None else eps)


def _over_last_axes(g: Any, op: str, x: Any, axes: int, weights: list[Any], eps: float) -> Any:
    if isinstance(x, Moved):
        if axes != 1:
            raise UnsupportedArgument(f"several axes of a tensor of shape {x.shape}, whose batch is not in front")
        value, groups = last_axis_behind(g, x)
        return settled(g, Moved(_over_last_axes(g, op, value, 1, weights, eps), groups))
    return g.node(op, [x, *weights], {"axis": -axes, "epsilon": float(eps)})


@handles("group_norm")
def group_norm(g: Any, x: Any, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5, cudnn_enabled: bool = True) -> Any:
    return g.node("GroupNormalization", [x, *_scale_and_bias(g, x, weight, bias)], {"num_groups": num_groups, "epsilon": float(eps)})


@handles("instance_norm")
def instance_norm(
    g: Any,
    x: Any,
    weight: Any,
    bias: Any,
    running_mean: Any,
    running_var: Any,
    use_input_stats: bool,
    momentum: float,
    eps: float,
    cudnn_enabled: bool,
) -> Any:
    if running_mean is not None:
        raise UnsupportedArgument("running statistics; use track_running_stats=False")
    return g.node("InstanceNormalization", [x, *_scale_and_bias(g, x, weight, bias)], {"epsilon": float(eps)})


def _scale_and_bias(g: Any, x: Any, weight: Any, bias: Any) -> list[Any]:
    channels = x.shape[1]
    return [g.filled(channels, 1.0) if weight is None else weight, g.filled(channels, 0.0) if bias is None else bias]


@handles("_weight_norm")
def weight_norm(g: Any, v: Any, magnitude: Any, dim: int = 0) -> Any:
    """Salimans and Kingma 2016: v times g / |v|, a norm per index of `dim`."""
    axes = [axis for axis in range(len(v.shape)) if axis != dim % len(v.shape)] if dim != -1 else list(range(len(v.shape)))
    length = g.node("ReduceL2", [v], {"axes": axes, "keepdims": 1})
    return g.node("Mul", [v, g.node("Div", [magnitude, length])])
