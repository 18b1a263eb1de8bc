"""What handlers build a graph with."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from n2d2 import errors
from n2d2._engine import engine
from pytorch_interoperability.handlers.creation import Drawn, Filled
from pytorch_interoperability.handlers.registry import UnsupportedArgument
from pytorch_interoperability.imported import Imported
from pytorch_interoperability.places import location_of


class MissingOperator(Exception):
    """The engine lacks the operator that a handler asks for."""


class Stored:
    """A parameter or buffer of the module; becomes a value of the graph, or a constant, when an operator reads it."""

    def __init__(self, name: str, tensor: torch.Tensor) -> None:
        self.name = name
        self.tensor = tensor
        self.is_parameter = isinstance(tensor, torch.nn.Parameter)


class Builder:
    """The graph under construction, and what is known of torch's operator that is being translated."""

    def __init__(self) -> None:
        self.graph = engine.Graph()
        self.result = Imported(self.graph, {})
        self.target = ""
        """The operator's name, such as "aten.relu.default"."""
        self._current: Any = None
        self._env: dict[Any, Any] = {}
        self._fixed: dict[Any, torch.Tensor] = {}

    def node(self, op: str, inputs: list[Any], attributes: dict[str, Any] | None = None) -> Any:
        """Adds an operator and returns its first output."""
        return self.nodes(op, inputs, attributes)[0]

    def nodes(self, op: str, inputs: list[Any], attributes: dict[str, Any] | None = None) -> list[Any]:
        """Adds an operator and returns its outputs."""
        path, place = location_of(self._current)
        values = [None if x is None else self.tensor(x) for x in inputs]
        try:
            return list(self.graph.node(op, values, attributes or {}, path=path, location=place))
        except errors.UnsupportedError as problem:
            if str(problem).startswith("there is no operator"):
                raise MissingOperator from problem
            raise

    def tensor(self, value: Any) -> Any:
        """A number, a constant or a filled tensor as a value, a value as it is."""
        if isinstance(value, Filled):
            number = self.constant(np.full([1] * len(value.shape), value.number, np.float32))
            return self.node("Expand", [number], {"shape": [-1 if extent < 0 else extent for extent in value.shape]})
        if isinstance(value, Drawn):
            raise UnsupportedArgument("a random mask that is no factor of a product")
        if isinstance(value, torch.Tensor):
            whole = value.dtype in (torch.int64, torch.int32)
            return self.constant(value.detach().numpy() if whole else value.detach().float().numpy())
        return self.constant(np.asarray(value, np.float32)) if isinstance(value, bool | int | float) else value

    def constant(self, array: np.ndarray) -> Any:
        return self.graph.constant(np.asarray(array, order="C"))

    def filled(self, extent: int, number: float) -> Any:
        return self.constant(np.full(extent, number, np.float32))

    def scratch_buffer(self, extent: int) -> Any:
        """State that nobody sees, where the module keeps none."""
        return self.graph.buffer(f"~{self._current.name}.{len(self.result.tensors)}.{len(self.graph.buffers)}", [extent])

    def output_shape(self, index: int | None = None) -> list[int]:
        """Extents of the current node's result, or of one of its results; -k is k times the rows."""
        value = self._current.meta["val"]
        return self.extents((value if index is None else value[index]).shape)

    def output_dtype(self) -> torch.dtype:
        """Torch's dtype of the current node's result."""
        dtype: torch.dtype = self._current.meta["val"].dtype
        return dtype

    def output_count(self) -> int:
        """How many results the current node has."""
        return len(self._current.meta["val"])

    def numbers_of(self, value: Any) -> torch.Tensor | None:
        """The numbers of a constant, None when they are not known at capture."""
        return value if isinstance(value, torch.Tensor) else self._fixed.get(value)

    def is_mask(self, value: Any) -> bool:
        """Whether an argument of the current node is bool in torch, where the graph has float32."""
        nodes = [*self._current.args, *self._current.kwargs.values()]
        found = [
            n for n in nodes if isinstance(n, torch.fx.Node) and self._env.get(n) is value and isinstance(n.meta.get("val"), torch.Tensor)
        ]
        return any(n.meta["val"].dtype == torch.bool for n in found)

    def is_read(self, index: int) -> bool:
        """Whether anything reads that result of the current node."""
        return any(user.args[1] == index and user.users for user in self._current.users)

    def extents(self, shape: Any) -> list[int]:
        """The engine's extents for torch's."""
        extents = []
        for axis, extent in enumerate(shape):
            if isinstance(extent, int):
                is_rows = self.result.fixed_rows is not None and axis == 0 and extent == self.result.fixed_rows
                extents.append(-1 if is_rows else extent)
            else:
                extents.append(_multiple_of_rows(extent.node.expr))
        return extents

    def mark_random(self) -> None:
        """The forward draws random numbers."""
        self.result.is_random = True


def _multiple_of_rows(expression: Any) -> int:
    """-k for k times the batch, the number itself when it does not depend on the batch."""
    if expression.is_Integer:
        return int(expression)
    symbols = list(expression.free_symbols)
    multiple = expression / symbols[0] if len(symbols) == 1 else expression
    if not multiple.is_Integer:
        raise UnsupportedArgument(f"an extent of {expression}, which is no multiple of the batch")
    return -int(multiple)


__all__ = ["Builder", "MissingOperator", "Stored"]
