"""One configuration of a layer against Keras in float64: outputs in both modes, gradients of inputs and weights, moving statistics."""

from __future__ import annotations

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import tensorflow as tf
from layer_cases import build
from parity import error_and_allowance, shaken

import keras_interoperability as interop

ROWS = 4


def drawn_weights(model: keras.Model, seed: int) -> list[np.ndarray]:
    """Random weights; variances are positive."""
    rng = np.random.default_rng(seed)
    drawn = []
    for variable in model.weights:
        values = rng.standard_normal(variable.shape) * 0.5
        is_variance = "variance" in variable.path
        is_scale = variable.path.endswith(("gamma", "/scale"))
        drawn.append((np.abs(values) + 0.5 if is_variance or is_scale else values).astype(np.float32))
    return drawn


def reference(configuration, weights, xs, dys, dtype: str) -> dict[str, np.ndarray]:
    """What Keras computes in the given precision; pools of three axes exist in float32 alone."""
    model = build(configuration, dtype)
    if any(isinstance(layer, keras.layers.MaxPooling3D | keras.layers.AveragePooling3D) for layer in model.layers):
        dtype, model = "float32", build(configuration, "float32")
    model.set_weights(weights)
    refresh(model)
    tensors = [tf.constant(x, dtype) for x in xs]
    results = {"evaluation": model(tensors, training=False)}
    with tf.GradientTape() as tape:
        tape.watch(tensors)
        output = model(tensors, training=True)
        loss = tf.reduce_sum(output * tf.constant(dys, dtype))
    trained = model.trainable_variables
    gradients = tape.gradient(loss, [*tensors, *[v.value for v in trained]], unconnected_gradients=tf.UnconnectedGradients.ZERO)
    results |= {"forward": output} | {f"gradient of input {i}": g for i, g in enumerate(gradients[: len(tensors)])}
    results |= {f"gradient of weight {v.path}": tf.convert_to_tensor(g) for v, g in zip(trained, gradients[len(tensors) :], strict=True)}
    results |= {f"statistic {v.path}": v.value for v in statistics(model)}
    return {key: np.asarray(value) for key, value in results.items()}


def statistics(model: keras.Model) -> list[keras.Variable]:
    """What is not trained, without the state of random generators."""
    return [v for v in model.non_trainable_variables if keras.backend.is_float_dtype(v.dtype)]


def refresh(model: keras.Model) -> None:
    """Keras' Normalization keeps a copy of its weights."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()


def ours(configuration, weights, xs, make_dy, capacity: int = ROWS) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The same by the engine, wrapped for batches of `capacity`, and the gradient of the output that was drawn."""
    rows = len(xs[0])
    model = build(configuration, "float32")
    model.set_weights(weights)
    refresh(model)
    wrapped = interop.wrap(model, capacity)
    session = wrapped._session
    results = {"evaluation": session.evaluate(xs).outputs[0].copy()}
    (activation,) = session.training.activations
    shape = [-d * rows if d < 0 else d for d in session.training.graph.outputs[0].shape]
    output, gradients = np.empty(shape, np.float32), [np.zeros_like(x) for x in xs]
    state = session.network.forward(
        [x.ctypes.data for x in xs], rows, [output.ctypes.data], train=True, keep=True, input_gradients=True, key=1
    )
    dy = make_dy(output.shape)
    given, forward = dy, output
    if activation:  # the engine gives what stands before it
        tensor = tf.Variable(output)
        with tf.GradientTape() as tape:
            forward = getattr(tf.nn, activation.lower())(tensor)
        given = np.ascontiguousarray(tape.gradient(forward, tensor, output_gradients=tf.constant(dy)))
    session.network.backward(state, [given.ctypes.data], [g.ctypes.data for g in gradients])
    results["forward"] = np.asarray(forward)
    results |= {f"gradient of input {i}": g for i, g in enumerate(gradients)}
    keys = {id(variable): key for key, variable in session.training.variables.items()}
    for v in model.trainable_variables:
        results[f"gradient of weight {v.path}"] = session.network.gradient(keys[id(v)]).reshape(v.shape).copy()
    results |= {f"statistic {v.path}": np.asarray(v.value).copy() for v in statistics(model)}
    return results, dy


def compare(
    configuration, seed: int = 0, draw=drawn_weights, settle=None, rows: int = ROWS, capacity: int = ROWS
) -> dict[str, tuple[float, float]]:
    """(error, allowance) of every tensor, after the rule for one step in `parity.py`; the model is wrapped for batches of `capacity`.

    `settle(model in float64, weights, inputs)`: gives weights for which gradients can be compared, as `kinks.settled`.
    """
    rng = np.random.default_rng(seed)
    xs = [rng.standard_normal((rows, *shape)).astype(np.float32) for shape in configuration[0]]
    keras.utils.set_random_seed(seed)
    weights = draw(build(configuration, "float32"), seed)
    if settle:
        weights = settle(build(configuration, "float64"), weights, xs)
    found, dy = ours(configuration, weights, xs, lambda shape: rng.standard_normal(shape).astype(np.float32), capacity)
    exact = reference(configuration, weights, xs, dy, "float64")
    noisy = [shaken(w, i) for i, w in enumerate(weights)], [shaken(x, 99) for x in xs]
    others = [reference(configuration, weights, xs, dy, "float32"), reference(configuration, *noisy, dy, "float64")]
    assert [value.shape for value in found.values()] == [value.shape for value in exact.values()]
    tensors = zip(exact, found.values(), exact.values(), *(other.values() for other in others), strict=True)
    return {name: error_and_allowance(*values) for name, *values in tensors}
