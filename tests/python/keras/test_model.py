"""What a wrapped model does in a user's script."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras_nets import batch_norm_net, clone, digits, small

import keras_interoperability as interop
import keras_to_n2d2
import n2d2


@pytest.fixture
def trained():
    x, _, y = digits()
    model = interop.wrap(small(), 32)
    model.compile(loss="categorical_crossentropy", metrics=["accuracy"])
    model.fit(x[:320], y[:320], batch_size=32, verbose=0)
    return model


def test_it_is_a_keras_model():
    source = small()
    model = interop.wrap(source, 32, name="mine")
    assert isinstance(model, keras.Sequential)
    assert model.name == "mine"
    assert [layer.name for layer in model.layers] == [layer.name for layer in source.layers]
    assert model.count_params() == source.count_params()
    assert model.input_shape == source.input_shape
    assert keras_to_n2d2.wrap is interop.wrap
    with pytest.raises(NotImplementedError, match="fixed list"):
        model.add(keras.layers.Dense(1))


def test_summary_names_the_solver_before_and_after_compile(capsys):
    model = interop.wrap(small(), 32)
    model.summary()
    assert "SGD(learning_rate=0.01)" in capsys.readouterr().out
    model.compile(optimizer=n2d2.solver.Adam(), loss="mse")
    model.summary()
    text = capsys.readouterr().out
    assert "Adam(learning_rate=0.001)" in text
    assert "SGD" not in text
    model.compile(optimizer="lion", loss="mse")
    model.summary()
    text = capsys.readouterr().out
    assert "Solver: Lion of Keras" in text
    assert "Adam" not in text


def test_weights_are_visible_and_settable(trained):
    x, _, y = digits()
    plain = clone(small())
    plain.set_weights(trained.get_weights())
    assert np.abs(plain.predict(x[:50], verbose=0) - trained.predict(x[:50], verbose=0)).max() < 1e-6
    trained.layers[0].kernel.assign(trained.layers[0].kernel * 0.5)
    plain.set_weights(trained.get_weights())
    assert np.abs(plain.predict(x[:50], verbose=0) - trained.predict(x[:50], verbose=0)).max() < 1e-6
    before = trained._source.layers[0].kernel.numpy()
    trained.train_on_batch(x[:32], y[:32])
    assert np.abs(trained._source.layers[0].kernel.numpy() - before).max() > 0  # the original sees it too


def test_callbacks(trained, tmp_path):
    x, _, y = digits()
    rates = []
    callbacks = [
        keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (epoch + 1)),
        keras.callbacks.LambdaCallback(on_epoch_end=lambda e, logs: rates.append(trained._box["solver"].learning_rate)),
        keras.callbacks.ModelCheckpoint(str(tmp_path / "best.weights.h5"), save_weights_only=True),
        keras.callbacks.EarlyStopping(monitor="loss", patience=3, restore_best_weights=True),
        keras.callbacks.CSVLogger(str(tmp_path / "log.csv")),
    ]
    trained.fit(x[:320], y[:320], batch_size=32, epochs=3, verbose=0, callbacks=callbacks)
    assert rates == pytest.approx([0.1, 0.05, 0.1 / 3])
    other = interop.wrap(small(9), 32)
    other.compile(loss="categorical_crossentropy")
    other.load_weights(str(tmp_path / "best.weights.h5"))
    assert np.abs(other.predict(x[:20], verbose=0) - trained.predict(x[:20], verbose=0)).max() < 1e-6


def test_learning_rate_schedules():
    x, _, y = digits()
    weights = []
    for wrapped in (False, True):
        model = small()
        if wrapped:
            model = interop.wrap(model, 32)
        schedule = keras.optimizers.schedules.ExponentialDecay(0.5, 3, 0.5)
        model.compile(optimizer=keras.optimizers.SGD(schedule), loss="categorical_crossentropy")
        model.fit(x[:320], y[:320], batch_size=32, shuffle=False, verbose=0)
        weights.append(model.get_weights())
    for a, b in zip(*weights, strict=True):
        assert np.abs(a - b).max() < 1e-5


def test_save_and_load(trained, tmp_path):
    x, _, y = digits()
    trained.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded) is type(trained)
    assert np.array_equal(loaded.predict(x[:20], verbose=0), trained.predict(x[:20], verbose=0))
    loaded.fit(x[:64], y[:64], verbose=0)


def test_batch_functions_generators_and_datasets(trained):
    x, _, y = digits()
    assert trained.predict_on_batch(x[:5]).shape == (5, 10)
    assert set(trained.test_on_batch(x[:5], y[:5], return_dict=True)) == {"loss", "accuracy"}
    trained.fit(tf.data.Dataset.from_tensor_slices((x[:64], y[:64])).batch(16), verbose=0)
    trained.fit(((x[i : i + 8], y[i : i + 8]) for i in range(0, 64, 8)), steps_per_epoch=8, verbose=0)
    trained.compile(loss="categorical_crossentropy", steps_per_execution=3)
    trained.fit(x[:70], y[:70], batch_size=10, verbose=0)
    assert trained.predict(x[:70], batch_size=10, verbose=0).shape == (70, 10)
    assert np.asarray(trained.predict(x[:1], verbose=0)).shape == (1, 10)


def test_calls_and_tapes(trained):
    x, _, _ = digits()
    x = tf.constant(x[:4])
    assert np.abs(np.asarray(trained(x)) - trained.predict(x, verbose=0)).max() < 1e-6
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = trained(x)
    assert tape.gradient(y, x) is not None
    symbolic = keras.Model(trained.inputs, trained(trained.inputs[0]))
    assert np.abs(symbolic.predict(x, verbose=0) - trained.predict(x, verbose=0)).max() < 1e-6


def written_by_a_checkpoint(model, tmp_path):
    path = tf.train.Checkpoint(weights=[v.value for v in model.variables]).save(tmp_path / "saved")
    model.set_weights([w * 0 for w in model.get_weights()])
    model(tf.zeros((1, 8, 8, 1)))
    tf.train.Checkpoint(weights=[v.value for v in model.variables]).restore(path)


def written_in_a_trace(model, tmp_path):
    tf.function(lambda: [v.assign(v.value * 0.5) for v in model.variables])()


def written_by_a_raw_operation(model, tmp_path):
    kernel = model.layers[-1].kernel.value
    tf.raw_ops.AssignAddVariableOp(resource=kernel.handle, value=kernel * 0.5)


@pytest.mark.parametrize("write", [written_by_a_checkpoint, written_in_a_trace, written_by_a_raw_operation])
def test_a_call_sees_what_was_written_past_keras(trained, write, tmp_path):
    x = tf.constant(digits()[0][:4])
    write(trained, tmp_path)
    expected = np.asarray(trained._functional(x))
    assert np.abs(np.asarray(trained(x)) - expected).max() <= 1e-6


def test_deepnet_cell_and_for_export(trained):
    x, _, _ = digits()
    deepnet = trained.get_deepnet_cell()
    assert {"conv", "dense"} <= {cell.name for cell in deepnet}
    assert deepnet["conv"].type == "Conv"
    kernel, bias = deepnet["conv"].get_weights().values()
    assert np.array_equal(kernel.transpose(2, 3, 1, 0), trained.layers[0].kernel.numpy())
    assert bias.shape == (8,)
    assert np.abs(deepnet(x[:6]) - trained.predict(x[:6], verbose=0)).max() < 1e-6
    export = interop.wrap(small(), 32, for_export=True).get_deepnet_cell()
    assert not any(cell.is_layout for cell in export)
    assert any(cell.is_layout for cell in deepnet)


def test_frozen_layers_stay():
    x, _, y = digits()
    source = small()
    source.layers[0].trainable = False
    model = interop.wrap(source, 32)
    model.compile(optimizer="adam", loss="categorical_crossentropy")
    before = model.get_weights()
    model.fit(x[:96], y[:96], verbose=0)
    after = model.get_weights()
    assert np.array_equal(before[0], after[0])
    assert not np.array_equal(before[2], after[2])


def test_nan_passes_through(trained):
    x, _, _ = digits()
    x = x[:3].copy()
    x[1, 3, 3, 0] = np.nan
    out = trained.predict(x, verbose=0)
    assert np.isnan(out[1]).all()
    assert not np.isnan(out[[0, 2]]).any()


def test_an_interrupted_fit_leaves_consistent_weights(trained):
    x, _, y = digits()

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if batch == 3:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trained.fit(x[:320], y[:320], batch_size=32, verbose=0, callbacks=[Stop()])
    weights = trained.get_weights()
    assert all(np.isfinite(w).all() for w in weights)
    plain = clone(small())
    plain.set_weights(weights)
    assert np.abs(plain.predict(x[:9], verbose=0) - trained.predict(x[:9], verbose=0)).max() < 1e-6
    trained.fit(x[:64], y[:64], verbose=0)


def test_a_failing_loss_leaves_the_model_usable(trained):
    x, _, _ = digits()
    with pytest.raises((ValueError, tf.errors.InvalidArgumentError)):  # Keras' own error
        trained.train_on_batch(x[:4], np.zeros((4, 3), np.float32))
    assert trained._session.network.pending == 0
    assert trained.predict(x[:4], verbose=0).shape == (4, 10)


def test_functional_model_keeps_its_moving_statistics():
    model = interop.wrap(batch_norm_net(), 16)
    x, _, y = digits()
    model.compile(optimizer="sgd", loss="categorical_crossentropy")
    bn = next(layer for layer in model.layers if layer.name == "stem_bn")
    before = bn.moving_mean.numpy()
    model.fit(x[:64], y[:64], batch_size=16, verbose=0)
    assert np.abs(bn.moving_mean.numpy() - before).max() > 0
