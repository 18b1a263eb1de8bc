"""From a program that torch.export captured to a graph of the engine."""

from __future__ import annotations

from typing import Any

import torch

from n2d2 import errors
from n2d2._engine import engine
from pytorch_interoperability.builder import Builder, MissingOperator, Stored
from pytorch_interoperability.handlers import HANDLERS
from pytorch_interoperability.handlers.axes import Moved, back, front
from pytorch_interoperability.handlers.creation import Drawn, Filled
from pytorch_interoperability.handlers.moving import call_moved
from pytorch_interoperability.handlers.registry import UnsupportedArgument, flattened
from pytorch_interoperability.imported import Imported, Leaf, memory_order
from pytorch_interoperability.mutation import is_mutable, read_afterwards
from pytorch_interoperability.places import said

INPUT_TYPES = {torch.float32: "float32", torch.int64: "int64", torch.int32: "int32", torch.bool: "float32"}


class Importer(Builder):
    """Walks the captured program once, calling the handler of each operator."""

    def __init__(self, program: Any, module: torch.nn.Module) -> None:
        super().__init__()
        self.program = program
        self.problems: list[str] = []
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
        if "out" in options:
            self._refuse_write(options["out"])
        if self._can_fold(node, everything):
            fixed = [self._folded(a) for a in arguments]
            if mutates:
                fixed[0] = fixed[0].clone()
            self._set(node, node.target(*fixed, **{k: self._folded(v) for k, v in options.items()}), mutates)
            return
        handler = HANDLERS.get(self.target)
        if handler is None:
            self.problems.append(said(self._short(), node))
            return
        computes = handler.moves == "pointwise"
        arguments = [self._readable(a, computes) for a in arguments]
        options = {k: self._readable(v, computes) for k, v in options.items()}
        result = call_moved(self, handler, arguments, options)
        self._check_result(node.meta.get("val"), computes)
        self._set(node, result, mutates)

    def _set(self, node: Any, result: Any, mutates: bool) -> None:
        self._env[node] = result
        if mutates:
            if read_afterwards(node):
                raise UnsupportedArgument("another view of the same tensor read afterwards; use the form that is not in place")
            self._env[node.args[0]] = result

    def _check_result(self, value: Any, computes: bool) -> None:
        if not isinstance(value, torch.Tensor):
            return
        if (value.is_floating_point() and value.dtype != torch.float32) or (computes and value.dtype not in (torch.float32, torch.bool)):
            raise UnsupportedArgument(f"a result of {value.dtype}; compute in float32")
        if sum(extent < 0 for extent in self.extents(value.shape)) > 1:
            raise UnsupportedArgument(f"a result of shape {self.extents(value.shape)}, which grows with the square of the batch")

    def _take_item(self, node: Any) -> None:
        items = self._env.get(node.args[0], _MISSING)
        if items is _MISSING:
            return
        if items[node.args[1]] is None:
            if not node.users:
                return
            self.problems.append(said(f"result {node.args[1]} of {node.args[0].target}", node))
            return
        self._env[node] = items[node.args[1]]

    def _write(self, node: Any, arguments: list[Any]) -> None:
        stored = arguments[0]
        if self.target == "aten.add_.Tensor" and not stored.tensor.is_floating_point() and arguments[1] == 1:
            self.result.counters.append(stored.name)
            self._env[node] = stored
            return
        self._refuse_write(stored)

    def _refuse_write(self, target: Any) -> None:
        if not isinstance(target, Stored):
            raise UnsupportedArgument("out=; use the result")
        kind = "parameter" if target.is_parameter else "buffer"
        raise UnsupportedArgument(f"the {kind} '{target.name}' written in forward")

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

    def _readable(self, argument: Any, as_float: bool) -> Any:
        """Parameters and buffers as values; those that are no floats as constants. `as_float`: whole numbers, exact up to 2**24, too."""
        if isinstance(argument, list):
            return [self._readable(a, as_float) for a in argument]
        if isinstance(argument, engine.Value) and as_float and argument.dtype != "float32":
            return self.node("Cast", [argument], {"to": "float32"})
        if isinstance(argument, Stored) and not argument.tensor.is_floating_point():
            argument = self._folded(argument)
        if isinstance(argument, torch.Tensor):
            if not (as_float or argument.is_floating_point()):
                return argument
            value = self.tensor(argument.float())
            self._fixed[value] = argument
            return value
        if not isinstance(argument, Stored):
            return argument
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


__all__ = ["Importer"]
