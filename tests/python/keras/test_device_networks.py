"""The five networks for devices against Keras: one step in full, at several batch sizes; the update by `train_on_batch`; ten steps."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from device_networks import CASES, FULL_RESNET18, Case, batch
from flipless_keras import configuration, drawn, made, without_flips
from keras_nets import clone, precision
from layer_parity import compare
from parity import Twin, assert_one_step_close, shaken

import keras_interoperability as interop

ALL = [*CASES.values(), pytest.param(FULL_RESNET18, marks=pytest.mark.slow)]
IDS = [*CASES, "resnet18 of 224"]
MANY = [*(pytest.param(case, marks=[pytest.mark.slow] * (case.name == "resnet18")) for case in CASES.values()), ALL[-1]]
LONG = [pytest.param(case, marks=[pytest.mark.slow] * (case.name in ("resnet18", "mobilenet_v1"))) for case in CASES.values()]
RATE = 1.0
"""Large, so that the update is not lost in the rounding of the weights."""


def rows_of(case: Case, rows: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """A batch, channels last."""
    x, y = batch(case, rows, seed)
    x = np.ascontiguousarray(x.transpose(0, 2, 3, 1)) if x.ndim == 4 else x
    return (x, y) if case.classes else (x, x)


@pytest.mark.parametrize("case", ALL, ids=IDS)
def test_one_step_of_several_sizes(case):
    """Outputs in both modes, gradients of the input and all weights, and the batch statistics."""
    for rows in {"mobilenet_v1": (7, 1), "resnet18": (4,)}.get(case.name, (10, 7, 1)):
        if rows == 1 and not case.classes:
            continue  # the variance of one value is 0
        found = compare(configuration(case), seed=rows, draw=drawn(case), rows=rows, capacity=10)
        off = {tensor: (error, allowance) for tensor, (error, allowance) in found.items() if not error <= allowance}
        assert not off, f"{rows} rows: {off}"


def loss_of(case: Case) -> str:
    """Keras' name for it."""
    return "sparse_categorical_crossentropy" if case.classes else "mse"


def keras_update(model: keras.Model, case: Case, x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """By how much the weights move in one step of SGD, in the model's precision, and the loss."""
    before = [w.astype(np.float64) for w in model.get_weights()]
    with tf.GradientTape() as tape:
        outputs = model(tf.constant(x, model.compute_dtype), training=True)
        target = y if case.classes else tf.constant(y, model.compute_dtype)
        loss = tf.reduce_mean(keras.losses.get(loss_of(case))(target, outputs))
    gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        variable.assign(variable - RATE * gradient)
    return changes(model, before, float(loss))


def changes(model: keras.Model, before: list[np.ndarray], loss: float) -> dict[str, np.ndarray]:
    """By how much the weights have moved, and the loss."""
    names = [f"{i} {v.name}" for i, v in enumerate(model.weights) if "seed" not in v.path]
    moved = [w.astype(np.float64) - old for w, old in zip(model.get_weights(), before, strict=True) if w.dtype.kind == "f"]
    return {**dict(zip(names, moved, strict=True)), "loss": np.array(loss)}


def exact_update(case: Case, weights: list[np.ndarray], x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """The same in float64."""
    with precision("float64"):
        model = made(case)
        model.set_weights(weights)
        return keras_update(model, case, x, y)


@pytest.mark.parametrize("case", MANY, ids=IDS)
def test_update(case):
    """How weights and moving statistics move in a whole batch, and then in a smaller one from the same start."""
    keras.utils.set_random_seed(0)
    plain = made(case)
    weights = without_flips(plain)
    wrapped = interop.wrap(clone(plain), 10)
    wrapped.compile(optimizer=keras.optimizers.SGD(RATE), loss=loss_of(case))
    for rows in (4, 3) if case.name == "resnet18" else (10, 7):
        x, y = rows_of(case, rows, rows)
        for model in (plain, wrapped):
            model.set_weights(weights)
        wrapped.reset_metrics()  # Keras 3.10 leaves that to the caller
        loss = wrapped.train_on_batch(x, y)
        ours = changes(wrapped, [w.astype(np.float64) for w in weights], float(loss))
        framework = keras_update(plain, case, x, y)
        noisy_x = shaken(x, 99)
        noise = exact_update(
            case, [shaken(w, i) if w.dtype.kind == "f" else w for i, w in enumerate(weights)], noisy_x, y if case.classes else noisy_x
        )
        for name, value in exact_update(case, weights, x, y).items():
            assert_one_step_close(ours[name], value, framework[name], noise[name], f"{rows} rows, {name}")


def run(case: Case, plain: keras.Model, others: list[keras.Model], rate: float):
    """The float weights after every step of `train_on_batch` with SGD on batches of 10: of the model, of the others, of n2d2's."""
    models = [plain, *others, interop.wrap(clone(plain), 10)]
    for model in models:
        eager = {} if model is models[-1] else {"run_eagerly": True}  # tracing takes longer than ten steps
        model.compile(optimizer=keras.optimizers.SGD(rate), loss=loss_of(case), **eager)
    for step in range(10):
        x, y = rows_of(case, 10, step)
        for model in models:
            model.train_on_batch(x, y)
        yield [[w for w in model.get_weights() if w.dtype.kind == "f"] for model in models]


@pytest.mark.parametrize("case", LONG, ids=list(CASES))
def test_ten_steps(case):
    """From Keras' initial weights at rate 0.01 by the rule of `parity.Twin`, with three twins, each of which sees other ReLUs switch."""
    keras.utils.set_random_seed(0)
    plain, rule = made(case), Twin()
    twins = [clone(plain) for _ in range(3)]
    for i, twin in enumerate(twins):
        twin.set_weights([shaken(w, 1000 * i + j) if w.dtype.kind == "f" else w for j, w in enumerate(plain.get_weights())])
    for step, (expected, *noisy, ours) in enumerate(run(case, plain, twins, 0.01)):
        for weights in noisy:
            for a, b in zip(expected, weights, strict=True):
                rule.see(a, b)
        for i, (a, b) in enumerate(zip(ours, expected, strict=True)):
            rule.check(a, b, b, f"step {step}, weight {i}")


@pytest.mark.parametrize("case", LONG, ids=list(CASES))
def test_ten_steps_without_flips(case):
    """A twin that is the network itself allows nothing: the plain rule decides."""
    keras.utils.set_random_seed(0)
    plain = made(case)
    plain.set_weights(without_flips(plain))
    rate = {"mobilenet_v1": 1e-4, "resnet18": 1e-3}.get(case.name, 0.01)
    for step, (expected, ours) in enumerate(run(case, plain, [], rate)):
        for i, (a, b) in enumerate(zip(ours, expected, strict=True)):
            Twin().check(a, b, b, f"step {step}, weight {i}")
