"""What a Block runs on: captures of the module, the engine's network, and the bookkeeping of a backward pass."""

from __future__ import annotations

import threading
import weakref
from dataclasses import dataclass
from typing import Any

import torch
from torch.autograd import Variable

from n2d2 import errors
from n2d2._engine import engine
from n2d2.solver import SGD, Solver
from pytorch_interoperability.capture import capture, check_module
from pytorch_interoperability.function import PendingState, engine_updates, torch_updates
from pytorch_interoperability.imported import Imported
from pytorch_interoperability.inputs import Inputs, in_full_precision, is_empty_batch
from pytorch_interoperability.memory import Counters, Slots
from pytorch_interoperability.signature import Examples, Signature
from pytorch_interoperability.solver_state import SolverState
from pytorch_interoperability.watch import Watch, averages_all_batches

MODES = {True: "train", False: "evaluate"}
MOST_CAPTURES = 8
DISTRIBUTED = torch.distributed.is_available()


@dataclass(frozen=True, slots=True)
class Installed:
    """A capture that the engine holds for one mode."""

    imported: Imported
    watch: Watch
    inputs: Inputs
    counters: Counters | None
    is_single: bool
    """The result is the graph's one output as it is."""


class Runtime:
    """One module in the engine."""

    def __init__(
        self,
        module: torch.nn.Module,
        examples: Examples,
        update: str,
        solver: Solver | None,
        state: SolverState | None = None,
    ) -> None:
        self.lock = threading.RLock()
        """Held during a forward and during a backward: Python threads may share a Block."""
        self.module = module
        self.update_mode = update
        self.examples = examples
        self.signature = Signature(module, examples)
        self.solvers: dict[str, Solver] = {}
        self.network = engine.Network(max(1, examples.rows))
        self._captures: dict[tuple[Any, ...], Imported] = {}
        self._installed: dict[bool, Installed] = {}
        self._slots = Slots(module, self.network, [])
        self._retired: list[Any] = []
        self._task = -1
        self._has_gradients = False
        self._queued: weakref.ref[Any] | None = None
        self._state = state if state is not None else SolverState()
        self._solver = solver.copy() if solver is not None else SGD()
        with torch.inference_mode(False), torch.enable_grad():
            self.anchor = torch.zeros(1, requires_grad=True)
            self._anchor_node = torch.autograd.graph.get_gradient_edge(self.anchor).node
        if state is None:  # a copy captures when it first runs
            self._renew(module.training)

    # Captures.

    def capture_for(self, training: bool) -> Imported:
        """The capture of the module as it is now; made when it was not seen like this before."""
        return self._current(training).imported

    def _current(self, training: bool) -> Installed:
        installed = self._installed.get(training)
        if installed is None or not installed.watch.holds() or not self._slots.check():
            return self._renew(training)
        return installed

    def _renew(self, training: bool) -> Installed:
        if not self._slots.check() or not all(installed.watch.has_same_structure() for installed in self._installed.values()):
            self._forget_captures()
        watch = Watch(self.module)
        if watch.key not in self._captures:
            check_module(self.module)
            with torch.inference_mode(False), torch.autocast("cpu", enabled=False):
                captured = capture(self.module, self.examples)
            if len(self._captures) >= MOST_CAPTURES:  # a number that goes on changing
                del self._captures[next(iter(self._captures))]
            self._captures[watch.key] = captured
        return self._install(training, watch, self._captures[watch.key])

    def _forget_captures(self) -> None:
        """The module has other sub-modules or parameters now. Cells taken before, and pending forwards, still point to the old ones."""
        self._retired += self._slots.tensors()
        self._slots = Slots(self.module, self.network, [])
        self._captures.clear()
        self._installed.clear()

    def _install(self, training: bool, watch: Watch, imported: Imported) -> Installed:
        try:
            self.network.set_graph(MODES[training], imported.graph)
        except errors.ShapeError as cause:
            self._forget_captures()
            raise errors.StateError(f"the network was changed after wrap; wrap it again ({cause})") from cause
        counters = Counters([_place_of(self.module, name) for name in imported.counters]) if imported.counters else None
        watch.hold_constant(_place_of(self.module, name) for name in dict.fromkeys(imported.folded))
        inputs = Inputs(imported, type(self.module).__name__)
        installed = Installed(imported, watch, inputs, counters, imported.is_single)
        self._installed[training] = installed
        names = dict.fromkeys(name for i in self._installed.values() for name in i.imported.tensors)
        self._slots = Slots(self.module, self.network, names)
        for name, _, _ in self.network.parameters:
            if name not in self.solvers:
                self.set_solver([name], self._state.solver_of(name) or self._solver)
                self._state.restore(name, self.network.slots(name))
        self._slots.check()
        return installed

    def refresh(self) -> None:
        """Weights, or buffers whose numbers are in a capture, were written behind torch's back."""
        self.network.refresh()
        if any(installed.watch.has_constants for installed in self._installed.values()):
            self._forget_captures()

    def set_solver_of_all(self, solver: Solver) -> None:
        """All parameters are updated by this solver from now on, those that are not known yet too."""
        self._solver, self._state = solver, SolverState()
        self.set_solver([name for name, _, _ in self.network.parameters], solver)

    def set_solver(self, names: list[str], solver: Solver) -> None:
        """These parameters are updated by that solver from now on."""
        for name in names:
            self.network.set_solver(name, solver.to_native())
            self.solvers[name] = solver

    def solver_state(self) -> SolverState:
        """Copies of the solvers and of what they remember of each parameter."""
        return SolverState.of(self.network, self.solvers, self._state)

    # Forward.

    def call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The module's outputs for these inputs. What is looked at in every step costs some microseconds; see benchmarks/crossing.py."""
        with self.lock:
            return self._call(self.signature.tensors(args, kwargs), args, kwargs)

    def _call(self, xs: tuple[Any, ...], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        training = self.module.training
        installed = self._installed.get(training)
        if installed is None or not installed.watch.holds() or not self._slots.check():
            if training and not torch.is_grad_enabled() and averages_all_batches(self.module):
                return self.module(*args, **kwargs)  # swa_utils.update_bn, which wants the statistics alone
            installed = self._renew(training)
        if not installed.inputs.fit(xs):
            if is_empty_batch(xs):
                return self.module(*args, **kwargs)  # nothing to compute: torch's own behaviour
            if torch.is_autocast_enabled("cpu"):
                xs = in_full_precision(xs)
            xs = installed.inputs.accept(xs)
        if not training and self._slots.written():
            self.network.refresh()  # evaluation keeps copies of the weights in formats of its own
        if torch.is_grad_enabled() and (self._slots.trained or True in [x.requires_grad for x in xs]):
            outputs = self._apply(xs)
        else:
            outputs, _ = self.run(xs, keep=False, input_gradients=False)
        return outputs[0] if installed.is_single else installed.imported.result(outputs)

    def _apply(self, xs: tuple[torch.Tensor, ...]) -> Any:
        trained = self._slots.trained
        if self.update_mode == "torch":
            return torch_updates(self, len(xs), *xs, *trained)
        if DISTRIBUTED and torch.distributed.is_initialized():
            _refuse_distributed()
        if self._slots.replaced:
            _refuse_replaced(self._slots.replaced)
        return engine_updates(self, self.anchor if trained else None, *xs)

    def run(self, xs: tuple[torch.Tensor, ...], keep: bool, input_gradients: bool) -> tuple[Any, Any]:
        """Runs the engine's forward; the outputs, and the state that backward needs."""
        training = self.module.training
        installed = self._installed[training]
        outputs = installed.inputs.outputs()
        binding = self._slots.binding
        versions = binding.versions() if binding is not None and keep else []  # now: what the checks have read is still in the cache
        state = self.network.forward(
            [x.data_ptr() for x in xs],
            installed.inputs.rows,
            [o.data_ptr() for o in outputs],
            train=training,
            keep=keep,
            input_gradients=input_gradients,
            key=_random_key() if installed.imported.is_random else 0,
        )
        if installed.counters is not None:
            installed.counters.add_one()
        return outputs, PendingState(self.network, state, binding, versions) if keep else None

    # What a DeepNetCell asks.

    def prepare(self, training: bool) -> int:
        """Tells the engine where the weights lie now; see `n2d2.cells`. Returns the key of a training pass."""
        if not self._slots.check():
            self._forget_captures()
        if training not in self._installed:
            flags = [(module, module.training) for module in self.module.modules()]
            try:
                self.module.train(training)
                self._renew(training)
            finally:
                for module, flag in flags:
                    module.training = flag
        if training:
            return _random_key() if self._installed[True].imported.is_random else 0
        if self._slots.written():
            self.network.refresh()
        return 0

    def trained(self) -> set[str]:
        """Names of the parameters that get gradients."""
        self._slots.check()
        return set(self._slots.trainable)

    # Backward.

    def run_backward(
        self, state: PendingState, keep: bool, gys: Any, xs: tuple[torch.Tensor, ...], needs: tuple[bool, ...], weights: bool
    ) -> list[Any]:
        """Gradients of the inputs that need one; stores those of the weights. ``keep``: another backward of that state may follow."""
        state.binding.check(state.versions)
        if state.binding is not self._slots.binding:  # others were put in their place since
            state.binding.bind(self.network)
            self._slots.unbind()
        gys = [None if g is None else g.contiguous() for g in gys]
        outputs = [0 if g is None else g.data_ptr() for g in gys]
        gxs: list[Any] = [None] * len(xs)
        inputs = [0] * len(xs)
        if True in needs:
            gxs = [torch.empty_like(x) if need else None for x, need in zip(xs, needs, strict=True)]
            inputs = [0 if g is None else g.data_ptr() for g in gxs]
        accumulate = weights and self._has_gradients
        saved = [x.data_ptr() for x in xs]  # not where they were, if hooks on saved tensors (checkpoint, save_on_cpu) brought them back
        self.network.backward(state.take(keep), outputs, inputs, weights=weights, accumulate=accumulate, keep=keep, inputs=saved)
        self._has_gradients = self._has_gradients or weights
        return gxs

    def forget_gradients(self) -> None:
        """The next backward overwrites what is stored."""
        self._has_gradients = False

    def trains_in_this_pass(self) -> bool:
        """Whether this backward pass reaches the anchor, and so trains; gradients of an earlier pass are forgotten."""
        task = torch._C._current_graph_task_id()
        if task != self._task:
            if self._queued is not None and self._queued() is not None:
                raise errors.StateError(
                    "this backward pass runs inside, or beside, another that trains the same Block; "
                    'use torch.utils.checkpoint with use_reentrant=False, or wrap with update="torch"'
                )
            self._task = task
            self._queued = None
            self._has_gradients = False
        return torch._C._will_engine_execute_node(self._anchor_node)  # type: ignore[no-any-return]

    def queue_update(self) -> None:
        """Asks for one update at the end of this backward pass."""
        if self._queued is None:
            callback = self.update
            self._queued = weakref.ref(callback)  # torch drops it with the pass, however that ends
            Variable._execution_engine.queue_callback(callback)

    def gradients(self) -> list[torch.Tensor]:
        """The engine's gradients of the trained parameters, overwritten by the next backward."""
        return self._slots.gradients()

    def update(self) -> None:
        """Applies the stored gradients, and any that torch put on the parameters itself."""
        self._queued = None
        if not self._has_gradients:
            return
        self._has_gradients = False
        trained = self._slots.trained
        if not engine.same_attributes(trained, "grad", self._slots.no_gradients):
            for parameter, stored in zip(trained, self._slots.gradients(), strict=True):
                if parameter.grad is not None:
                    stored.add_(parameter.grad)
                    parameter.grad = None
        self.network.update()
        torch.autograd.graph.increment_version(trained)


def _place_of(module: torch.nn.Module, buffer: str) -> tuple[dict[str, Any], str]:
    path, _, last = buffer.rpartition(".")
    return module.get_submodule(path)._buffers, last


def _random_key() -> int:
    return int(torch.randint(2**62, ()).item())


def _refuse_distributed() -> None:
    if torch.distributed.get_world_size() > 1:
        raise errors.UnsupportedError(
            'training in several processes with update="n2d2" would let the replicas drift apart; wrap with update="torch"'
        )


def _refuse_replaced(name: str) -> None:
    raise errors.UnsupportedError(
        f'\'{name}\' is a tensor put in the parameter\'s place (functional_call), which update="n2d2" cannot train; wrap with update="torch"'
    )


__all__ = ["Runtime"]
