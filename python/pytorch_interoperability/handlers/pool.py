"""Pools."""

from __future__ import annotations

from typing import Any

from pytorch_interoperability.handlers.registry import UnsupportedArgument, handles, pair


@handles("aten.max_pool2d.default")
def max_pool2d(g: Any, x: Any, kernel_size: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False) -> Any:
    attributes = _window(kernel_size, stride, padding, ceil_mode)
    return g.node("MaxPool", [x], attributes | {"dilations": pair(dilation)})


@handles("aten.avg_pool2d.default")
def avg_pool2d(
    g: Any,
    x: Any,
    kernel_size: Any,
    stride: Any = (),
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Any:
    if divisor_override is not None:
        raise UnsupportedArgument("divisor_override; leave it out")
    attributes = _window(kernel_size, stride, padding, ceil_mode)
    return g.node("AveragePool", [x], attributes | {"count_include_pad": int(count_include_pad)})


@handles("aten.adaptive_avg_pool2d.default")
def adaptive_avg_pool2d(g: Any, x: Any, output_size: Any) -> Any:
    size = [x.shape[axis + 2] if extent is None else extent for axis, extent in enumerate(pair(output_size))]
    if size == [1, 1]:
        return g.node("GlobalAveragePool", [x])
    height, width = x.shape[2:]
    if height % size[0] or width % size[1]:
        raise UnsupportedArgument(f"an output of {size} for an input of {[height, width]}; each must divide the other")
    kernel = [height // size[0], width // size[1]]
    return g.node("AveragePool", [x], {"kernel_shape": kernel, "strides": kernel})


def _window(kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool) -> dict[str, Any]:
    kernel = pair(kernel_size)
    strides = pair(stride) if stride not in ((), [], None) else kernel
    pads = pair(padding)
    return {"kernel_shape": kernel, "strides": strides, "pads": [*pads, *pads], "ceil_mode": int(ceil_mode)}
