"""From a program that torch.export captured to a graph of the engine."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from n2d2 import errors
from n2d2._engine import engine
from pytorch_interoperability.handlers import HANDLERS
from pytorch_interoperability.handlers.registry import UnsupportedArgument

TORCH_FOLDER = os.path.dirname(torch.__file__)
IN_PLACE_VIEWS = ("aten.view.", "aten.reshape.", "aten.transpose.", "aten.permute.", "aten.slice.", "aten.select.", "aten.t.")


@dataclass
class Imported:
    """A graph and what it needs from the module."""

    graph: Any
    tensors: dict[str, torch.Tensor]
    """Parameters and buffers of the graph by name: the module's own objects."""
    counters: list[str] = field(default_factory=list)
    """Integer buffers that grow by one in each training forward."""
    is_random: bool = False
    fixed_rows: int | None = None
    least_rows: int = 1
    out_spec: Any = None
    initial: dict[str, float] = field(default_factory=dict)


def location_of(node: Any) -> tuple[str, str]:
    """Path of the module in the network, and the user's file and line."""
    stack = node.meta.get("nn_module_stack") or {}
    path = list(stack.values())[-1][0] if stack else ""
    place = ""
    for line in (node.meta.get("stack_trace") or "").splitlines():
        if line.strip().startswith('File "') and TORCH_FOLDER not in line:
            parts = line.strip().split('"')
            place = f"{os.path.basename(parts[1])}:{parts[2].split('line ')[1].split(',')[0]}"
    return path, place


class Importer:
    """Walks the captured program once. Handlers use `node`, `tensor`, `output_shape` and the other helpers here."""

    def __init__(self, program: Any, module: torch.nn.Module) -> None:
        self.program = program
        self.graph = engine.Graph()
        self.result = Imported(self.graph, {})
        self.target = ""
        self._module = module
        self._env: dict[Any, Any] = {}
        self._current: Any = None
        self._batch: Any = None
        self._names = {id(t): n for n, t in [*module.named_parameters(), *module.named_buffers()]}
        self.problems: list[str] = []

    @property
    def is_random(self) -> bool:
        return self.result.is_random

    @is_random.setter
    def is_random(self, value: bool) -> None:
        self.result.is_random = value

    def run(self) -> Imported:
        """The graph; raises one UnsupportedError that lists everything that has no counterpart."""
        signature = self.program.graph_signature
        parameters = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
        constants = {**signature.inputs_to_lifted_tensor_constants}
        for node in self.program.graph.nodes:
            self._current = node
            if node.op == "placeholder":
                self._placeholder(node, parameters, constants)
            elif node.op == "call_function":
                self._call(node)
            elif node.op == "output":
                self._outputs(node)
            else:
                self.problems.append(self._said(f"{node.op} {node.target}"))
        if self.problems:
            raise errors.UnsupportedError(_listed(self.problems))
        self.result.out_spec = self.program.call_spec.out_spec
        return self.result

    # What handlers use.

    def node(self, op: str, inputs: list[Any], attributes: dict[str, Any] | None = None) -> Any:
        """Adds an operator and returns its first output."""
        path, place = location_of(self._current)
        return self.graph.node(op, inputs, attributes or {}, path=path, location=place)[0]

    def tensor(self, value: Any) -> Any:
        """A number as a constant, a value as it is."""
        return self.graph.constant(np.asarray(value, np.float32)) if isinstance(value, int | float) else value

    def filled(self, extent: int, number: float) -> Any:
        return self.graph.constant(np.full(extent, number, np.float32))

    def scratch_buffer(self, extent: int) -> Any:
        """State that nobody sees, where the module keeps none."""
        return self.graph.buffer(f"~{self._current.name}.{len(self.result.tensors)}.{len(self.graph.buffers)}", [extent])

    def output_shape(self) -> list[int]:
        """Extents of the current node's result; -k is k times the rows."""
        return self._extents(self._current.meta["val"].shape)

    # The walk.

    def _placeholder(self, node: Any, parameters: dict[str, str], constants: dict[str, str]) -> None:
        value = node.meta.get("val")
        if node.name in parameters:
            self._env[node] = self._state(self.program.state_dict[parameters[node.name]], parameters[node.name])
        elif node.name in constants:
            self._env[node] = self.graph.constant(self.program.constants[constants[node.name]].detach().float().numpy())
        elif isinstance(value, torch.Tensor):
            if value.dtype != torch.float32:
                self.problems.append(f"an input of {value.dtype}; only float32 inputs are supported")
            self._find_batch(value)
            self._env[node] = self.graph.input(node.name, self._extents(value.shape))
        else:
            self._env[node] = value

    def _state(self, tensor: torch.Tensor, fallback: str) -> Any:
        name = self._names.get(id(tensor), fallback)
        if not tensor.is_floating_point():
            return _Counter(name)
        known = {v.name: v for v in [*self.graph.parameters, *self.graph.buffers]}
        if name in known:
            return known[name]
        order = memory_order(tensor)
        if order is None:
            self.problems.append(f"'{name}' is not dense in memory; call .contiguous() on it")
            order = []
        self.result.tensors[name] = tensor
        if isinstance(tensor, torch.nn.Parameter):
            return self.graph.parameter(name, list(tensor.shape), order, tensor.requires_grad)
        return self.graph.buffer(name, list(tensor.shape), order)

    def _find_batch(self, value: torch.Tensor) -> None:
        if self._batch is not None or value.dim() == 0:
            return
        rows = value.shape[0]
        self._batch = rows
        if isinstance(rows, int):
            self.result.fixed_rows = rows
        else:
            ranges = self.program.range_constraints.get(rows.node.expr)
            least = int(ranges.lower) if ranges is not None else 0
            self.result.least_rows = least if least > 2 else 1

    def _extents(self, shape: Any) -> list[int]:
        extents = []
        for axis, extent in enumerate(shape):
            if isinstance(extent, int):
                is_rows = self.result.fixed_rows is not None and axis == 0 and extent == self.result.fixed_rows
                extents.append(-1 if is_rows else extent)
            else:
                extents.append(_multiple_of_rows(extent.node.expr))
        return extents

    def _call(self, node: Any) -> None:
        self.target = str(node.target)
        if not self.target.startswith("aten."):
            follows = any(_is_missing(self._resolve(a)) for a in node.args)
            if not follows and isinstance(node.meta.get("val"), torch.Tensor | tuple | list):
                self.problems.append(self._said(self.target))
            return None
        if self.target.startswith(("aten.sym_size", "aten._assert")):
            return None
        arguments = [self._resolve(a) for a in node.args]
        if arguments and isinstance(arguments[0], _Counter):
            return self._count(node, arguments[0])
        handler = HANDLERS.get(self.target)
        if handler is None:
            self.problems.append(self._said(self.target.removeprefix("aten.")))
            return None
        if any(_is_missing(a) for a in arguments):
            return None  # follows from a problem that is listed already
        try:
            result = handler(self, *arguments, **{k: self._resolve(v) for k, v in node.kwargs.items()})
        except UnsupportedArgument as problem:
            self.problems.append(self._said(f"{self.target.removeprefix('aten.')} with {problem}"))
            return None
        except errors.N2D2Error as problem:
            self.problems.append(str(problem))
            return None
        self._env[node] = result
        if self.target.split(".")[1].endswith("_"):
            self._mutate(node.args[0], result)

    def _mutate(self, node: Any, result: Any) -> None:
        if str(node.target).startswith(IN_PLACE_VIEWS) and len(node.args[0].users) > 1:
            self.problems.append(self._said(f"{self.target.removeprefix('aten.')} on a view; use the form that is not in place"))
        self._env[node] = result

    def _count(self, node: Any, counter: _Counter) -> None:
        if self.target == "aten.add_.Tensor":
            self.result.counters.append(counter.name)
        else:
            self.problems.append(self._said(f"{self.target.removeprefix('aten.')} on the integer buffer '{counter.name}'"))

    def _outputs(self, node: Any) -> None:
        for output in node.args[0]:
            value = self._env.get(output)
            if isinstance(value, engine.Value):
                self.graph.output(value)
            elif not self.problems:
                self.problems.append(f"an output that is no tensor ({output!r})")

    def _resolve(self, argument: Any) -> Any:
        if isinstance(argument, torch.fx.Node):
            made = isinstance(argument.meta.get("val"), torch.Tensor | tuple | list)
            return self._env.get(argument, _MISSING if made else argument.meta.get("val"))
        if isinstance(argument, list | tuple):
            return [self._resolve(a) for a in argument]
        return argument

    def _said(self, what: str) -> str:
        path, place = location_of(self._current)
        where = ", ".join(part for part in (f"in '{path}'" if path else "", place) if part)
        return f"{what} ({where})" if where else what


@dataclass
class _Counter:
    name: str


_MISSING = object()


def _is_missing(argument: Any) -> bool:
    return argument is _MISSING or (isinstance(argument, list) and any(a is _MISSING for a in argument))


def _multiple_of_rows(expression: Any) -> int:
    """-k for k times the batch, the number itself when it does not depend on the batch."""
    if expression.is_Integer:
        return int(expression)
    symbols = list(expression.free_symbols)
    multiple = expression / symbols[0] if len(symbols) == 1 else expression
    if not multiple.is_Integer:
        raise UnsupportedArgument(f"an extent of {expression}, which is no multiple of the batch")
    return -int(multiple)


def memory_order(tensor: torch.Tensor) -> list[int] | None:
    """Axes from the slowest to the fastest, [] when row-major, None when the tensor has gaps."""
    if tensor.is_contiguous():
        return []
    order = sorted(range(tensor.dim()), key=tensor.stride, reverse=True)
    return order if tensor.permute(order).is_contiguous() else None


def _listed(problems: list[str]) -> str:
    counts = dict.fromkeys(problems, 0)
    for problem in problems:
        counts[problem] += 1
    lines = [f"  {text}" + (f" ({count} times)" if count > 1 else "") for text, count in counts.items()]
    return (
        "the network cannot run in n2d2 as it is; not supported:\n"
        + "\n".join(lines)
        + "\nReplace these parts, or wrap the sub-module without them and keep the rest in PyTorch."
    )


__all__ = ["Imported", "Importer", "memory_order"]
