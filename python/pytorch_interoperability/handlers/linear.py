"""Convolutions and matrix products."""

from __future__ import annotations

from typing import Any

from pytorch_interoperability.handlers.registry import UnsupportedArgument, handles, pair


@handles("aten.conv2d.default")
def conv2d(g: Any, x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1) -> Any:
    p = pair(padding)
    return _conv(g, x, weight, bias, stride, [p[0], p[1], p[0], p[1]], dilation, groups)


@handles("aten.conv2d.padding")
def conv2d_padding(
    g: Any, x: Any, weight: Any, bias: Any = None, stride: Any = 1, padding: str = "valid", dilation: Any = 1, groups: int = 1
) -> Any:
    pads = [0, 0, 0, 0]
    if padding == "same":
        totals = [d * (k - 1) for d, k in zip(pair(dilation), weight.shape[2:], strict=True)]
        pads = [totals[0] // 2, totals[1] // 2, totals[0] - totals[0] // 2, totals[1] - totals[1] // 2]
    return _conv(g, x, weight, bias, stride, pads, dilation, groups)


def _conv(g: Any, x: Any, weight: Any, bias: Any, stride: Any, pads: list[int], dilation: Any, groups: int) -> Any:
    if len(x.shape) != 4:
        raise UnsupportedArgument(f"an input of rank {len(x.shape)}; give it as [N, C, H, W]")
    attributes = {"strides": pair(stride), "pads": pads, "dilations": pair(dilation), "group": groups}
    return g.node("Conv", [x, weight, bias], attributes)


@handles("aten.linear.default")
def linear(g: Any, x: Any, weight: Any, bias: Any = None) -> Any:
    if len(x.shape) == 2:
        return g.node("Gemm", [x, weight, bias], {"transB": 1})
    matrix = g.node("Reshape", [x], {"shape": [-1, x.shape[-1]]})
    product = g.node("Gemm", [matrix, weight, bias], {"transB": 1})
    return g.node("Reshape", [product], {"shape": [-1 if extent < 0 else extent for extent in g.output_shape()]})


@handles("aten.addmm.default")
def addmm(g: Any, c: Any, a: Any, b: Any, *, beta: float = 1, alpha: float = 1) -> Any:
    return g.node("Gemm", [a, b, c], {"alpha": float(alpha), "beta": float(beta)})


@handles("aten.mm.default")
def mm(g: Any, a: Any, b: Any) -> Any:
    return g.node("Gemm", [a, b])


@handles("aten.matmul.default")
def matmul(g: Any, a: Any, b: Any) -> Any:
    if len(b.shape) != 2 or len(a.shape) < 2:
        raise UnsupportedArgument(f"a product of shapes {list(a.shape)} and {list(b.shape)}; the right side must be a matrix")
    return g.node("MatMul", [a, b])
