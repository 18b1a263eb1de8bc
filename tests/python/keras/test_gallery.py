"""Well-known Keras example scripts with and without the wrap line: one step, twenty steps, and what they learn."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from gallery import SCRIPTS, Script
from keras_nets import clone, precision, restarted
from parity import Twin, assert_one_step_close, distance, shaken

import keras_interoperability as interop

ROWS, RATE = 16, 0.1


def made(script: Script, seed: int = 0) -> keras.Model:
    keras.utils.set_random_seed(seed)
    return script.make()


def some(data: Any, rows: Any) -> Any:
    return keras.tree.map_structure(lambda part: part[rows], data)


def keras_step(model: keras.Model, script: Script, x: Any, y: Any) -> list[np.ndarray]:
    """Outputs in evaluation, gradients, and the weights after a step of SGD, in the model's own precision."""
    x = keras.tree.map_structure(lambda part: tf.constant(part, model.compute_dtype), x)
    before = [np.asarray(part) for part in keras.tree.flatten(model(x, training=False))]
    with tf.GradientTape() as tape:
        outputs = model(x, training=True)
        losses = script.loss if isinstance(script.loss, dict) else {None: script.loss}
        loss = sum(model.losses, tf.zeros((), model.compute_dtype))
        for name, given in losses.items():
            target, output = (y, outputs) if name is None else (y[name], outputs[name])
            target = tf.constant(target, model.compute_dtype) if target.dtype.kind == "f" else target
            loss += tf.reduce_mean(keras.losses.get(given)(target, output))
    gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        variable.assign(variable - RATE * gradient)
    return [*before, *[np.asarray(g) for g in gradients], *model.get_weights()]


def exact_step(script: Script, weights: list[np.ndarray], x: Any, y: Any) -> list[np.ndarray]:
    with precision("float64"):
        model = script.make()
        model.set_weights(weights)
        return keras_step(model, script, x, y)


def our_step(model: keras.Model, script: Script, x: Any, y: Any) -> list[np.ndarray]:
    wrapped = interop.wrap(clone(model), ROWS)
    wrapped.compile(optimizer=keras.optimizers.SGD(RATE), loss=script.loss)
    before = keras.tree.flatten(wrapped.predict(x, verbose=0))
    wrapped.train_on_batch(x, y)
    session = wrapped._session
    keys = {id(variable): key for key, variable in session.training.variables.items()}
    return [*before, *[session.network.gradient(keys[id(v)]).reshape(v.shape) for v in wrapped.trainable_variables], *wrapped.get_weights()]


@pytest.mark.parametrize("name", SCRIPTS)
def test_one_step(name):
    script = SCRIPTS[name]
    x, y = (some(part, slice(0, ROWS)) for part in script.data())
    model = made(script)
    weights = [
        w + 0.02 * np.random.default_rng(i).standard_normal(w.shape).astype("float32") ** 2 for i, w in enumerate(model.get_weights())
    ]
    model.set_weights(weights)
    ours = our_step(model, script, x, y)
    exact = exact_step(script, weights, x, y)
    noise = exact_step(script, [shaken(w, i) for i, w in enumerate(weights)], keras.tree.map_structure(lambda part: shaken(part, 99), x), y)
    framework = keras_step(model, script, x, y)
    for number, parts in enumerate(zip(ours, exact, framework, noise, strict=True)):
        assert_one_step_close(*parts, f"{name}, tensor {number}")
    assert distance(exact[-1], weights[-1]) > 0


def trained(model: keras.Model, script: Script, weights: list[np.ndarray]) -> list[list[np.ndarray]]:
    """Loss and weights after each of twenty steps."""
    x, y = script.data()
    model.set_weights(weights)
    found = []
    for step in range(20):
        model.reset_metrics()
        loss = model.train_on_batch(*[some(part, slice(step * ROWS, (step + 1) * ROWS)) for part in (x, y)])
        found.append([np.asarray(loss), *model.get_weights()])
    return found


def broken_rule(script: Script, seed: int) -> str:
    """How a start breaks the rule of `parity.Twin`; empty when it does not."""
    plain = made(script, seed)
    weights, wrapped = plain.get_weights(), interop.wrap(clone(plain), ROWS)
    for model in (plain, wrapped):
        model.compile(optimizer=keras.optimizers.SGD(0.02, momentum=0.9), loss=script.loss)
    ours, framework = (trained(model, script, weights) for model in (wrapped, plain))
    twin = trained(restarted(plain), script, [shaken(w, i) for i, w in enumerate(weights)])
    rule = Twin()
    try:
        for step, tensors in enumerate(zip(ours, framework, twin, strict=True)):
            for number, values in enumerate(zip(*tensors, strict=True)):
                rule.check(*values, f"start {seed}: tensor {number} (0: the loss) after step {step}")
    except AssertionError as error:
        return str(error)
    return ""


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_twenty_steps(name):
    """The U-Net has three starts, of which two must keep the rule: from start 0 a ReLU or pool decides by rounding and moves weights by 1e-4, as
    in 2 of 90 twins of Keras' own, at the same step by the same amount. A defect is in every start."""
    starts = 3 if name == "U-Net" else 1
    broken = [found for seed in range(starts) if (found := broken_rule(SCRIPTS[name], seed))]
    assert len(broken) <= starts // 2, f"{name}: {broken}"


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_five_seeds(name):
    """The last metric (an accuracy, else the loss) on rows not trained on: means of five seeds differ by no more than chance allows."""
    script = SCRIPTS[name]
    x, y = script.data()
    results: dict[bool, list[float]] = {True: [], False: []}
    for seed in range(5):
        for is_wrapped, found in results.items():
            model = interop.wrap(made(script, seed), 32) if is_wrapped else made(script, seed)
            model.compile(optimizer=keras.optimizers.Adam(script.rate), loss=script.loss, metrics=script.metrics)
            keras.utils.set_random_seed(100 + seed)
            model.fit(some(x, slice(0, 800)), some(y, slice(0, 800)), batch_size=32, epochs=4, verbose=0)
            result = model.evaluate(some(x, slice(800, 1200)), some(y, slice(800, 1200)), verbose=0, return_dict=True)
            found.append(next((value for key, value in result.items() if "accuracy" in key), result["loss"]))
    ours, theirs = np.array(results[True]), np.array(results[False])
    standard_error = np.sqrt((ours.var(ddof=1) + theirs.var(ddof=1)) / 5)
    assert abs(ours.mean() - theirs.mean()) <= 2 * standard_error, (ours, theirs)
