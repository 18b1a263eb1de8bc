"""The n2d2 package itself: tensors, settings, solvers, cells, losses."""

from __future__ import annotations

import pickle
import subprocess
import sys

import numpy as np
import pytest

import n2d2
from n2d2 import errors
from n2d2._engine import engine


def test_import_needs_numpy_alone():
    code = "import sys, n2d2; print([m for m in ('torch', 'keras', 'tensorflow', 'tabulate', 'sklearn') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() in ("[]", "['tabulate']")


def test_errors_are_the_expected_built_ins():
    pairs = {
        errors.ShapeError: ValueError,
        errors.ValueError: ValueError,
        errors.TypeError: TypeError,
        errors.UnsupportedError: NotImplementedError,
        errors.BackendError: RuntimeError,
        errors.StateError: RuntimeError,
    }
    for ours, builtin in pairs.items():
        assert issubclass(ours, builtin)
        assert issubclass(ours, errors.N2D2Error)


class TestTensor:
    def test_shares_memory_with_numpy_both_ways(self):
        array = np.arange(6, dtype=np.float32).reshape(2, 3)
        tensor = n2d2.Tensor(array)
        tensor[0, 0] = 9
        assert array[0, 0] == 9
        np.asarray(tensor)[1, 2] = -1
        assert array[1, 2] == -1
        assert tensor.data_ptr == array.ctypes.data

    def test_speaks_dlpack(self):
        tensor = n2d2.Tensor(np.zeros(4, np.float32))
        tensor.numpy()[1] = 3
        assert np.from_dlpack(tensor)[1] == 3
        torch = pytest.importorskip("torch")
        torch.from_dlpack(tensor)[2] = 5
        assert tensor[2] == 5
        assert n2d2.Tensor(torch.ones(2, 2)).shape == (2, 2)

    def test_keeps_its_memory_alive(self):
        views = [n2d2.Tensor(np.full(1000, i, np.float32)).numpy() for i in range(50)]
        assert [v[0] for v in views] == list(range(50))

    def test_copies_what_is_not_contiguous(self):
        array = np.arange(6, dtype=np.float32).reshape(2, 3)
        tensor = n2d2.Tensor(array.T)
        tensor[0, 0] = 7
        assert array[0, 0] == 0
        assert tensor.shape == (3, 2)

    def test_types_and_shapes(self):
        assert n2d2.Tensor([1.5, 2]).dtype == "float32"
        assert n2d2.Tensor([1, 2]).dtype == "int64"
        assert n2d2.Tensor(np.zeros(3), dtype="float32").dtype == "float32"
        assert n2d2.Tensor.zeros((2, 3)).dims() == [2, 3]
        assert n2d2.Tensor.zeros((2, 3)).reshape(3, 2).shape == (3, 2)
        assert "shape=(2,)" in repr(n2d2.Tensor([1, 2]))
        with pytest.raises(errors.TypeError, match="complex128"):
            n2d2.Tensor(np.zeros(2, complex))
        with pytest.raises(errors.ShapeError, match="does not fit"):
            n2d2.Tensor([1, 2, 3]).reshape(2, 2)


class TestGlobalVariables:
    def test_cuda_is_refused_clearly(self):
        with pytest.raises(errors.BackendError, match="no CUDA backend"):
            n2d2.global_variables.default_model = "Frame_CUDA"
        assert n2d2.global_variables.default_model == "Frame"
        assert not n2d2.global_variables.cuda_available
        n2d2.global_variables.default_model = "Frame"

    @pytest.mark.parametrize(
        ("name", "value", "error"),
        [
            ("default_model", "Cuda", errors.ValueError),
            ("seed", -1, errors.ValueError),
            ("verbosity", 7, errors.ValueError),
            ("default_datatype", "float16", errors.UnsupportedError),
        ],
    )
    def test_bad_values(self, name, value, error):
        with pytest.raises(error, match=name):
            setattr(n2d2.global_variables, name, value)

    def test_keys_repeat_with_the_seed(self):
        keys = []
        for _ in range(2):
            n2d2.global_variables.seed = 5
            keys.append([n2d2.global_variables.next_key() for _ in range(3)])
        n2d2.global_variables.seed = 0
        assert keys[0] == keys[1]
        assert len(set(keys[0])) == 3


class TestSolver:
    def test_defaults(self):
        assert str(n2d2.solver.SGD()) == "SGD(learning_rate=0.01)"
        assert str(n2d2.solver.Adam()) == "Adam(learning_rate=0.001)"

    def test_rate_changes_and_copies(self):
        solver = n2d2.solver.SGD(0.1, momentum=0.9)
        twin = solver.copy()
        solver.learning_rate = 0.5
        assert solver.learning_rate == 0.5
        assert twin.learning_rate == 0.1
        assert "momentum=0.9" in str(twin)

    @pytest.mark.parametrize(
        ("make", "match"),
        [
            (lambda: n2d2.solver.SGD(-1), "learning_rate"),
            (lambda: n2d2.solver.SGD(float("nan")), "learning_rate"),
            (lambda: n2d2.solver.SGD(momentum=2), "momentum"),
            (lambda: n2d2.solver.SGD(nesterov=True), "nesterov"),
            (lambda: n2d2.solver.SGD(learning_rate_policy="Linear"), "learning_rate_policy"),
            (lambda: n2d2.solver.SGD(learning_rate_policy="CosineDecay"), "max_iterations"),
            (lambda: n2d2.solver.SGD(iteration_size=0), "iteration_size"),
            (lambda: n2d2.solver.SGD(clamping="1"), "clamping"),
            (lambda: n2d2.solver.SGD(clamping="1:0"), "clamping"),
            (lambda: n2d2.solver.SGD(form="caffe"), "form"),
            (lambda: n2d2.solver.Adam(beta1=1.0), "beta1"),
            (lambda: n2d2.solver.Adam(epsilon=-1), "epsilon"),
        ],
    )
    def test_bad_arguments(self, make, match):
        with pytest.raises(errors.ValueError, match=match):
            make()


def net(seed: int = 0) -> n2d2.cells.DeepNetCell:
    """8 -> 16 -> 3 with a Relu, as cells."""
    graph = engine.Graph()
    x = graph.input("x", [-1, 8])
    w1, b1 = graph.parameter("w1", [16, 8]), graph.parameter("b1", [16])
    hidden = graph.node("Relu", graph.node("Gemm", [x, w1, b1], {"transB": 1}, path="fc1"), path="fc1")[0]
    w2 = graph.parameter("w2", [16, 3])
    graph.output(graph.node("Gemm", [hidden, w2], path="fc2")[0])
    network = engine.Network(16)
    network.set_graph("train", graph)
    network.set_graph("evaluate", graph)
    rng = np.random.default_rng(seed)
    deepnet = n2d2.cells.DeepNetCell("net", network, graph)
    deepnet.set_parameters({"w1": rng.standard_normal((16, 8)) * 0.3, "w2": rng.standard_normal((16, 3)) * 0.3})
    return deepnet


class TestDeepNetCell:
    def test_iterates_and_indexes(self):
        deepnet = net()
        assert [cell.name for cell in deepnet] == ["fc1", "fc1_relu", "fc2"]
        assert deepnet[0] is deepnet["fc1"]
        assert len(deepnet) == 3
        assert deepnet["fc1"].macs == 128
        assert deepnet["fc2"].inputs == ["fc1_relu"]
        with pytest.raises(KeyError, match="fc9"):
            deepnet["fc9"]

    def test_macs(self):
        graph = engine.Graph()
        x, heads, r = graph.input("x", [-1, 5, 8]), graph.parameter("heads", [1, 8, 12]), graph.parameter("r", [12, 3])
        (projected,) = graph.node("MatMul", [x, heads], path="project")
        graph.output(graph.node("LSTMRecurrence", [projected, r], path="lstm")[0])
        network = engine.Network(2)
        network.set_graph("evaluate", graph)
        deepnet = n2d2.cells.DeepNetCell("net", network, graph)
        assert deepnet["project"].macs == 5 * 8 * 12
        assert deepnet["lstm"].macs == 5 * 12 * 3

    def test_weights(self):
        deepnet = net()
        weights = deepnet["fc1"].get_weights()
        weights["w1"][0, 0] = 100  # a copy
        assert deepnet.get_parameter("w1")[0, 0] != 100
        deepnet["fc1"].set_weights({"w1": np.ones((16, 8))})
        x = np.ones((2, 8), np.float32)
        expected = np.full((2, 16), 8.0) @ deepnet.get_parameter("w2")
        assert np.abs(deepnet(x) - expected).max() < 1e-5
        with pytest.raises(errors.ShapeError, match="w1"):
            deepnet["fc1"].set_weights({"w1": np.ones((8, 16))})
        with pytest.raises(errors.ValueError, match="w2"):
            deepnet["fc1"].set_weights({"w2": np.ones((16, 3))})

    @pytest.mark.parametrize("loss", [n2d2.loss.CrossEntropy(), n2d2.loss.MSE()])
    def test_step_trains(self, loss):
        deepnet = net()
        deepnet.set_solver(n2d2.solver.Adam(0.02))
        rng = np.random.default_rng(1)
        x = rng.standard_normal((48, 8)).astype(np.float32)
        y = (x[:, 0] > 0).astype(np.int64) + (x[:, 1] > 0)
        targets = y if isinstance(loss, n2d2.loss.CrossEntropy) else np.eye(3, dtype=np.float32)[y]
        values = [deepnet.step(x, targets, loss) for _ in range(150)]
        assert values[-1] < 0.3 * values[0]
        assert (deepnet(x).argmax(1) == y).mean() > 0.9

    def test_step_refuses_what_does_not_fit(self):
        deepnet = net()
        deepnet.set_solver(n2d2.solver.SGD())
        x = np.zeros((4, 8), np.float32)
        with pytest.raises(errors.ShapeError, match="targets"):
            deepnet.step(x, np.zeros(3, np.int64), n2d2.loss.CrossEntropy())
        with pytest.raises(errors.ShapeError, match=r"input 'x': expected \[N, 8\]"):
            deepnet.step(x[:, :7], np.zeros(4, np.int64), n2d2.loss.CrossEntropy())
        with pytest.raises(errors.ShapeError, match="targets"):
            deepnet.step(x, np.zeros((4, 2), np.float32), n2d2.loss.MSE())
        assert deepnet.network.pending == 0

    def test_without_a_solver_a_step_says_so(self):
        with pytest.raises(errors.StateError, match="has no solver"):
            net().step(np.zeros((4, 8)), np.zeros(4, np.int64), n2d2.loss.CrossEntropy())

    def test_cells_may_have_solvers_of_their_own(self):
        deepnet = net()
        deepnet.set_solver(n2d2.solver.SGD(0.1))
        deepnet["fc2"].set_solver(n2d2.solver.SGD(0.0))
        before = deepnet.get_parameter("w2")
        x = np.random.default_rng(0).standard_normal((4, 8)).astype(np.float32)
        w1 = deepnet.get_parameter("w1")
        deepnet.step(x, np.zeros(4, np.int64), n2d2.loss.CrossEntropy())
        assert np.array_equal(deepnet.get_parameter("w2"), before)
        assert not np.array_equal(deepnet.get_parameter("w1"), w1)

    def test_summary(self, capsys):
        deepnet = net()
        deepnet.set_solver(n2d2.solver.Adam())
        deepnet.summary()
        text = capsys.readouterr().out
        for part in ("fc1", "Gemm", "[N, 16]", "144", "Adam(learning_rate=0.001)", "Parameters: 192"):
            assert part in text, part


def test_errors_are_named_as_users_catch_them():
    for name in errors.__all__:
        error = getattr(errors, name)
        assert (error.__module__, error.__qualname__) == ("n2d2.errors", name)
        assert issubclass(error, errors.N2D2Error)
        assert type(pickle.loads(pickle.dumps(error("text")))) is error
