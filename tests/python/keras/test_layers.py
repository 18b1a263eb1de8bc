"""Every layer that is supported, alone in a model: output and training step against Keras."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers
from keras_nets import clone

import keras_interoperability as interop

IMAGE = (9, 7, 5)
CASES = {
    "conv same": (IMAGE, lambda: [layers.Conv2D(6, 3, padding="same", activation="relu")]),
    "conv same stride 2": (IMAGE, lambda: [layers.Conv2D(6, (3, 2), strides=2, padding="same")]),
    "conv dilated": (IMAGE, lambda: [layers.Conv2D(4, 3, dilation_rate=2)]),
    "conv groups": ((9, 7, 4), lambda: [layers.Conv2D(6, 3, groups=2, use_bias=False)]),
    "dense on images": (IMAGE, lambda: [layers.Dense(3, activation="sigmoid"), layers.Flatten(), layers.Dense(2)]),
    "max pool same": (IMAGE, lambda: [layers.Conv2D(4, 3), layers.MaxPooling2D(2, padding="same")]),
    "max pool overlapping": (IMAGE, lambda: [layers.Conv2D(4, 2), layers.MaxPooling2D(3, strides=2)]),
    "average pool same": (IMAGE, lambda: [layers.Conv2D(4, 3), layers.AveragePooling2D(3, strides=2, padding="same")]),
    "global average": (IMAGE, lambda: [layers.Conv2D(4, 3), layers.GlobalAveragePooling2D()]),
    "global average kept": (IMAGE, lambda: [layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(keepdims=True)]),
    "batch norm 4": (IMAGE, lambda: [layers.Conv2D(4, 3), layers.BatchNormalization(momentum=0.9)]),
    "batch norm 3": ((6, 5), lambda: [layers.Dense(4), layers.BatchNormalization(scale=False)]),
    "batch norm 2": ((6,), lambda: [layers.Dense(4), layers.BatchNormalization(center=False)]),
    "frozen batch norm": ((6,), lambda: [layers.Dense(4), layers.BatchNormalization(trainable=False)]),
    "activations": (
        (6,),
        lambda: [layers.Dense(4, activation="tanh"), layers.Activation("leaky_relu"), layers.Dense(3, activation="log_softmax")],
    ),
    "relu layers": (
        (6,),
        lambda: [layers.Dense(5), layers.LeakyReLU(), layers.Dense(4), layers.ReLU(negative_slope=0.3), layers.Dense(3), layers.ReLU()],
    ),
    "softmax layer": ((6,), lambda: [layers.Dense(5), layers.Softmax(), layers.Dense(2)]),
    "reshape permute": (
        (4, 6),
        lambda: [layers.Reshape((6, 4)), layers.Permute((2, 1)), layers.Dense(3), layers.Flatten(), layers.Dense(2)],
    ),
    "padding rescaling": (IMAGE, lambda: [layers.Rescaling(0.5, offset=-1), layers.ZeroPadding2D(((1, 2), (0, 3))), layers.Conv2D(2, 3)]),
    "dropout 0": ((6,), lambda: [layers.Dropout(0.0), layers.Dense(3)]),
}


@pytest.mark.parametrize("name", CASES)
def test_layer(name):
    shape, make = CASES[name]
    keras.utils.set_random_seed(11)
    plain = keras.Sequential([keras.Input(shape), *make()])
    wrapped = interop.wrap(clone(plain), 6)
    rng = np.random.default_rng(0)
    x = rng.standard_normal((6, *shape)).astype("float32")
    y = rng.standard_normal((6, *plain.output_shape[1:])).astype("float32")
    assert np.abs(wrapped.predict(x, verbose=0) - plain.predict(x, verbose=0)).max() < 1e-5
    for model in (plain, wrapped):
        model.compile(optimizer=keras.optimizers.SGD(0.1), loss="mse")
        for _ in range(2):
            model.train_on_batch(x, y)
    for a, b, variable in zip(wrapped.get_weights(), plain.get_weights(), plain.weights, strict=True):
        assert np.abs(a - b).max() <= 1e-5 + 1e-4 * np.abs(b).max(), variable.path


def test_merging_layers_shared_layers_and_nesting():
    keras.utils.set_random_seed(1)
    a, b = keras.Input((6,), name="a"), keras.Input((6,), name="b")
    shared = layers.Dense(4, activation="relu", name="shared")
    u, v = shared(a), shared(b)
    merged = layers.Concatenate()([layers.Add()([u, v]), layers.Subtract()([u, v]), layers.Multiply()([u, v]), layers.Average()([u, v])])
    inner = keras.Sequential([keras.Input((16,)), layers.Dense(5, activation="tanh")], name="inner")
    plain = keras.Model([a, b], [layers.Dense(2, name="first")(inner(merged)), layers.Dense(1, name="second")(merged)])
    wrapped = interop.wrap(clone(plain), 8)
    rng = np.random.default_rng(0)
    x = [rng.standard_normal((8, 6)).astype("float32") for _ in range(2)]
    y = [rng.standard_normal((8, 2)).astype("float32"), rng.standard_normal((8, 1)).astype("float32")]
    for model in (plain, wrapped):
        model.compile(optimizer=keras.optimizers.SGD(0.1), loss=["mse", "mae"], loss_weights=[1.0, 0.5])
        model.fit(x, y, batch_size=4, epochs=2, shuffle=False, verbose=0)
    for p, q in zip(wrapped.predict(x, verbose=0), plain.predict(x, verbose=0), strict=True):
        assert np.abs(p - q).max() < 1e-5
    for p, q in zip(wrapped.get_weights(), plain.get_weights(), strict=True):
        assert np.abs(p - q).max() < 1e-5


def test_dropout_drops_in_training_alone_and_repeats_with_the_seed():
    plain = keras.Sequential([keras.Input((100,)), layers.Dropout(0.4), layers.Dense(1, use_bias=False)])
    wrapped = interop.wrap(plain, 4)
    x = np.ones((4, 100), np.float32)
    assert np.abs(wrapped.predict(x, verbose=0) - plain.predict(x, verbose=0)).max() < 1e-6
    session = wrapped._session
    masks = []
    for seed in (1, 1, 2):
        keras.utils.set_random_seed(seed)
        masks.append(session.forward([x])[0].copy())
        session.drop()
    assert np.array_equal(masks[0], masks[1])
    assert not np.array_equal(masks[0], masks[2])


RANDOM = {
    "dropout": ((50, 8), lambda: layers.Dropout(0.4), ()),
    "noise shape": ((6, 5, 8), lambda: layers.Dropout(0.4, noise_shape=(None, 1, 1, None)), (1, 2)),
    "spatial 1": ((50, 8), lambda: layers.SpatialDropout1D(0.4), (1,)),
    "spatial 2": ((6, 5, 8), lambda: layers.SpatialDropout2D(0.4), (1, 2)),
    "spatial 3": ((3, 4, 5, 8), lambda: layers.SpatialDropout3D(0.4), (1, 2, 3)),
    "gaussian noise": ((50, 8), lambda: layers.GaussianNoise(0.5), ()),
    "gaussian dropout": ((50, 8), lambda: layers.GaussianDropout(0.4), ()),
    "alpha dropout": ((50, 8), lambda: layers.AlphaDropout(0.4), ()),
}


@pytest.mark.parametrize("name", RANDOM)
def test_random_layers(name):
    """Identity in evaluation; in training mean and deviation are Keras', elements share their number along the axes that Keras shares."""
    shape, make, shared = RANDOM[name]
    plain = keras.Sequential([keras.Input(shape), make()])
    x = np.full((64, *shape), 0.7, np.float32)
    session = interop.wrap(plain, 64)._session
    np.testing.assert_array_equal(session.evaluate([x]).outputs[0], x)
    keras.utils.set_random_seed(4)
    ours, theirs = session.forward([x])[0].copy(), np.asarray(plain(x, training=True))
    session.drop()
    independent = x.size / np.prod([x.shape[axis] for axis in shared], dtype=int)
    allowed = 5 * theirs.std() / np.sqrt(independent)
    assert abs(ours.mean() - theirs.mean()) < 1.5 * allowed
    assert abs(ours.std() - theirs.std()) < 2 * allowed
    if shared:
        assert (ours.max(axis=shared) == ours.min(axis=shared)).all()
    assert (ours.reshape(64, -1).std(axis=0) > 0).all()  # every row draws for itself
