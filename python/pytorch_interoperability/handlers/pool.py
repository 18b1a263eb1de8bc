"""Pools over one to three axes."""

from __future__ import annotations

from typing import Any

from pytorch_interoperability.handlers.registry import UnsupportedArgument, handles, numbers


@handles("max_pool1d", "max_pool2d", "max_pool3d")
def max_pool(g: Any, x: Any, kernel_size: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False) -> Any:
    axes = _axes(g, x)
    attributes = _window(axes, kernel_size, stride, padding, ceil_mode)
    return g.node("MaxPool", [x], attributes | {"dilations": numbers(dilation, axes)})


@handles("avg_pool1d", "avg_pool2d", "avg_pool3d")
def avg_pool(
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
    attributes = _window(_axes(g, x), kernel_size, stride, padding, ceil_mode)
    return g.node("AveragePool", [x], attributes | {"count_include_pad": int(count_include_pad)})


@handles("adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d")
def adaptive_avg_pool(g: Any, x: Any, output_size: Any) -> Any:
    axes = _axes(g, x)
    size = _wanted(x, output_size, axes)
    if size == [1] * axes:
        return (
            g.node("GlobalAveragePool", [x]) if axes == 2 else g.node("ReduceMean", [x], {"axes": list(range(2, axes + 2)), "keepdims": 1})
        )
    kernel = _kernel(x, size)
    if kernel is None:
        return g.node("AdaptiveAveragePool", [x], {"output_size": size})
    return g.node("AveragePool", [x], {"kernel_shape": kernel, "strides": kernel, "pads": [0] * (2 * axes)})


@handles("adaptive_max_pool1d", "adaptive_max_pool2d", "adaptive_max_pool3d")
def adaptive_max_pool(g: Any, x: Any, output_size: Any) -> list[Any]:
    axes = _axes(g, x)
    size = _wanted(x, output_size, axes)
    kernel = _kernel(x, size)
    if kernel is None or _area(kernel) > 256:
        return [g.node("AdaptiveMaxPool", [x], {"output_size": size}), None]
    attributes = {"kernel_shape": kernel, "strides": kernel, "pads": [0] * (2 * axes), "dilations": [1] * axes}
    return [g.node("MaxPool", [x], attributes), None]


def _axes(g: Any, x: Any) -> int:
    axes = int(g.target.split(".")[1][-2])
    if len(x.shape) != axes + 2:
        raise UnsupportedArgument(f"an input of rank {len(x.shape)}; give it with the batch in front, of rank {axes + 2}")
    return axes


def _wanted(x: Any, output_size: Any, axes: int) -> list[int]:
    return [x.shape[axis + 2] if extent is None else extent for axis, extent in enumerate(numbers(output_size, axes))]


def _kernel(x: Any, size: list[int]) -> list[int] | None:
    """The window that gives this output, when all windows are alike."""
    extents = x.shape[2:]
    return None if any(e % s for e, s in zip(extents, size, strict=True)) else [e // s for e, s in zip(extents, size, strict=True)]


def _area(kernel: list[int]) -> int:
    result = 1
    for extent in kernel:
        result *= extent
    return result


def _window(axes: int, kernel_size: Any, stride: Any, padding: Any, ceil_mode: bool) -> dict[str, Any]:
    kernel = numbers(kernel_size, axes)
    strides = numbers(stride, axes) if stride not in ((), [], None) else kernel
    pads = numbers(padding, axes)
    return {"kernel_shape": kernel, "strides": strides, "pads": [*pads, *pads], "ceil_mode": int(ceil_mode)}
