"""Sums, means and extrema over axes."""

from __future__ import annotations

from typing import Any

from keras_interoperability.handlers.arithmetic import join
from keras_interoperability.handlers.registry import UnsupportedArgument, operation
from keras_interoperability.planes import Planes

_OPERATORS = {
    "Sum": "ReduceSum",
    "Mean": "ReduceMean",
    "Max": "ReduceMax",
    "Amax": "ReduceMax",
    "Min": "ReduceMin",
    "Amin": "ReduceMin",
    "Prod": "ReduceProd",
    "Logsumexp": "ReduceLogSumExp",
    "Any": "ReduceMax",
    "All": "ReduceMin",
}


def reduce(capture: Any, x: Planes, op: str, axis: Any, keepdims: bool) -> Planes:
    """A reduction over axes of Keras' order, on the form that is there when the result does not depend on it."""
    axes = list(range(x.rank)) if axis is None else sorted(a % x.rank for a in ([axis] if isinstance(axis, int) else axis))
    if 0 in axes and x.shape[0] < 0:
        raise UnsupportedArgument("axis=0, the batch; rows are kept apart")
    use_first = x.has_first and x.rank > 2 and (keepdims or x.rank - len(axes) <= 2)
    form = "first" if use_first else "last"
    chosen = sorted(x.axis_in_first(a) for a in axes) if use_first else axes
    y = capture.node(op, [getattr(x, form)], {"axes": chosen, "keepdims": int(keepdims)})
    return Planes(capture, **{form if keepdims else "last": y})


def variance(capture: Any, x: Planes, axis: Any, keepdims: bool) -> Planes:
    """The mean squared distance from the mean, which is taken first."""
    centred = join(capture, "Sub", x, reduce(capture, x, "ReduceMean", axis, keepdims=True))
    return reduce(capture, join(capture, "Mul", centred, centred), "ReduceMean", axis, keepdims)


@operation(*_OPERATORS)
def reduction(capture: Any, op: Any, x: Any) -> Planes:
    if getattr(op, "initial", None) is not None:
        raise UnsupportedArgument(f"initial={op.initial}")
    return reduce(capture, capture.value(x), _OPERATORS[type(op).__name__], op.axis, bool(op.keepdims))


@operation("Var")
def var(capture: Any, op: Any, x: Any) -> Planes:
    return variance(capture, capture.value(x), op.axis, bool(op.keepdims))


@operation("Std")
def std(capture: Any, op: Any, x: Any) -> Planes:
    return variance(capture, capture.value(x), op.axis, bool(op.keepdims)).map("Sqrt")


@operation("Moments")
def moments(capture: Any, op: Any, x: Any) -> list[Planes]:
    x = capture.value(x)
    return [reduce(capture, x, "ReduceMean", op.axes, bool(op.keepdims)), variance(capture, x, op.axes, bool(op.keepdims))]


@operation("Norm")
def norm(capture: Any, op: Any, x: Any) -> Planes:
    if op.axis is None or op.ord not in (None, 1, 2) or (op.ord is not None and not isinstance(op.axis, int) and len(op.axis) > 1):
        raise UnsupportedArgument(f"ord={op.ord}, axis={op.axis}; vector norms 1 and 2 over given axes are supported")
    return reduce(capture, capture.value(x), "ReduceL1" if op.ord == 1 else "ReduceL2", op.axis, bool(op.keepdims))


@operation("Cumsum")
def cumsum(capture: Any, op: Any, x: Any) -> Planes:
    x = capture.value(x)
    if op.axis is None or op.axis % x.rank == 0:
        raise UnsupportedArgument(f"axis={op.axis}; an axis behind the batch is supported")
    return Planes(capture, last=capture.node("CumSum", [x.last], {"axis": op.axis % x.rank}))


__all__ = ["reduce", "variance"]
