"""From a program that torch.export captured to a graph of the engine."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from n2d2 import errors
from n2d2._engine import engine
from pytorch_interoperability.handlers import HANDLERS
from pytorch_interoperability.handlers.axes import Moved, back, front
from pytorch_interoperability.handlers.creation import Drawn, Filled
from pytorch_interoperability.handlers.moving import call_moved
from pytorch_interoperability.handlers.registry import UnsupportedArgument, flattened
from pytorch_interoperability.imported import Imported, Leaf, memory_order
from pytorch_interoperability.mutation import is_mutable, read_afterwards
from pytorch_interoperability.places import location_of, said

INPUT_TYPES = {torch.float32: "float32", torch.int64: "int64", torch.int32: "int32", torch.bool: "float32"}


class MissingOperator(Exception):
    """The engine lacks the operator that a handler asks for."""


class Stored:
    """A parameter or buffer of the module; becomes a value of the graph, or a constant, when an operator reads it."""

    def __init__(self, name: str, tensor: torch.Tensor) -> None:
        self.name = name
        self.tensor = tensor
        self.is_parameter = isinstance(tensor, torch.nn.Parameter)


class Importer:
    """Walks the captured program once. Handlers use `node`, `tensor`, `output_shape` and the other helpers here."""

    def __init__(self, program: Any, module: torch.nn.Module) -> None:
        self.program = program
        self.graph = engine.Graph()
        self.result = Imported(self.graph, {})
        self.target = ""
        self.problems: list[str] = []
        self._env: dict[Any, Any] = {}
        self._current: Any = None
        self._names = {id(t): n for n, t in [*module.named_parameters(), *module.named_buffers()]}
        self._values: dict[str, Any] = {}

    def run(self) -> Imported:
        """The graph, as far as it is supported; `problems` lists the rest."""
        signature = self.program.graph_signature
        stored = {**signature.inputs_to_parameters, **signature.inputs_to_buffers}
        self._find_rows(set(signature.user_inputs))
        for node in self.program.graph.nodes:
            self._current = node
            if node.op == "placeholder":
                self._placeholder(node, stored, signature.inputs_to_lifted_tensor_constants)
            elif node.op == "call_function":
                self._call(node)
            elif node.op == "output":
                self._outputs(node)
        self.result.out_spec = self.program.call_spec.out_spec
        return self.result

    # What handlers use.

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
        return self.graph.constant(np.ascontiguousarray(array))

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

    # The walk.

    def _find_rows(self, names: set[str]) -> None:
        """The batch is the first axis of the first input that has a symbolic one; without any it is fixed."""
        inputs = [n.meta.get("val") for n in self.program.graph.nodes if n.op == "placeholder" and n.name in names]
        tensors = [x for x in inputs if isinstance(x, torch.Tensor)]
        for i, x in enumerate(tensors):
            if x.dim() > 0 and not isinstance(x.shape[0], int):
                ranges = self.program.range_constraints.get(x.shape[0].node.expr)
                least = int(ranges.lower) if ranges is not None else 0
                self.result.rows_input, self.result.least_rows = i, least if least > 2 else 1
                return
        for i, x in enumerate(tensors):
            if x.dim() > 0:
                self.result.rows_input, self.result.fixed_rows = i, int(x.shape[0])
                return

    def _placeholder(self, node: Any, stored: dict[str, str], constants: dict[str, str]) -> None:
        value = node.meta.get("val")
        if node.name in stored:
            tensor = self.program.state_dict.get(stored[node.name])
            if tensor is None:  # a buffer that is not saved
                tensor = self.program.constants[stored[node.name]]
            self._env[node] = Stored(self._names.get(id(tensor), stored[node.name]), tensor)
        elif node.name in constants:
            self._env[node] = self.program.constants[constants[node.name]].detach()
        elif isinstance(value, torch.Tensor):
            if value.dtype not in INPUT_TYPES:
                self.problems.append(f"the input '{node.name}' of {value.dtype}; give it as float32, int64, int32 or bool")
                return
            if value.dtype == torch.bool:
                self.result.masks.add(node.name)
            try:
                self._env[node] = self.graph.input(node.name, self.extents(value.shape), INPUT_TYPES[value.dtype])
            except UnsupportedArgument as problem:
                self.problems.append(f"the input '{node.name}' with {problem}")
        else:
            self._env[node] = value

    def _call(self, node: Any) -> None:
        self.target = str(node.target)
        known = len(self.problems)
        try:
            if self.target == "<built-in function getitem>":
                self._take_item(node)
            elif self.target.startswith("aten."):
                if not self.target.startswith(("aten.sym_size", "aten._assert")):
                    self._operator(node)
            elif self.target == "wrap_with_set_grad_enabled":
                self._inline(node)
            elif isinstance(node.meta.get("val"), torch.Tensor | tuple | list):
                self.problems.append(said(self.target, node))
        except MissingOperator:
            self.problems.append(said(self._short(), node))
        except UnsupportedArgument as problem:
            self.problems.append(said(f"{self._short()} with {problem}", node))
        except errors.N2D2Error as problem:
            self.problems.append(str(problem))
        if len(self.problems) > known:
            self._stand_in(node)

    def _inline(self, node: Any) -> None:
        """A part that ran under no_grad or enable_grad: its nodes one by one, gradients stopped at its results."""
        enabled, part, *arguments = node.args
        graph = getattr(self.program.graph_module, part.target).graph
        for inner, outer in zip([n for n in graph.nodes if n.op == "placeholder"], arguments, strict=True):
            self._env[inner] = self._resolve(outer)
        for inner in graph.nodes:
            self._current = inner
            if inner.op == "call_function":
                self._call(inner)
        self._current, self.target = node, str(node.target)
        results = [self._resolve(n) for n in next(n for n in graph.nodes if n.op == "output").args[0]]
        self._env[node] = results if enabled else [self._stopped(value) for value in results]

    def _stopped(self, value: Any) -> Any:
        if isinstance(value, Moved):
            return Moved(self._stopped(value.value), value.groups)
        is_float = isinstance(value, engine.Value) and value.dtype == "float32"
        return self.node("StopGradient", [value]) if is_float else value

    def _stand_in(self, node: Any) -> None:
        """Goes on behind a problem with values of the right shape, to find those that come after it."""
        value = node.meta.get("val")
        if isinstance(value, tuple | list):
            self._env[node] = [self._like(v, f"~{node.name}.{i}") for i, v in enumerate(value)]
        elif isinstance(value, torch.Tensor):
            self._env[node] = self._like(value, f"~{node.name}")

    def _like(self, value: Any, name: str) -> Any:
        if not isinstance(value, torch.Tensor):
            return value
        try:
            extents = self.extents(value.shape)
        except UnsupportedArgument:
            return _MISSING
        batch = next((axis for axis, extent in enumerate(extents) if extent < 0), 0)
        order = [batch, *[axis for axis in range(len(extents)) if axis != batch]] if extents else []
        made = self.graph.input(name, [extents[axis] for axis in order], INPUT_TYPES.get(value.dtype, "float32"))
        return back(self, made, order) if batch else made

    def _short(self) -> str:
        return self.target.removeprefix("aten.").removesuffix(".default")

    def _operator(self, node: Any) -> None:
        arguments = [self._resolve(a) for a in node.args]
        options = {k: self._resolve(v) for k, v in node.kwargs.items()}
        everything = [*flattened(arguments), *flattened(options.values())]
        if any(a is _MISSING for a in everything):
            return  # follows from a problem that is listed already
        mutates = is_mutable(node)
        if mutates and isinstance(arguments[0], Stored):
            self._write(node, arguments)
            return
        if not mutates and self._can_fold(node, everything):
            self._env[node] = node.target(*[self._folded(a) for a in arguments], **{k: self._folded(v) for k, v in options.items()})
            return
        handler = HANDLERS.get(self.target)
        if handler is None:
            self.problems.append(said(self._short(), node))
            return
        value = node.meta.get("val")
        if isinstance(value, torch.Tensor) and value.is_floating_point() and value.dtype != torch.float32:
            raise UnsupportedArgument(f"a result of {value.dtype}; compute in float32")
        arguments = [self._readable(a) for a in arguments]
        options = {k: self._readable(v) for k, v in options.items()}
        self._env[node] = call_moved(self, handler, arguments, options)
        if mutates:
            if read_afterwards(node):
                raise UnsupportedArgument("another view of the same tensor read afterwards; use the form that is not in place")
            self._env[node.args[0]] = self._env[node]

    def _take_item(self, node: Any) -> None:
        items = self._env.get(node.args[0], _MISSING)
        if items is _MISSING:
            return
        if items[node.args[1]] is None:
            self.problems.append(said(f"result {node.args[1]} of {node.args[0].target}", node))
            return
        self._env[node] = items[node.args[1]]

    def _write(self, node: Any, arguments: list[Any]) -> None:
        stored = arguments[0]
        if self.target == "aten.add_.Tensor" and not stored.tensor.is_floating_point() and arguments[1] == 1:
            self.result.counters.append(stored.name)
            self._env[node] = stored
            return
        kind = "parameter" if stored.is_parameter else "buffer"
        raise UnsupportedArgument(f"the {kind} '{stored.name}' written in forward")

    def _can_fold(self, node: Any, everything: list[Any]) -> bool:
        """Whether the result is the same numbers in every step: nothing but constants and buffers flows in, nothing is drawn."""
        if torch.Tag.nondeterministic_seeded in node.target.tags:
            return False
        tensors = [a for a in everything if isinstance(a, Stored | Filled | Drawn | Moved | engine.Value)]
        if any(not isinstance(a, Stored) or a.is_parameter for a in tensors):
            return False
        return not any(isinstance(a, torch.SymInt | torch.SymFloat | torch.SymBool) for a in everything)

    def _folded(self, argument: Any) -> Any:
        if isinstance(argument, list):
            return [self._folded(a) for a in argument]
        if isinstance(argument, Stored):
            self.result.folded.append(argument.name)
            return argument.tensor.detach()
        return argument

    def _readable(self, argument: Any) -> Any:
        """Parameters and buffers as values; those that are no floats as constants."""
        if isinstance(argument, list):
            return [self._readable(a) for a in argument]
        if isinstance(argument, torch.Tensor):
            return self.tensor(argument) if argument.is_floating_point() else argument
        if not isinstance(argument, Stored):
            return argument
        if not argument.tensor.is_floating_point():
            return self._folded(argument)
        if argument.name not in self._values:
            self._values[argument.name] = self._stored_value(argument)
        return self._values[argument.name]

    def _stored_value(self, stored: Stored) -> Any:
        tensor, name = stored.tensor, stored.name
        order = memory_order(tensor)
        if order is None:
            self.problems.append(f"'{name}' is not dense in memory; call .contiguous() on it")
            order = []
        self.result.tensors[name] = tensor
        if stored.is_parameter:
            return self.graph.parameter(name, list(tensor.shape), order, tensor.requires_grad)
        return self.graph.buffer(name, list(tensor.shape), order)

    def _outputs(self, node: Any) -> None:
        count = 0
        for output in node.args[0]:
            value = self._resolve(output)
            order = None
            if isinstance(value, Moved):
                order, value = _torch_order(self, value)
            if isinstance(value, engine.Value) and output.meta["val"].dtype != torch.float32:
                self.problems.append(f"an output of {output.meta['val'].dtype} ({output}); only float32 outputs are supported")
            elif isinstance(value, engine.Value):
                self.graph.output(value)
                self.result.leaves.append(Leaf(count, order))
                count += 1
            elif isinstance(value, Stored | Filled | Drawn | torch.SymInt):
                self.problems.append(f"an output that the input does not lead to ({output})")
            elif value is not _MISSING:
                self.result.leaves.append(Leaf(fixed=value))
        if not self.problems and count == 0:
            self.problems.append("no output that is a tensor computed from the input")

    def _resolve(self, argument: Any) -> Any:
        if isinstance(argument, torch.fx.Node):
            made = isinstance(argument.meta.get("val"), torch.Tensor | tuple | list)
            return self._env.get(argument, _MISSING if made else argument.meta.get("val"))
        if isinstance(argument, list | tuple):
            return [self._resolve(a) for a in argument]
        return argument


_MISSING = object()


def _is_missing(argument: Any) -> bool:
    return any(a is _MISSING for a in flattened([argument]))


def _torch_order(g: Importer, moved: Moved) -> tuple[list[int] | None, Any]:
    """The permutation that puts a value with the batch in front into torch's order, and that value."""
    value, order = front(g, moved)
    return [order.index(axis) for axis in range(len(order))], value


def _multiple_of_rows(expression: Any) -> int:
    """-k for k times the batch, the number itself when it does not depend on the batch."""
    if expression.is_Integer:
        return int(expression)
    symbols = list(expression.free_symbols)
    multiple = expression / symbols[0] if len(symbols) == 1 else expression
    if not multiple.is_Integer:
        raise UnsupportedArgument(f"an extent of {expression}, which is no multiple of the batch")
    return -int(multiple)


__all__ = ["Importer"]
