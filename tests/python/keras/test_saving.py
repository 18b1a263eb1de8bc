"""Models that are trained on elsewhere, cloned, saved and loaded, beside plain Keras."""

from __future__ import annotations

import pickle

import keras
import numpy as np
import pytest
from comparing import assert_same
from habits import COMPILED, X, fit
from keras import layers
from keras_nets import small

import keras_interoperability as interop


def test_the_original_is_trained_on_in_plain_keras():
    source = small()
    source.compile("sgd", **COMPILED)
    source.predict(X[:4], verbose=0)  # traced before it is wrapped
    model = interop.wrap(source, 16)
    model.compile("sgd", **COMPILED)
    for each in (model, source, model):
        fit(each, epochs=1)
        assert_same(source.predict(X, verbose=0), model.predict(X, verbose=0))


def trained(optimizer=None) -> keras.Model:
    model = interop.wrap(small(), 16)
    model.compile(optimizer or keras.optimizers.Adam(0.01), **COMPILED)
    fit(model, epochs=1, shuffle=False)
    return model


def test_clones_and_configs():
    model = trained()
    twin = keras.models.clone_model(model)
    assert type(twin) is keras.Sequential
    twin.set_weights(model.get_weights())
    assert np.abs(twin.predict(X, verbose=0) - model.predict(X, verbose=0)).max() < 1e-6
    again = type(model).from_config(model.get_config())
    assert [v.shape for v in again.weights] == [v.shape for v in model.weights]
    copy = pickle.loads(pickle.dumps(model))
    assert np.array_equal(copy.predict(X, verbose=0), model.predict(X, verbose=0))


@pytest.mark.parametrize("optimizer", [keras.optimizers.Adam(0.01), keras.optimizers.RMSprop(0.01)], ids=["engine", "Keras"])
@pytest.mark.parametrize("name", ["model.keras", "model.weights.h5"])
def test_saved_models_go_on_bit_for_bit(optimizer, name, tmp_path):
    model = trained(type(optimizer).from_config(optimizer.get_config()))
    model.save_weights(tmp_path / name) if "weights" in name else model.save(tmp_path / name)
    if "weights" in name:
        other = interop.wrap(small(7), 16)
        other.compile(type(optimizer).from_config(optimizer.get_config()), **COMPILED)
        other.load_weights(tmp_path / name)
    else:
        other = keras.models.load_model(tmp_path / name)
    assert type(other) is type(model)
    histories = [fit(each, epochs=2, shuffle=False) for each in (model, other)]
    assert histories[0] == histories[1]
    for a, b in zip(model.get_weights(), other.get_weights(), strict=True):
        assert np.array_equal(a, b)


def test_the_old_format_keeps_weights_rate_and_count(tmp_path):
    """Plain Keras cannot train a model from such a file any further; this one can, its solver's slots beginning anew."""
    model = trained()
    model.optimizer.learning_rate = 0.003
    model.save(tmp_path / "model.h5")
    other = keras.models.load_model(tmp_path / "model.h5")
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), other.get_weights(), strict=True))
    assert int(other.optimizer.iterations) == int(model.optimizer.iterations)
    fit(other, epochs=1)
    assert other._box["solver"].learning_rate == pytest.approx(0.003)


def test_weights_go_to_plain_keras_and_back(tmp_path):
    model, plain = trained(), small(9)
    model.save_weights(tmp_path / "w.weights.h5")
    plain.compile(keras.optimizers.Adam(0.01), **COMPILED)
    plain.load_weights(tmp_path / "w.weights.h5")
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), plain.get_weights(), strict=True))
    plain.set_weights([w * 2 for w in plain.get_weights()])
    plain.save_weights(tmp_path / "p.weights.h5")
    model.load_weights(tmp_path / "p.weights.h5", skip_mismatch=False)
    assert all(np.array_equal(a, b) for a, b in zip(model.get_weights(), plain.get_weights(), strict=True))
    assert np.abs(model.predict(X, verbose=0) - plain.predict(X, verbose=0)).max() < 1e-5


def test_models_with_several_inputs_and_outputs_are_saved_and_loaded(tmp_path):
    a, b = keras.Input((3,), name="a"), keras.Input((2,), name="b")
    hidden = layers.Dense(4, activation="tanh")(layers.Concatenate()([a, b]))
    source = keras.Model({"a": a, "b": b}, {"u": layers.Dense(1, name="u")(hidden), "v": layers.Dense(2, name="v")(hidden)})
    model = interop.wrap(source, 8)
    rng = np.random.default_rng(0)
    x, y = {"a": rng.random((9, 3)), "b": rng.random((9, 2))}, {"u": rng.random((9, 1)), "v": rng.random((9, 2))}
    model.compile("adam", {"u": "mse", "v": "mae"}, metrics={"v": ["mse"]})
    model.fit(x, y, verbose=0)
    model.save(tmp_path / "model.keras")
    other = keras.models.load_model(tmp_path / "model.keras")
    for each in (model, other):
        each.fit(x, y, verbose=0, shuffle=False)
    assert_same(other.predict(x, verbose=0), model.predict(x, verbose=0))
    assert_same(other.evaluate(x, y, verbose=0, return_dict=True), model.evaluate(x, y, verbose=0, return_dict=True))
