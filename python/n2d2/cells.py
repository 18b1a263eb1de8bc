"""A trained network to look into: `DeepNetCell` and its cells."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from n2d2 import errors
from n2d2._cell_names import LAYOUT_OPERATORS, describe_cells, macs_of
from n2d2._host import Engine, Host
from n2d2._losses import checked_targets
from n2d2._summary import table_of
from n2d2.loss import Loss
from n2d2.solver import Solver, copy_of

Array = npt.NDArray[Any]
_FLOAT32, _INT64 = np.dtype(np.float32), np.dtype(np.int64)


class Cell:
    """One operator of a network, with the parameters it reads."""

    def __init__(self, owner: DeepNetCell, node: Any, name: str, inputs: list[str]) -> None:
        self._owner = owner
        self._node = node
        self.name = name
        """Unique in its network: the layer's name or the module's path."""
        self.inputs = inputs
        """Names of the cells (or inputs) this one reads."""

    @property
    def type(self) -> str:
        """ONNX name of the operator."""
        return str(self._node.op)

    @property
    def attributes(self) -> dict[str, Any]:
        """ONNX attributes."""
        return dict(self._node.attributes)

    @property
    def output_shape(self) -> list[int]:
        """Extents of the output; -1 is the batch."""
        return list(self._node.outputs[0].shape)

    @property
    def parameters(self) -> list[str]:
        """Names of the trained parameters this cell reads."""
        return [value.name for value in self._node.inputs if value is not None and value.kind == "parameter"]

    @property
    def buffers(self) -> list[str]:
        """Names of the running statistics this cell keeps."""
        return [value.name for value in self._node.inputs if value is not None and value.kind == "buffer"]

    @property
    def is_layout(self) -> bool:
        """Whether this cell only renames or moves axes."""
        return self.type in LAYOUT_OPERATORS

    @property
    def nb_parameters(self) -> int:
        """Number of trained weights."""
        return sum(math.prod(self._owner.shape_of(name)) for name in self.parameters)

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one row of the batch."""
        return macs_of(self._node)

    def get_weights(self) -> dict[str, Array]:
        """Copies of the parameters, by name, in their logical shape ([out, in, height, width] for Conv)."""
        return {name: self._owner.get_parameter(name) for name in self.parameters}

    def set_weights(self, weights: dict[str, Array]) -> None:
        """Writes parameters, given by name in their logical shape; nothing is written when one does not fit."""
        unknown = sorted(set(weights) - set(self.parameters))
        if unknown:
            raise errors.ValueError(f"{self.name}: no parameter {unknown[0]!r}; there are {', '.join(self.parameters) or 'none'}")
        self._owner.set_parameters(weights)

    def set_solver(self, solver: Solver) -> None:
        """This cell's parameters are updated by a copy of the solver from now on."""
        self._owner.set_parameter_solver(self.parameters, copy_of(solver))

    @property
    def is_trained(self) -> bool:
        """Whether any parameter of this cell gets gradients."""
        return not self._owner.trained_parameters().isdisjoint(self.parameters)

    @property
    def solver(self) -> Solver | None:
        """The solver of this cell's parameters."""
        names = self.parameters
        return self._owner.solvers.get(names[0]) if names else None

    def __repr__(self) -> str:
        return f"<{self.type} cell '{self.name}', output {self.output_shape}>"


class DeepNetCell:
    """A network as a list of cells, sharing its weights with the model it was made from.

    Args:
        name: shown in the summary.
        network: the engine's network.
        graph: its evaluation graph.
        solvers: solver of every parameter, by name; kept up to date by this object.
        hidden: operators that are not listed (``for_export`` lists no layout cells).
        host: the wrapped model, when the weights lie in its memory.

    Example:
        >>> for cell in deepnet: print(cell.name, cell.type)      # doctest: +SKIP
        >>> deepnet["conv1"].get_weights()                        # doctest: +SKIP
    """

    def __init__(
        self,
        name: str,
        network: Any,
        graph: Any,
        solvers: dict[str, Solver] | None = None,
        hidden: tuple[str, ...] = (),
        host: Host | None = None,
    ) -> None:
        self.name = name
        self.network = network
        self.graph = graph
        self.solvers: dict[str, Solver] = {} if solvers is None else solvers
        self.learning = False
        self._host: Host = Engine(network, graph) if host is None else host
        self._cells = [Cell(self, *described) for described in describe_cells(graph, hidden)]
        self._by_name = {cell.name: cell for cell in self._cells}
        self._extents = tuple(graph.inputs[0].shape[1:])
        self._layout = {entry[0]: (entry[1], entry[2]) for entry in [*network.parameters, *network.buffers]}

    def __iter__(self) -> Iterator[Cell]:
        return iter(self._cells)

    def __len__(self) -> int:
        return len(self._cells)

    def __getitem__(self, key: int | str) -> Cell:
        if isinstance(key, str):
            if key not in self._by_name:
                raise KeyError(f"no cell {key!r}; there are {', '.join(self._by_name)}")
            return self._by_name[key]
        return self._cells[key]

    def __contains__(self, key: object) -> bool:
        return key in self._by_name or any(cell is key for cell in self._cells)

    def learn(self) -> DeepNetCell:
        """Calls use batch statistics and dropout from now on."""
        self.learning = True
        return self

    def test(self) -> DeepNetCell:
        """Calls use running statistics and no dropout from now on."""
        self.learning = False
        return self

    def set_solver(self, solver: Solver) -> None:
        """All parameters are updated by one copy of the solver from now on."""
        self.set_parameter_solver([name for name, _, _ in self.network.parameters], copy_of(solver))

    def set_parameter_solver(self, names: list[str], solver: Solver) -> None:
        """These parameters share the solver from now on; their solver state starts at zero."""
        for name in names:
            self.network.set_solver(name, solver.to_native())
            self.solvers[name] = solver

    def trained_parameters(self) -> set[str]:
        """Names of the parameters that get gradients (those of a frozen layer don't)."""
        return self._host.trained()

    def get_parameter(self, name: str) -> Array:
        """A copy of a parameter or buffer in its logical shape."""
        shape, order = self._layout_of(name)
        self._host.prepare(training=False)
        stored = self.network.memory(name)
        if not order:
            return stored.reshape(shape).copy()
        axes = np.argsort(order)
        return np.ascontiguousarray(stored.reshape([shape[axis] for axis in order]).transpose(axes))

    def shape_of(self, name: str) -> list[int]:
        """Logical shape of a parameter or buffer."""
        return list(self._layout_of(name)[0])

    def set_parameters(self, values: dict[str, Array]) -> None:
        """Writes parameters or buffers; nothing is written when one does not fit."""
        ready: dict[str, Array] = {}
        for name, value in values.items():
            shape, order = self._layout_of(name)
            array = _numbers(name, value)
            if list(array.shape) != list(shape):
                raise errors.ShapeError(f"{name}: expected shape {tuple(shape)}, got {tuple(array.shape)}")
            ready[name] = array.transpose(order) if order else array
        self._host.prepare(training=False)
        for name, array in ready.items():
            self.network.memory(name)[:] = array.ravel()
        self.network.refresh()

    def _layout_of(self, name: str) -> tuple[list[int], list[int]]:
        if name not in self._layout:
            raise errors.ValueError(f"no parameter or buffer {name!r}; there are {', '.join(self._layout)}")
        return self._layout[name]

    def __call__(self, x: Any) -> Array:
        """The network's output for a batch (the first, when there are several)."""
        return self._forward(self._checked(x), keep=False)[1]

    def step(self, x: Any, y: Any, loss: Loss) -> float:
        """Trains on one batch with the cells' solvers.

        Args:
            x: inputs, float32 [N, ...] as the graph's input.
            y: targets, see the loss.
            loss: `n2d2.loss.CrossEntropy()` or `n2d2.loss.MSE()`.

        Returns:
            The loss before the update.
        """
        if not isinstance(loss, Loss):
            raise errors.TypeError(f"loss: expected n2d2.loss.CrossEntropy() or n2d2.loss.MSE(), got {loss!r}")
        batch = x if self._fits(x) else self._checked(x)
        rows = len(batch)
        if type(y) is np.ndarray and y.dtype is _INT64 and y.shape == (rows,) and loss.by_class:
            targets = y if y.flags.c_contiguous else np.ascontiguousarray(y)
        else:
            targets = checked_targets(loss, self.graph.outputs[0].shape, y, rows)
        key = self._host.prepare(True)
        return float(self.network.step([batch], rows, targets, loss.operator, targets.dtype is _INT64, key))

    def _fits(self, x: Any) -> bool:
        """Whether the engine can read the array as it is."""
        return type(x) is np.ndarray and x.dtype is _FLOAT32 and x.shape[1:] == self._extents and x.flags.c_contiguous and len(x) > 0

    def _checked(self, x: Any) -> Array:
        expected = self.graph.inputs[0]
        batch = np.ascontiguousarray(_numbers(f"input '{expected.name}'", x))
        if batch.ndim != len(expected.shape) or list(batch.shape[1:]) != list(expected.shape[1:]) or len(batch) == 0:
            wanted = ", ".join(["N", *map(str, expected.shape[1:])])
            raise errors.ShapeError(f"input '{expected.name}': expected [{wanted}] with N at least 1, got {list(batch.shape)}")
        return batch

    def _forward(self, batch: Array, keep: bool) -> tuple[int, Array]:
        rows = len(batch)
        outputs = [np.empty([rows * -d if d < 0 else d for d in value.shape], np.float32) for value in self.graph.outputs]
        training = keep or self.learning
        key = self._host.prepare(training)
        state = self.network.forward([batch.ctypes.data], rows, [o.ctypes.data for o in outputs], train=training, keep=keep, key=key)
        return state, outputs[0]

    def __str__(self) -> str:
        return table_of(self)

    def summary(self) -> None:
        """Prints a table: cell, type, output shape, parameters, multiply-accumulates, inputs, solver."""
        print(self)


class Block(DeepNetCell):
    """A network without a name of its own."""


def _numbers(name: str, values: Any) -> Array:
    try:
        return np.asarray(values, np.float32)
    except (ValueError, TypeError) as cause:
        raise errors.TypeError(f"{name}: expected an array of numbers ({cause})") from cause


__all__ = ["LAYOUT_OPERATORS", "Block", "Cell", "DeepNetCell"]
