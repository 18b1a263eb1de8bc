"""The learning rate, the count of updates, and what a saved model remembers of its solver."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras_nets import clone, digits, small

import keras_interoperability as interop
import n2d2
from keras_interoperability.rates import CLOSED_FORMS
from n2d2 import errors

S = keras.optimizers.schedules


@pytest.mark.parametrize(
    "schedule",
    [
        S.ExponentialDecay(0.1, 7, 0.9),
        S.ExponentialDecay(0.1, 7, 0.9, staircase=True),
        S.InverseTimeDecay(0.1, 7, 0.5),
        S.InverseTimeDecay(0.1, 7, 0.5, staircase=True),
        S.PiecewiseConstantDecay([5, 9.5, 20], [0.3, 0.2, 0.1, 0.05]),
        S.PolynomialDecay(0.1, 10, 0.01, power=2),
        S.PolynomialDecay(0.1, 10, 0.01, power=0.5, cycle=True),
        S.CosineDecay(0.1, 12, alpha=0.1),
        S.CosineDecay(0.01, 12, warmup_target=0.2, warmup_steps=5),
    ],
    ids=lambda s: type(s).__name__,
)
def test_closed_forms_of_schedules(schedule):
    for step in range(45):
        assert CLOSED_FORMS[type(schedule)](schedule, step) == pytest.approx(float(schedule(step)), rel=1e-5), step


def test_a_schedule_of_ones_own():
    class Halves(S.LearningRateSchedule):
        def __call__(self, step):
            return 0.5 / (1.0 + keras.ops.cast(step, "float32"))

        def get_config(self):
            return {}

    x, _, y = digits()
    plain = small()
    wrapped = interop.wrap(clone(plain), 32)
    for model in (plain, wrapped):
        model.compile(optimizer=keras.optimizers.SGD(Halves()), loss="categorical_crossentropy")
        model.fit(x[:128], y[:128], shuffle=False, verbose=0)
    for a, b in zip(wrapped.get_weights(), plain.get_weights(), strict=True):
        assert np.abs(a - b).max() < 1e-6


def test_rates_assigned_between_steps_reach_the_solver():
    x, _, y = digits()
    rates = []

    class Assign(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            rates.append(model._box["solver"].learning_rate)
            model.optimizer.learning_rate = 0.1 / (batch + 1)

    model = interop.wrap(small(), 32)
    model.compile(optimizer="sgd", loss="categorical_crossentropy")
    model.fit(x[:160], y[:160], verbose=0, callbacks=[Assign()])
    assert rates == pytest.approx([0.01, 0.1, 0.05, 0.1 / 3, 0.025])
    model.optimizer.learning_rate = S.ExponentialDecay(0.5, 1, 0.5)
    model.fit(x[:64], y[:64], verbose=0)
    assert model._box["solver"].learning_rate == pytest.approx(0.5 * 0.5**6)
    assert int(model.optimizer.iterations) == 7
    model.optimizer.iterations.assign(2)
    model.train_on_batch(x[:8], y[:8])
    assert model._box["solver"].learning_rate == pytest.approx(0.5 * 0.5**2)
    assert int(model.optimizer.iterations) == 3


OPTIMIZERS = {
    "keras adam": lambda: keras.optimizers.Adam(0.01),
    "keras momentum": lambda: keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True),
    "keras sgd": lambda: "sgd",
    "n2d2 adam": lambda: n2d2.solver.Adam(0.01),
    "n2d2 policy": lambda: n2d2.solver.SGD(
        0.1, momentum=0.9, learning_rate_policy="StepDecay", learning_rate_step_size=100, iteration_size=2
    ),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
@pytest.mark.parametrize("form", ["model", "weights"])
def test_a_loaded_model_goes_on_bit_for_bit(name, form, tmp_path):
    x, _, y = digits()
    model = interop.wrap(small(), 32)
    model.compile(optimizer=OPTIMIZERS[name](), loss="categorical_crossentropy")
    model.fit(x[:160], y[:160], shuffle=False, verbose=0)
    if form == "model":
        model.save(tmp_path / "model.keras")
        other = keras.models.load_model(tmp_path / "model.keras")
    else:
        model.save_weights(tmp_path / "model.weights.h5")
        other = interop.wrap(small(7), 32)
        other.compile(optimizer=OPTIMIZERS[name](), loss="categorical_crossentropy")
        other.load_weights(tmp_path / "model.weights.h5")
    for each in (model, other):
        each.fit(x[160:400], y[160:400], shuffle=False, verbose=0)
    assert int(other.optimizer.iterations) == int(model.optimizer.iterations) == 13
    assert other._box["solver"].iterations == model._box["solver"].iterations
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        assert np.array_equal(a, b)


@pytest.mark.parametrize("name", ["keras adam", "keras momentum"])
def test_plain_keras_goes_on_from_the_state_and_back(name, tmp_path):
    x, _, y = digits()
    models = [interop.wrap(small(), 32), small(7)]
    for model in models:
        model.compile(optimizer=OPTIMIZERS[name](), loss="categorical_crossentropy")
    models[1].optimizer.build(models[1].trainable_variables)
    for source, target, first in ((0, 1, 0), (1, 0, 160)):
        models[source].fit(x[first : first + 160], y[first : first + 160], shuffle=False, verbose=0)
        models[source].save_weights(tmp_path / f"{source}.weights.h5")
        models[target].load_weights(tmp_path / f"{source}.weights.h5")
    for model in models:
        model.fit(x[320:480], y[320:480], shuffle=False, verbose=0)
    for a, b in zip(*(model.get_weights() for model in models), strict=True):
        assert np.abs(a - b).max() < 1e-5


def test_the_state_of_another_solver_is_skipped_as_in_keras(tmp_path):
    x, _, y = digits()
    models = [interop.wrap(small(seed), 32) for seed in (0, 1)]
    for model, solver in zip(models, (n2d2.solver.Adam(), n2d2.solver.SGD()), strict=True):
        model.compile(optimizer=solver, loss="categorical_crossentropy")
        model.train_on_batch(x[:32], y[:32])
    models[0].save_weights(tmp_path / "adam.weights.h5")
    with pytest.warns(UserWarning, match=r"Skipping .* 8 arrays of another solver or model, SGD\(learning_rate=0.01\) has 0"):
        models[1].load_weights(tmp_path / "adam.weights.h5")
    for a, b in zip(*(model.get_weights() for model in models), strict=True):
        assert np.array_equal(a, b)


def test_a_source_is_wrapped_once():
    source = small()
    wrapped = interop.wrap(source, 4)
    with pytest.raises(errors.StateError, match=r"already live .*clone_model"):
        interop.wrap(source, 8)
    part = keras.Sequential([keras.Input((8, 8, 1)), source.layers[0]])
    with pytest.raises(errors.StateError, match="already live"):
        interop.wrap(part, 8)
    x = np.random.default_rng(0).random((4, 8, 8, 1), np.float32)
    expected = wrapped.predict(x, verbose=0)
    optimizer = keras.optimizers.Adam()
    wrapped.compile(optimizer=optimizer, loss="mse")
    del wrapped
    again = interop.wrap(source, 4)  # the first engine is gone, though its optimizer lives
    assert np.array_equal(again.predict(x, verbose=0), expected)
    assert not optimizer.built
