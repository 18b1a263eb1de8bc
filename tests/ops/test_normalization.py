"""BatchNormalization alone and with the Relu behind it: the fused kernels, and statistics of data far from zero."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from harness import distance

from n2d2._engine import engine

EPSILON = 1e-3


class Net:
    """Residual blocks: BatchNormalization, Relu, BatchNormalization, plus the block's input, Relu.

    `shared`: others read the normalised tensors, so nothing is fused. No block: one BatchNormalization alone.
    """

    def __init__(self, shape: tuple[int, ...], lanes: int, blocks: int = 2, shared: bool = False) -> None:
        self.blocks, self.count, c = blocks, max(2 * blocks, 1), shape[0]
        self.graph = engine.Graph()
        h = self.graph.input("x", [-1, *shape])
        norms = []
        for i in range(self.count):
            residual = h if i % 2 == 0 else residual  # noqa: F821
            state = [self.graph.parameter(f"scale{i}", [c]), self.graph.parameter(f"shift{i}", [c])]
            state += [self.graph.buffer(f"mean{i}", [c]), self.graph.buffer(f"var{i}", [c])]
            h = self.node("BatchNormalization", h, *state, training_mode=1, epsilon=EPSILON, unbiased_variance=1)
            norms.append(h)
            h = self.node("Add", h, residual) if i % 2 == 1 else h
            h = self.node("Relu", h) if blocks else h
        self.outputs = [h, *norms] if shared else [h]
        for value in self.outputs:
            self.graph.output(value)
        self.network = engine.Network(40, lanes)
        self.network.set_graph("train", self.graph)
        rng = np.random.default_rng(5)
        for i in range(self.count):
            self.network.memory(f"scale{i}")[:] = rng.random(c) + 0.5
            self.network.memory(f"shift{i}")[:] = rng.standard_normal(c)
            self.network.memory(f"var{i}")[:] = 1

    def node(self, op: str, *inputs, **attributes):
        return self.graph.node(op, list(inputs), attributes)[0]

    def run(self, x: np.ndarray, dy: np.ndarray) -> dict[str, np.ndarray]:
        """Output, gradients, and running statistics after one step."""
        outs = [np.zeros_like(x) for _ in self.outputs]
        dys = [dy, *(np.zeros_like(x) for _ in outs[1:])]
        dx = np.zeros_like(x)
        addresses = [out.ctypes.data for out in outs]
        state = self.network.forward([x.ctypes.data], len(x), addresses, train=True, keep=True, input_gradients=True)
        self.network.backward(state, [d.ctypes.data for d in dys], [dx.ctypes.data])
        found = {"y": outs[0], "dx": dx}
        for i in range(self.count):
            found |= {f"{name}{i}": self.network.memory(f"{name}{i}").copy() for name in ("mean", "var")}
            found |= {f"d{name}{i}": self.network.gradient(f"{name}{i}").copy() for name in ("scale", "shift")}
        return found

    def torch(self, x: np.ndarray, dy: np.ndarray, dtype: torch.dtype) -> dict[str, np.ndarray]:
        """The same in torch, from the start."""
        leaves = {"x": torch.from_numpy(x).to(dtype).requires_grad_()}
        found, h = {}, leaves["x"]
        for i in range(self.count):
            residual = h if i % 2 == 0 else residual  # noqa: F821
            for name in (f"scale{i}", f"shift{i}"):
                leaves[name] = torch.from_numpy(self.network.memory(name).copy()).to(dtype).requires_grad_()
            mean, var = torch.zeros(x.shape[1], dtype=dtype), torch.ones(x.shape[1], dtype=dtype)
            h = F.batch_norm(h, mean, var, leaves[f"scale{i}"], leaves[f"shift{i}"], True, 0.1, EPSILON)
            h = h + residual if i % 2 == 1 else h
            h = F.relu(h) if self.blocks else h
            found |= {f"mean{i}": mean, f"var{i}": var}
        h.backward(torch.from_numpy(dy).to(dtype))
        found |= {"y": h.detach(), **{f"d{name}": leaf.grad for name, leaf in leaves.items()}}
        return {name: value.numpy() for name, value in found.items()}


SHAPES = [(3, 5, 4), (7,), (8, 6, 6), (10, 4), (16, 9, 9), (24, 3, 5), (33, 2, 2), (70, 4, 4), (130,)]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("lanes", [1, 3])
def test_fused_equals_float64_and_the_plain_nodes(shape, lanes):
    rng = np.random.default_rng(1)
    for rows in (2, 37):
        x, dy = rng.standard_normal((2, rows, *shape)).astype("f4")
        fused, plain = Net(shape, lanes), Net(shape, lanes, shared=True)
        found, apart = fused.run(x, dy), plain.run(x, dy)
        exact, single = (fused.torch(x, dy, dtype) for dtype in (torch.float64, torch.float32))
        for name, expected in exact.items():
            allowed = 4 * distance(single[name].astype(np.float64), expected) + 4e-6
            assert distance(found[name].astype(np.float64), expected) <= allowed, (name, rows)
        for name in found:
            assert np.array_equal(found[name], apart[name]), (name, rows)


@pytest.mark.parametrize("channels", [3, 16, 40])
@pytest.mark.parametrize("lanes", [1, 3])
def test_a_mean_of_a_thousand_costs_no_more_digits_than_in_torch(channels, lanes):
    shape = (channels, 16, 16)
    rng = np.random.default_rng(2)
    x, dy = rng.standard_normal((2, 32, *shape)).astype("f4")
    x += np.float32(1000)
    net = Net(shape, lanes, blocks=0)
    found = net.run(x, dy)
    exact, single = (net.torch(x, dy, dtype) for dtype in (torch.float64, torch.float32))
    for name, expected in exact.items():
        ours, theirs = (distance(values[name].astype(np.float64), expected) for values in (found, single))
        assert ours <= 1.2 * theirs + 2e-7, (name, ours, theirs)
