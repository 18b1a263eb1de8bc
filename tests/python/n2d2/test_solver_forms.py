"""The forms "torch" and "keras" of the solvers against torch.optim and keras.optimizers: the same gradients for twenty updates.

The learning rate changes twice, since that is where the forms differ most. The gradients are written into the engine's own
gradient buffers, so nothing but the solver is compared.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

_n2d2 = pytest.importorskip("n2d2._n2d2")

UPDATES = 20
SHAPE = (7, 5)
RATES = {0: 0.05, 7: 0.02, 13: 0.1}  # from that update on

SGD_CASES = [
    {},
    {"momentum": 0.9},
    {"momentum": 0.9, "nesterov": True},
    {"decay": 0.01},
    {"momentum": 0.9, "decay": 0.01},
    {"momentum": 0.9, "nesterov": True, "decay": 0.01},
]


def start() -> np.ndarray:
    return np.random.default_rng(1).standard_normal(SHAPE).astype(np.float32)


def gradients() -> list[np.ndarray]:
    generator = np.random.default_rng(2)
    return [generator.standard_normal(SHAPE).astype(np.float32) for _ in range(UPDATES)]


class Layer:
    """y = x w, of which only the weights and the solver matter here."""

    def __init__(self, solver: object, lanes: int = 2) -> None:
        graph = _n2d2.Graph()
        x = graph.input("x", [-1, SHAPE[0]])
        w = graph.parameter("w", list(SHAPE))
        graph.output(graph.node("Gemm", [x, w])[0])
        self.network = _n2d2.Network(1, lanes)
        self.network.set_graph("train", graph)
        self.network.memory("w")[:] = start().ravel()
        self.network.set_solver("w", solver)
        self.x = np.ones((1, SHAPE[0]), np.float32)
        self.y = np.zeros((1, SHAPE[1]), np.float32)

    def update(self, gradient: np.ndarray) -> np.ndarray:
        state = self.network.forward([self.x.ctypes.data], 1, [self.y.ctypes.data], train=True, keep=True)
        self.network.backward(state, [self.y.ctypes.data])
        self.network.gradient("w")[:] = gradient.ravel()
        self.network.update()
        return np.array(self.network.memory("w")).reshape(SHAPE)


def trajectory(solver: object, **kwargs: int) -> list[np.ndarray]:
    layer = Layer(solver, **kwargs)
    weights = []
    for step, gradient in enumerate(gradients()):
        if step in RATES:
            solver.learning_rate = RATES[step]  # type: ignore[attr-defined]
        weights.append(layer.update(gradient))
    return weights


def torch_trajectory(make: Callable[..., object]) -> list[np.ndarray]:
    torch = pytest.importorskip("torch")
    w = torch.nn.Parameter(torch.from_numpy(start()))
    optimizer = make(torch, [w])
    weights = []
    for step, gradient in enumerate(gradients()):
        if step in RATES:
            optimizer.param_groups[0]["lr"] = RATES[step]
        w.grad = torch.from_numpy(gradient)
        optimizer.step()
        weights.append(w.detach().numpy().copy())
    return weights


def keras_trajectory(make: Callable[..., object]) -> list[np.ndarray]:
    keras = pytest.importorskip("keras", minversion="3")
    w = keras.Variable(start())
    optimizer = make(keras)
    optimizer.build([w])
    weights = []
    for step, gradient in enumerate(gradients()):
        if step in RATES:
            optimizer.learning_rate = RATES[step]
        optimizer.apply([keras.ops.convert_to_tensor(gradient)])
        weights.append(np.array(keras.ops.convert_to_numpy(keras.ops.copy(w))))
    return weights


def worst(ours: list[np.ndarray], theirs: list[np.ndarray]) -> float:
    return max(float(np.abs(a - b).max()) for a, b in zip(ours, theirs, strict=True))


def has_fma() -> bool:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as info:
            return " fma " in info.read()
    except OSError:
        return False


@pytest.mark.parametrize("case", SGD_CASES, ids=str)
def test_sgd_is_torchs_bit_for_bit(case: dict[str, float]) -> None:
    if not has_fma():
        pytest.skip("torch rounds otherwise without fused multiply-add")
    options = {("weight_decay" if name == "decay" else name): value for name, value in case.items()}
    theirs = torch_trajectory(lambda torch, w: torch.optim.SGD(w, lr=RATES[0], **options))
    ours = trajectory(_n2d2.sgd(learning_rate=RATES[0], form="torch", **case))
    assert worst(ours, theirs) == 0.0


@pytest.mark.parametrize("case", SGD_CASES, ids=str)
def test_sgd_is_keras(case: dict[str, float]) -> None:
    options = {("weight_decay" if name == "decay" else name): value for name, value in case.items()}
    theirs = keras_trajectory(lambda keras: keras.optimizers.SGD(learning_rate=RATES[0], **options))
    ours = trajectory(_n2d2.sgd(learning_rate=RATES[0], form="keras", **case))
    assert worst(ours, theirs) < (2e-6 if "decay" in case else 1e-12)


@pytest.mark.parametrize("epsilon", [1e-8, 1e-2])
@pytest.mark.parametrize("decay", [0.0, 0.01])
@pytest.mark.parametrize("decoupled", [False, True])
def test_adam_is_torchs(epsilon: float, decay: float, decoupled: bool) -> None:
    theirs = torch_trajectory(
        lambda torch, w: (torch.optim.AdamW if decoupled else torch.optim.Adam)(w, lr=RATES[0], eps=epsilon, weight_decay=decay)
    )
    solver = _n2d2.adam(learning_rate=RATES[0], epsilon=epsilon, form="torch", decay=decay, decoupled_decay=decoupled)
    assert worst(trajectory(solver), theirs) < 1e-6


@pytest.mark.parametrize("epsilon", [1e-7, 1e-2])
@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_adam_is_keras(epsilon: float, decay: float) -> None:
    theirs = keras_trajectory(lambda keras: keras.optimizers.Adam(learning_rate=RATES[0], epsilon=epsilon, weight_decay=decay or None))
    solver = _n2d2.adam(learning_rate=RATES[0], epsilon=epsilon, form="keras", decay=decay)
    assert worst(trajectory(solver), theirs) < 1e-6


RMSPROP_CASES = [{}, {"momentum": 0.5}, {"epsilon": 1e-2, "decay": 0.01, "momentum": 0.5}]


@pytest.mark.parametrize("case", RMSPROP_CASES, ids=str)
def test_rmsprop_is_torchs(case: dict[str, float]) -> None:
    names = {"decay": "weight_decay", "epsilon": "eps"}
    options = {names.get(name, name): value for name, value in case.items()}
    theirs = torch_trajectory(lambda torch, w: torch.optim.RMSprop(w, lr=RATES[0], alpha=0.9, **options))
    assert worst(trajectory(_n2d2.rmsprop(learning_rate=RATES[0], form="torch", **case)), theirs) < 2e-6


@pytest.mark.parametrize("case", RMSPROP_CASES, ids=str)
def test_rmsprop_is_keras(case: dict[str, float]) -> None:
    options = {("weight_decay" if name == "decay" else name): value for name, value in {"epsilon": 1e-7, **case}.items()}
    theirs = keras_trajectory(lambda keras: keras.optimizers.RMSprop(learning_rate=RATES[0], **options))
    solver = _n2d2.rmsprop(learning_rate=RATES[0], form="keras", **{"epsilon": 1e-7, **case})
    assert worst(trajectory(solver), theirs) < 2e-6


def test_the_forms_differ_where_the_rate_changes() -> None:
    """A guard on the tests above: with one formula for all forms they would not all pass."""
    velocity = [trajectory(_n2d2.sgd(learning_rate=RATES[0], momentum=0.9, form=form)) for form in ("n2d2", "torch", "keras")]
    assert worst(velocity[0], velocity[1]) > 1e-2
    assert worst(velocity[0], velocity[2]) < 1e-6
    adam = [trajectory(_n2d2.adam(learning_rate=RATES[0], epsilon=1e-2, form=form)) for form in ("n2d2", "torch", "keras")]
    assert worst(adam[0], adam[1]) == 0.0
    assert worst(adam[1], adam[2]) > 1e-3


@pytest.mark.parametrize("form", ["n2d2", "torch", "keras"])
def test_lanes_and_threads_change_no_bit(form: str) -> None:
    expected = trajectory(_n2d2.adam(learning_rate=RATES[0], form=form), lanes=1)
    assert worst(trajectory(_n2d2.adam(learning_rate=RATES[0], form=form), lanes=3), expected) == 0.0


def test_iteration_size_averages_gradients() -> None:
    """As torch's accumulation of losses divided by their number."""
    solver = _n2d2.sgd(learning_rate=0.1, momentum=0.9, iteration_size=4, form="torch")
    plain = _n2d2.sgd(learning_rate=0.1, momentum=0.9, form="torch")
    layer, expected = Layer(solver), Layer(plain)
    for first in range(0, UPDATES, 4):
        four = gradients()[first : first + 4]
        before = np.array(layer.network.memory("w"))
        for gradient in four[:3]:
            assert np.array_equal(layer.update(gradient).ravel(), before)
        weights = layer.update(four[3])
        np.testing.assert_allclose(weights, expected.update(np.mean(four, axis=0, dtype=np.float32)), atol=1e-6, rtol=0)
    assert solver.iterations == UPDATES // 4
    assert solver.passes == 0


def test_counters_and_clone() -> None:
    solver = _n2d2.sgd(learning_rate=0.1, learning_rate_policy="StepDecay", learning_rate_step_size=4, learning_rate_decay=0.5)
    layer = Layer(solver)
    for gradient in gradients()[:8]:
        layer.update(gradient)
    assert (solver.iterations, solver.rows_seen) == (8, 8)
    assert solver.current_rate == pytest.approx(0.025)
    copy = solver.clone()
    copy.rows_seen = 0
    assert copy.current_rate == pytest.approx(0.1)
    assert solver.current_rate == pytest.approx(0.025)
    with pytest.raises(ValueError, match="iterations: expected a number of at least 0"):
        solver.iterations = -1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"learning_rate": -1.0}, "learning_rate: expected a number of at least 0, got -1"),
        ({"momentum": 2.0}, "momentum: expected a number from 0 to 1, got 2"),
        ({"learning_rate_policy": "Sine"}, "learning_rate_policy: 'Sine' is none of"),
        ({"clamping": "2:1"}, "clamping: '2:1'"),
        ({"form": "jax"}, 'form: expected "n2d2", "torch" or "keras", got "jax"'),
    ],
)
def test_bad_arguments_are_named(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        _n2d2.sgd(**arguments)
