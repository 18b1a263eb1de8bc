"""What a Block runs on: captures of the module, the engine's network, and the bookkeeping of a backward pass."""

from __future__ import annotations

import weakref
from typing import Any

import torch
from torch.autograd import Variable
from torch.utils import _pytree as pytree

from n2d2 import errors
from n2d2._engine import engine
from n2d2.solver import SGD, Solver
from pytorch_interoperability.capture import capture, check_module
from pytorch_interoperability.function import EngineUpdates, PendingState, TorchUpdates
from pytorch_interoperability.importer import Imported
from pytorch_interoperability.memory import Slots

MODES = {True: "train", False: "evaluate"}


class Runtime:
    """One module in the engine."""

    def __init__(self, module: torch.nn.Module, examples: tuple[torch.Tensor, ...], update: str, solver: Solver | None) -> None:
        check_module(module)
        self.module = module
        self.update_mode = update
        self.examples = examples
        self.solvers: dict[str, Solver] = {}
        self.network = engine.Network(max(1, examples[0].shape[0] if examples[0].dim() else 1))
        self._flagged = list(module.modules())
        self._captures: dict[tuple[Any, ...], Imported] = {}
        self._installed: dict[bool, Imported] = {}
        self._signature: dict[bool, tuple[Any, ...]] = {}
        self._slots: Slots | None = None
        self._trainable: list[str] = []
        self._versions: list[int] = []
        self._task = -1
        self._has_gradients = False
        self._armed = False
        self.anchor: torch.Tensor | None = None
        self.anchor_gradient = torch.zeros(1)
        self._solver = solver.copy() if solver is not None else SGD()
        self.capture_for(module.training)
        self._make_anchor()

    # Captures.

    def _flags(self) -> tuple[Any, ...]:
        return tuple([m.training for m in self._flagged])

    def _settings(self) -> tuple[Any, ...]:
        return tuple((getattr(m, "p", None), getattr(m, "momentum", None)) for m in self._flagged)

    def capture_for(self, training: bool) -> Imported:
        """The capture of the module's present flags; made when these flags were not seen before."""
        flags = self._flags()
        if self._signature.get(training) == flags:
            return self._installed[training]
        key = (flags, self._settings())
        if key not in self._captures:
            self._captures[key] = capture(self.module, self.examples)
        self._install(training, flags, self._captures[key])
        return self._installed[training]

    def _install(self, training: bool, flags: tuple[Any, ...], imported: Imported) -> None:
        self.network.set_graph(MODES[training], imported.graph)
        self._installed[training] = imported
        self._signature[training] = flags
        names = [entry[0] for entry in [*self.network.parameters, *self.network.buffers] if not entry[0].startswith("~")]
        self._slots = Slots(self.module, self.network, names)
        for name, _, _ in self.network.parameters:
            if name not in self.solvers:
                self.set_solver([name], self._solver)
        self._trainable = []
        self._slots.check()

    def set_solver(self, names: list[str], solver: Solver) -> None:
        """These parameters are updated by that solver from now on."""
        for name in names:
            self.network.set_solver(name, solver.to_native())
            self.solvers[name] = solver

    # Forward.

    def call(self, xs: tuple[torch.Tensor, ...]) -> Any:
        """The module's outputs for these inputs."""
        imported = self.capture_for(self.module.training)
        self._check_inputs(imported, xs)
        assert self._slots is not None
        self._slots.check()
        if not self.module.training:
            self._see_writes()
        trains = self._refresh_trainable()
        if torch.is_grad_enabled() and (trains or any(x.requires_grad for x in xs)):
            self._refuse_distributed()
            outputs = self._apply(xs)
        else:
            outputs = self.run(imported, xs, keep=False, input_gradients=False)[0]
        if self.module.training:
            self._count(imported)
        return pytree.tree_unflatten(list(outputs), imported.out_spec)

    def _see_writes(self) -> None:
        """Evaluation keeps copies of the weights in formats of its own: made anew after torch wrote one or the mode changed."""
        assert self._slots is not None
        versions = [tensor._version for tensor in self._slots.tensors()]
        if versions != self._versions:
            self._versions = versions
            self.network.refresh()

    def _apply(self, xs: tuple[torch.Tensor, ...]) -> Any:
        if self.update_mode == "n2d2":
            anchor = self.anchor if self._trainable else None
            return EngineUpdates.apply(self, anchor, *xs)
        parameters = [self._parameter(name) for name in self._trainable]
        return TorchUpdates.apply(self, len(xs), *xs, *parameters)

    # What a DeepNetCell asks.

    def prepare(self, training: bool) -> int:
        """Tells the engine where the weights lie now; see `n2d2.cells`. Returns the key of a training pass."""
        if training not in self._installed:
            flags = self._flags()
            try:
                self.module.train(training)
                self.capture_for(training)
            finally:
                for module, flag in zip(self._flagged, flags, strict=True):
                    module.training = flag
        assert self._slots is not None
        self._slots.check()
        self._refresh_trainable()
        if training:
            return int(torch.randint(2**62, ()).item()) if self._installed[True].is_random else 0
        self.network.refresh()  # weights may have been written in place
        return 0

    def trained(self) -> set[str]:
        """Names of the parameters that get gradients."""
        self._refresh_trainable()
        return set(self._trainable)

    def _parameter(self, name: str) -> torch.Tensor:
        return self.module.get_parameter(name)

    def run_forward(self, xs: tuple[torch.Tensor, ...], input_gradients: bool) -> tuple[Any, PendingState]:
        """Outputs, and the state that backward needs."""
        return self.run(self._installed[self.module.training], xs, keep=True, input_gradients=input_gradients)

    def run(self, imported: Imported, xs: tuple[torch.Tensor, ...], keep: bool, input_gradients: bool) -> tuple[Any, Any]:
        """Runs the engine's forward."""
        rows = xs[0].shape[0]
        xs = tuple([x if x.is_contiguous() else x.contiguous() for x in xs])
        outputs = tuple([torch.empty([-d * rows if d < 0 else d for d in value.shape]) for value in imported.graph.outputs])
        key = int(torch.randint(2**62, ()).item()) if imported.is_random else 0
        state = self.network.forward(
            [x.data_ptr() for x in xs],
            rows,
            [o.data_ptr() for o in outputs],
            train=self.module.training,
            keep=keep,
            input_gradients=input_gradients,
            key=key,
        )
        return outputs, PendingState(self.network, state) if keep else None

    def _count(self, imported: Imported) -> None:
        for name in imported.counters:
            self.module.get_buffer(name).add_(1)

    def _check_inputs(self, imported: Imported, xs: tuple[torch.Tensor, ...]) -> None:
        inputs = imported.graph.inputs
        name = type(self.module).__name__
        if len(xs) != len(inputs):
            raise errors.ValueError(f"{name}: expected {len(inputs)} inputs, got {len(xs)}")
        for x, value in zip(xs, inputs, strict=True):
            if not isinstance(x, torch.Tensor):
                raise errors.TypeError(f"{name}: input '{value.name}' is a {type(x).__name__}, expected a torch.Tensor")
            if x.dtype != torch.float32 or x.device.type != "cpu":
                raise errors.TypeError(f"{name}: input '{value.name}' is {x.dtype} on {x.device}, expected torch.float32 on the CPU")
            expected = value.shape
            if x.dim() != len(expected) or any(e >= 0 and e != d for e, d in zip(expected, x.shape, strict=True)):
                wanted = ", ".join("N" if e < 0 else str(e) for e in expected)
                first = _first_reader(imported.graph, value)
                raise errors.ShapeError(f"{name}: input '{value.name}' (read by {first}) has shape {list(x.shape)}, expected [{wanted}]")
        rows = xs[0].shape[0]
        if imported.fixed_rows is not None and rows != imported.fixed_rows:
            raise errors.ShapeError(f"{name}: its forward fixes the batch to {imported.fixed_rows} rows, got {rows}; wrap it for that size")
        if rows < imported.least_rows:
            raise errors.ShapeError(f"{name}: its forward takes another path below {imported.least_rows} rows, got {rows}")

    # Backward.

    def run_backward(self, state: int, gys: list[Any], xs: tuple[torch.Tensor, ...], needs: tuple[bool, ...], weights: bool) -> list[Any]:
        """Gradients of the inputs that need one; stores those of the weights."""
        gxs = [torch.empty(x.shape) if need else None for x, need in zip(xs, needs, strict=True)]
        outputs = [0 if g is None else g.data_ptr() for g in gys]
        inputs = [0 if g is None else g.data_ptr() for g in gxs]
        self.network.backward(state, outputs, inputs, weights=weights, accumulate=weights and self._has_gradients)
        self._has_gradients = self._has_gradients or weights
        return gxs

    def forget_gradients(self) -> None:
        """The next backward overwrites what is stored."""
        self._has_gradients = False

    def trains_in_this_pass(self) -> bool:
        """Whether this backward pass reaches the anchor, and so trains; gradients of an earlier pass are forgotten."""
        task = _task_id()
        if task != self._task:
            self._task = task
            self._armed = False
            self.forget_gradients()
        return _will_run(self._anchor_node)

    def parameter_gradients(self) -> list[torch.Tensor]:
        """The stored gradients in torch's shapes."""
        gradients = []
        for name in self._trainable:
            parameter = self._parameter(name)
            stored = torch.from_numpy(self.network.gradient(name))
            gradients.append(torch.as_strided(stored, parameter.shape, parameter.stride()).clone())
        return gradients

    # The update.

    def _refresh_trainable(self) -> bool:
        names = [name for name, _, _ in self.network.parameters if self._parameter(name).requires_grad]
        if names != self._trainable:
            self.network.set_trainable(names)
            self._trainable = names
        return bool(names)

    def _make_anchor(self) -> None:
        self.anchor = torch.zeros(1, requires_grad=True)
        self._anchor_node = torch.autograd.graph.get_gradient_edge(self.anchor).node
        me = weakref.ref(self)

        def reached(anchor: torch.Tensor) -> None:
            anchor.grad = None
            runtime = me()
            if runtime is not None and not runtime._armed:
                runtime._armed = True
                _at_end_of_backward(runtime.update)

        self.anchor.register_post_accumulate_grad_hook(reached)

    def update(self) -> None:
        """Applies the stored gradients, and any that torch put on the parameters itself."""
        self._armed = False
        if not self._has_gradients:
            return
        self._has_gradients = False
        parameters = []
        for name in self._trainable:
            parameter = self._parameter(name)
            parameters.append(parameter)
            if parameter.grad is not None:
                stored = torch.from_numpy(self.network.gradient(name))
                torch.as_strided(stored, parameter.shape, parameter.stride()).add_(parameter.grad)
                parameter.grad = None
        self.network.update()
        torch.autograd.graph.increment_version(parameters)

    def _refuse_distributed(self) -> None:
        if self.update_mode == "n2d2" and torch.distributed.is_available() and torch.distributed.is_initialized():
            if torch.distributed.get_world_size() > 1:
                raise errors.UnsupportedError(
                    'training in several processes with update="n2d2" would let the replicas drift apart; wrap with update="torch"'
                )


def _first_reader(graph: Any, value: Any) -> str:
    for node in graph.nodes:
        if any(v is not None and v == value for v in node.inputs):
            return f"{node.op} '{node.path or node.name}'"
    return "nothing"


def _task_id() -> int:
    return int(torch._C._current_graph_task_id())


def _will_run(node: Any) -> bool:
    return bool(torch._C._will_engine_execute_node(node))


def _at_end_of_backward(call: Any) -> None:
    Variable._execution_engine.queue_callback(call)


__all__ = ["Runtime"]
