"""`DeepNetCell` and its host: random keys, targets, solvers, the summary's width."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import n2d2
from n2d2 import errors
from n2d2._engine import engine

X = np.random.default_rng(0).standard_normal((6, 5)).astype(np.float32)
CLASSES = np.arange(6) % 3


class Host:
    """Counts what a DeepNetCell asks."""

    def __init__(self) -> None:
        self.asked: list[bool] = []

    def prepare(self, training: bool) -> int:
        self.asked.append(training)
        return 7

    def trained(self) -> set[str]:
        return {"fc.w"}


def dropout_net(host: Host | None = None, name: str = "fc") -> n2d2.cells.DeepNetCell:
    graph = engine.Graph()
    x = graph.input("x", [-1, 5])
    h = graph.node("Gemm", [x, graph.parameter("fc.w", [5, 64]), graph.parameter("fc.b", [64])], path=name)[0]
    h = graph.node("Dropout", [h], {"ratio": 0.5, "training_mode": 1}, path="drop")[0]
    graph.output(graph.node("Gemm", [h, graph.parameter("head.w", [64, 3])], path="head")[0])
    network = engine.Network(8, 1)
    network.set_graph("train", graph)
    network.set_graph("evaluate", graph)
    deepnet = n2d2.cells.DeepNetCell("net", network, graph, host=host)
    deepnet.set_parameters({"fc.w": np.full((5, 64), 0.1), "head.w": np.full((64, 3), 0.1)})
    return deepnet


def test_dropout_draws_a_new_mask_for_every_forward_and_repeats_with_the_seed():
    runs = []
    for _ in range(2):
        n2d2.global_variables.seed = 11
        deepnet = dropout_net().learn()
        runs.append([deepnet(X), deepnet(X)])
    n2d2.global_variables.seed = 0
    assert not np.array_equal(runs[0][0], runs[0][1])
    assert np.array_equal(runs[0][0], runs[1][0])
    assert np.array_equal(runs[0][1], runs[1][1])


def test_the_host_is_asked_before_weights_are_touched():
    host = Host()
    deepnet = dropout_net(host)
    host.asked.clear()
    deepnet["fc"].get_weights()
    assert host.asked == [False, False]
    deepnet(X)
    assert host.asked[2:] == [False]
    deepnet.set_solver(n2d2.solver.SGD())
    deepnet.step(X, CLASSES, n2d2.loss.CrossEntropy())
    assert host.asked[3:] == [True]
    assert np.array_equal(deepnet.learn()(X), deepnet(X))  # the host's key is the one used


def test_evaluation_sees_weights_written_in_place():
    deepnet = dropout_net(name="dense").test()
    before = deepnet(X)
    deepnet.network.memory("head.w")[:] = 0
    assert np.abs(before).max() > 0
    assert np.abs(deepnet(X)).max() == 0


@pytest.mark.parametrize("targets", [np.full(6, 3), np.full(6, -1), np.array([0, 1, 2, 0, 1, 3])])
def test_class_numbers_outside_the_output_are_refused_and_change_nothing(targets):
    deepnet = dropout_net()
    deepnet.set_solver(n2d2.solver.SGD(0.1))
    before = deepnet.get_parameter("fc.w")
    with pytest.raises(errors.ValueError, match="class numbers go from 0 to 2"):
        deepnet.step(X, targets, n2d2.loss.CrossEntropy())
    assert np.array_equal(deepnet.get_parameter("fc.w"), before)
    assert deepnet.network.pending == 0


def test_class_numbers_that_are_not_whole_are_refused():
    with pytest.raises(
        errors.ShapeError, match=r"expected shape \[6, 3\], or 6 class numbers of an integer type, got shape \[6\] of float64"
    ):
        dropout_net().step(X, CLASSES.astype(float), n2d2.loss.CrossEntropy())


@pytest.mark.parametrize("loss", ["mse", n2d2.loss.CrossEntropy, None])
def test_what_is_no_loss_is_refused(loss):
    with pytest.raises(errors.TypeError, match=r"expected n2d2\.loss\.CrossEntropy\(\)"):
        dropout_net().step(X, CLASSES, loss)


def test_what_is_no_number_or_solver_is_refused():
    deepnet = dropout_net()
    with pytest.raises(errors.TypeError, match="input 'x': expected an array of numbers"):
        deepnet(["a"])
    with pytest.raises(errors.TypeError, match=r"fc\.w: expected an array of numbers"):
        deepnet["fc"].set_weights({"fc.w": "abc"})
    for target in (deepnet, deepnet["fc"]):
        with pytest.raises(errors.TypeError, match=r"solver: expected one of n2d2\.solver.*'sgd'"):
            target.set_solver("sgd")


def test_membership_is_by_name_or_cell():
    deepnet = dropout_net()
    assert "fc" in deepnet
    assert "nothing" not in deepnet
    assert deepnet["fc"] in deepnet


def test_summary_says_what_is_frozen():
    deepnet = dropout_net(Host())
    deepnet.set_solver(n2d2.solver.SGD(0.5))
    lines = {line.split()[0]: line for line in str(deepnet).splitlines() if line.strip()}
    assert " on " in lines["fc"]
    assert "SGD(learning_rate=0.5)" in lines["fc"]
    assert lines["head"].rstrip().endswith("off")
    assert not deepnet["head"].is_trained


def test_summary_stays_narrow_with_long_solvers():
    deepnet = dropout_net(name="layer_with_a_long_name")
    deepnet.set_solver(n2d2.solver.SGD(0.5, momentum=0.9, decay=1e-4, learning_rate_policy="CosineDecay", max_iterations=100))
    deepnet["head"].set_solver(n2d2.solver.Adam(clamping="-1:1", beta1=0.8, beta2=0.99, epsilon=1e-5))
    text = str(deepnet)
    assert max(map(len, text.splitlines())) <= 120
    assert "SGD #1: SGD(learning_rate=0.5, momentum=0.9" in text
    assert "Adam #2: Adam(" in text
    assert text.count("#1") == 2  # its cell and its line below the table


class TestSolvers:
    @pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))])
    def test_copies_are_equal_and_independent(self, again):
        solver = n2d2.solver.Adam(0.1, clamping="-1:1", decay=0.01)
        solver.learning_rate = 0.2
        solver.to_native().iterations = 5
        twin = again(solver)
        assert str(twin) == str(solver)
        assert (twin.learning_rate, twin.iterations) == (0.2, 5)
        twin.learning_rate = 0.3
        assert solver.learning_rate == 0.2

    @pytest.mark.parametrize(
        ("arguments", "error", "text"),
        [
            ({"learning_rate": "abc"}, errors.TypeError, "learning_rate: expected a number"),
            ({"momentum": None}, errors.TypeError, "momentum: expected a number"),
            ({"iteration_size": 1.5}, errors.ValueError, "iteration_size: expected a whole number"),
            ({"learning_rate_step_size": float("nan")}, errors.ValueError, "learning_rate_step_size: expected a whole number"),
            ({"iteration_size": 0}, errors.ValueError, "iteration_size: expected a number of at least 1"),
        ],
    )
    def test_arguments_of_the_wrong_kind(self, arguments, error, text):
        with pytest.raises(error, match=text):
            n2d2.solver.SGD(**arguments)


class TestTensor:
    def test_scalars_stay_scalars(self):
        array = np.zeros((), np.float32)
        tensor = n2d2.Tensor(array)
        assert tensor.shape == ()
        assert tensor.data_ptr == array.ctypes.data

    def test_what_cannot_be_a_tensor(self):
        with pytest.raises(errors.ValueError, match="inhomogeneous"):
            n2d2.Tensor([[1], [1, 2]])
        with pytest.raises(errors.ShapeError, match="extents are at least 0"):
            n2d2.Tensor.zeros((-1, 2))

    def test_torch_tensors_that_cannot_be_shared(self):
        torch = pytest.importorskip("torch")
        with pytest.raises(errors.ValueError, match="detach"):
            n2d2.Tensor(torch.ones(2, requires_grad=True))
        with pytest.raises(errors.TypeError, match="bfloat16"):
            n2d2.Tensor(torch.ones(2, dtype=torch.bfloat16))


@pytest.mark.parametrize("device", [-1, "0", True, 1.0])
def test_cuda_device_is_a_number(device):
    with pytest.raises(errors.ValueError, match="cuda_device"):
        n2d2.global_variables.cuda_device = device
