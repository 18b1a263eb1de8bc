"""Checks one operator: output, inferred shape and gradients against float64 PyTorch, for several batch sizes, lanes and memory orders.

A test file lists cases as data. The reference is a PyTorch expression in float64, differentiated by torch.autograd: nothing of it is ours.

Tolerance: max|a-b| / max|b| at most 4 times the error of the same expression in float32 plus 4e-6; float32 has 1.2e-7 per operation and
sums of a few thousand terms reach 1e-6.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from n2d2._engine import engine

Array = np.ndarray


@dataclass
class Case:
    """One configuration of an operator.

    `inputs`: shapes. Those whose first extent is "N" depend on the batch and are inputs of the graph, others are parameters; a
    ready array stands for itself. `reference`: PyTorch function of the inputs, in their order.
    """

    inputs: list[Any]
    reference: Callable[..., torch.Tensor]
    attributes: dict[str, Any] = field(default_factory=dict)
    orders: dict[int, list[int]] = field(default_factory=dict)
    rows: tuple[int, ...] = (1, 5)
    differentiable: tuple[int, ...] | None = None
    draw: Callable[[np.random.Generator, tuple[int, ...]], Array] | None = None


def _values(case: Case, rows: int, rng: np.random.Generator) -> list[Array]:
    draw = case.draw or (lambda g, shape: g.standard_normal(shape))
    values = []
    for given in case.inputs:
        if isinstance(given, np.ndarray):
            values.append(given)
        elif callable(given):
            values.append(given(rng, rows))
        else:
            values.append(np.asarray(draw(rng, tuple(rows if d == "N" else d for d in given)), np.float32))
    return values


def _is_batched(given: Any) -> bool:
    return callable(given) or (not isinstance(given, np.ndarray) and "N" in given)


def distance(a: Array, b: Array) -> float:
    """max|a-b| / max|b|, where both are NaN counts as equal."""
    assert a.shape == b.shape, (a.shape, b.shape)
    same = (np.isnan(a) & np.isnan(b)) | (a == b)
    if same.all():
        return 0.0
    gap = np.abs(a[~same] - b[~same])
    return float(np.where(np.isnan(gap), np.inf, gap).max() / max(np.abs(b[np.isfinite(b)]).max(initial=0.0), 1e-6))


def _torch(case: Case, values: list[Array], dy: Array | None, wanted: list[int], dtype: torch.dtype) -> tuple[Array, list[Array]]:
    tensors = [torch.from_numpy(v).to(dtype) if v.dtype == np.float32 else torch.from_numpy(v) for v in values]
    for i in wanted:
        tensors[i].requires_grad_()
    out = case.reference(*tensors)
    if dy is None:
        return out.detach().numpy(), []
    gradients = torch.autograd.grad(out, [tensors[i] for i in wanted], torch.from_numpy(dy).to(dtype), allow_unused=True)
    return out.detach().numpy(), [np.zeros(values[i].shape) if g is None else g.numpy() for i, g in zip(wanted, gradients, strict=True)]


class Built:
    """The operator alone in a network."""

    def __init__(self, op: Any, case: Case, values: list[Array], lanes: int, capacity: int) -> None:
        self.graph = engine.Graph()
        self.names: dict[int, str] = {}
        self.input_positions: list[int] = []
        nodes = []
        for i, (given, value) in enumerate(zip(case.inputs, values, strict=True)):
            if _is_batched(given):
                self.input_positions.append(i)
                nodes.append(self.graph.input(f"x{i}", [-1, *value.shape[1:]], value.dtype.name))
            else:
                self.names[i] = f"p{i}"
                nodes.append(self.graph.parameter(f"p{i}", list(value.shape), case.orders.get(i, [])))
        self.output = op(self.graph, *nodes) if callable(op) else self.graph.node(op, nodes, case.attributes)[0]
        self.graph.output(self.output)
        self.network = engine.Network(capacity, lanes)
        self.network.set_graph("train", self.graph)
        for i, name in self.names.items():
            self.network.memory(name)[:] = self._stored(case, i, values[i]).ravel()

    @staticmethod
    def _stored(case: Case, i: int, value: Array) -> Array:
        return value.transpose(case.orders[i]) if i in case.orders else value

    def run(self, case: Case, values: list[Array], make_dy: Callable[[Array], Array]) -> tuple[Array, Array, dict[int, Array]]:
        """Output, output gradient used, and the gradient of every float input."""
        rows = values[self.input_positions[0]].shape[0]
        shape = [-d * rows if d < 0 else d for d in self.output.shape]
        out = np.full(shape, np.nan, np.float32)
        xs = [np.ascontiguousarray(values[i]) for i in self.input_positions]
        state = self.network.forward(
            [x.ctypes.data for x in xs], rows, [out.ctypes.data], train=True, keep=True, input_gradients=True, key=1
        )
        dy = make_dy(out)
        gradients = {i: np.full(values[i].shape, np.nan, np.float32) for i in self.input_positions if values[i].dtype == np.float32}
        addresses = [gradients[i].ctypes.data if i in gradients else 0 for i in self.input_positions]
        self.network.backward(state, [dy.ctypes.data], addresses)
        for i, name in self.names.items():
            stored = self.network.gradient(name)
            order = case.orders.get(i)
            if order is None:
                gradients[i] = stored.reshape(values[i].shape).copy()
            else:
                gradients[i] = stored.reshape([values[i].shape[a] for a in order]).transpose(np.argsort(order)).copy()
        return out, dy, gradients


def check(op: Any, case: Case, seed: int = 0) -> None:
    """Runs the case for each of its batch sizes, with one lane and with three. `op` is a name, or builds a chain on (graph, *values)."""
    for rows in case.rows:
        for lanes in (1, 3):
            rng = np.random.default_rng(seed + rows)
            values = _values(case, rows, rng)
            built = Built(op, case, values, lanes, capacity=max(case.rows) + 2)
            out, dy, gradients = built.run(case, values, lambda y: rng.standard_normal(y.shape).astype(np.float32))
            wanted = [i for i in gradients if case.differentiable is None or i in case.differentiable]
            exact, exact_gradients = _torch(case, values, dy, wanted, torch.float64)
            single, single_gradients = _torch(case, values, dy, wanted, torch.float32)
            where = f"{op}, {rows} rows, {lanes} lanes"
            _compare(out, exact, single, f"{where}: output")
            for i, e, s in zip(wanted, exact_gradients, single_gradients, strict=True):
                _compare(gradients[i], e, s, f"{where}: gradient of input {i}")


def _compare(ours: Array, exact: Array, single: Array, name: str) -> None:
    allowed = 4 * distance(single.astype(np.float64), exact) + 4e-6
    found = distance(ours.astype(np.float64), exact)
    assert found <= allowed, f"{name}: {found:.2e} off, allowed {allowed:.2e}"
