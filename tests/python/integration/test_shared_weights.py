"""A DeepNetCell of a torch Block uses the module's weights as they are now, wherever they lie."""

from __future__ import annotations

import gc

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import n2d2
import pytorch_interoperability

X = np.random.default_rng(0).standard_normal((4, 8)).astype(np.float32)
CLASSES = np.array([0, 1, 2, 0])


class Net(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.drop, self.fc2 = torch.nn.Linear(8, 64), torch.nn.Dropout(0.5), torch.nn.Linear(64, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc2(self.drop(torch.relu(self.fc1(x))))


def expected(net: torch.nn.Module) -> np.ndarray:
    with torch.no_grad():
        return net.eval()(torch.from_numpy(X)).numpy()


def test_weights_that_moved_are_followed():
    net = Net()
    deepnet = pytorch_interoperability.wrap(net, (4, 8)).get_block()
    deepnet(X)
    net.fc1.weight.data = torch.full((64, 8), 0.25)
    gc.collect()
    reused = [torch.full((64, 8), 9.0) for _ in range(20)]
    assert np.all(deepnet["fc1"].get_weights()["fc1.weight"] == 0.25)
    assert np.abs(deepnet(X) - expected(net)).max() < 1e-5
    deepnet.set_solver(n2d2.solver.SGD(0.1))
    before = net.fc1.weight.detach().clone()
    deepnet.step(X, CLASSES, n2d2.loss.CrossEntropy())
    assert not torch.equal(net.fc1.weight, before)
    assert all(bool((t == 9).all()) for t in reused)


def test_weights_written_in_place_are_seen():
    net = Net()
    deepnet = pytorch_interoperability.wrap(net, (4, 8)).get_block()
    net.eval()
    deepnet(X)
    with torch.no_grad():
        net.fc1.weight.mul_(-0.5)
    assert np.abs(deepnet(X) - expected(net)).max() < 1e-5


def test_a_block_wrapped_for_evaluation_can_train():
    net = Net().eval()
    deepnet = pytorch_interoperability.wrap(net, (4, 8)).get_block()
    deepnet.set_solver(n2d2.solver.SGD(0.1))
    values = [deepnet.step(X, CLASSES, n2d2.loss.CrossEntropy()) for _ in range(60)]
    assert values[-1] < 0.5 * values[0]
    assert not any(module.training for module in net.modules())


def test_masks_follow_torchs_generator():
    deepnet = pytorch_interoperability.wrap(Net(), (4, 8)).get_block().learn()
    runs = []
    for _ in range(2):
        torch.manual_seed(3)
        runs.append([deepnet(X), deepnet(X)])
    assert not np.array_equal(runs[0][0], runs[0][1])
    assert np.array_equal(runs[0], runs[1])


def test_frozen_layers_are_shown_as_such():
    block = pytorch_interoperability.wrap(Net(), (4, 8))
    block.fc2.requires_grad_(False)
    deepnet = block.get_block()
    assert deepnet["fc1"].is_trained
    assert not deepnet["fc2"].is_trained
