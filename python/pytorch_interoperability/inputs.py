"""Whether inputs fit a capture, and memory for the outputs they lead to."""

from __future__ import annotations

import math
from typing import Any

import torch

from n2d2 import errors
from pytorch_interoperability.imported import Imported

_is_wrapper = torch._C._functorch.is_functorch_wrapped_tensor
_unwrapped = torch._C._functorch.unwrap_if_dead  # what a transform of torch.func left behind, as a side effect of its function


class Inputs:
    """Checks the inputs of a capture in full when their extents change."""

    def __init__(self, imported: Imported, name: str) -> None:
        self._imported = imported
        self._name = name
        self._accepted: list[tuple[torch.Size, torch.dtype]] = []
        self.rows = 0
        """Of the inputs accepted last."""
        self._like: list[torch.Tensor] = []  # never written, so the system gives no memory for large ones

    def fit(self, xs: tuple[Any, ...]) -> bool:
        """Whether these inputs are like those accepted last. Called in every step."""
        if len(xs) != len(self._accepted):
            return False
        for x, (shape, dtype) in zip(xs, self._accepted, strict=True):
            if not isinstance(x, torch.Tensor) or x.shape != shape or x.dtype is not dtype or not x.is_cpu or not x.is_contiguous():
                return False
            if _is_wrapper(x):
                return False
        return True

    def accept(self, xs: tuple[Any, ...]) -> tuple[torch.Tensor, ...]:
        """The inputs, made contiguous.

        Raises:
            n2d2.errors.N2D2Error: when they do not fit.
        """
        self._check(xs)
        xs = tuple([_unwrapped(x) for x in xs])
        xs = tuple([x.float() if x.dtype is torch.bool else x for x in xs])
        rows = self.rows = xs[self._imported.rows_input].shape[0]
        shapes = [[-d * rows if d < 0 else d for d in value.shape] for value in self._imported.graph.outputs]
        self._like = [torch.empty(shape, dtype=torch.float32) for shape in shapes]
        self._accepted = [(x.shape, x.dtype) for x in xs]
        return tuple([x.contiguous() for x in xs])

    def outputs(self) -> tuple[torch.Tensor, ...]:
        """New tensors for the outputs of the inputs accepted last."""
        like = self._like
        return (torch.empty_like(like[0]),) if len(like) == 1 else tuple(map(torch.empty_like, like))

    def _check(self, xs: tuple[Any, ...]) -> None:
        imported, name = self._imported, self._name
        inputs = imported.graph.inputs
        if len(xs) != len(inputs):
            raise errors.ValueError(f"{name}: expected {len(inputs)} inputs, got {len(xs)}")
        first = xs[imported.rows_input]
        rows = first.shape[0] if isinstance(first, torch.Tensor) and first.dim() else 0
        for x, value in zip(xs, inputs, strict=True):
            if not isinstance(x, torch.Tensor):
                raise errors.TypeError(f"{name}: input '{value.name}' is a {type(x).__name__}, expected a torch.Tensor")
            wanted = torch.bool if value.name in imported.masks else getattr(torch, value.dtype)
            if x.dtype != wanted or x.device.type != "cpu":
                raise errors.TypeError(f"{name}: input '{value.name}' is {x.dtype} on {x.device}, expected {wanted} on the CPU")
            expected = value.shape
            if x.dim() != len(expected) or any(d != (e if e >= 0 else -e * rows) for e, d in zip(expected, x.shape, strict=True)):
                extents = ", ".join("N" if e == -1 else f"{-e}N" if e < 0 else str(e) for e in expected)
                reader = _first_reader(imported.graph, value)
                raise errors.ShapeError(f"{name}: input '{value.name}' (read by {reader}) has shape {list(x.shape)}, expected [{extents}]")
        if imported.fixed_rows is not None and rows != imported.fixed_rows:
            raise errors.ShapeError(f"{name}: its forward fixes the batch to {imported.fixed_rows} rows, got {rows}; wrap it for that size")
        if rows < imported.least_rows:
            raise errors.ShapeError(f"{name}: its forward takes another path below {imported.least_rows} rows, got {rows}")
        alone = _single_value_norm(imported.graph) if rows == 1 else ""
        if alone:
            raise errors.ShapeError(
                f"{name}: {alone} is in training and has one value per channel in a batch of one row, whose variance is not defined; "
                "give it two rows or more, for instance with drop_last=True in the DataLoader"
            )


def in_full_precision(xs: tuple[Any, ...]) -> tuple[Any, ...]:
    """What torch.autocast made smaller, in float32 again; gradients come back in the smaller type."""
    smaller = (torch.bfloat16, torch.float16)
    return tuple([x.float() if isinstance(x, torch.Tensor) and x.dtype in smaller else x for x in xs])


def is_empty_batch(xs: tuple[Any, ...]) -> bool:
    """Whether there is nothing to compute."""
    return bool(xs) and isinstance(xs[0], torch.Tensor) and xs[0].dim() > 0 and xs[0].shape[0] == 0


def _single_value_norm(graph: Any) -> str:
    """A batch normalisation of batch statistics over the rows alone; "" when there is none."""
    for node in graph.nodes:
        if node.op == "BatchNormalization" and node.attributes["training_mode"]:
            x = node.inputs[0].shape
            if x[0] == -1 and math.prod(x[2:]) == 1:
                return f"{node.op} '{node.path or node.name}'"
    return ""


def _first_reader(graph: Any, value: Any) -> str:
    for node in graph.nodes:
        if any(v is not None and v == value for v in node.inputs):
            return f"{node.op} '{node.path or node.name}'"
    return "nothing"


__all__ = ["Inputs", "in_full_precision", "is_empty_batch"]
