"""Models of every making: layers of one's own, Lambda, subclassed, nested, shared, loaded from files; and what cannot be followed."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from keras import layers, ops

import keras_interoperability as interop
from n2d2 import errors


class Scale(layers.Layer):
    """A weight that is worked on before it meets the input."""

    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="random_normal", name="scale")
        self.shift = self.add_weight(shape=(shape[-1],), initializer="random_normal", trainable=False, name="shift")

    def call(self, x):
        return x * ops.reshape(1.0 + self.scale, (1, -1)) + self.shift


class Block(layers.Layer):
    """Layers inside a layer, one of them twice, and a difference between the modes."""

    def __init__(self, units, **kwargs):
        super().__init__(**kwargs)
        self.dense = layers.Dense(units, activation="tanh")
        self.norm = layers.BatchNormalization(momentum=0.8)
        self.frozen = layers.BatchNormalization(momentum=0.8)

    def call(self, x, training=None):
        y = self.norm(self.dense(self.dense(x)))
        y = self.frozen(y, training=False)
        return x + y * (2.0 if training else 0.5)


def _trained_alike(make, x, y, steps=3):
    """Trains the model that `make` builds in Keras and in n2d2; returns both."""
    plain, source = make(), make()
    source.set_weights(plain.get_weights())
    wrapped = interop.wrap(source, len(x[0]) if isinstance(x, list) else len(x))
    _alike(wrapped.predict(x, verbose=0), plain.predict(x, verbose=0))
    for model in (plain, wrapped):
        model.compile(optimizer=keras.optimizers.SGD(0.05), loss="mse")
    for _ in range(steps):
        losses = [model.train_on_batch(x, y) for model in (plain, wrapped)]
        assert losses[1] == pytest.approx(losses[0], rel=1e-4)
    for a, b, variable in zip(wrapped.get_weights(), plain.get_weights(), plain.weights, strict=True):
        assert np.abs(a - b).max() <= 1e-5 + 1e-4 * np.abs(b).max(), variable.path
    _alike(wrapped.predict(x, verbose=0), plain.predict(x, verbose=0))
    return plain, wrapped


def _alike(a, b):
    for p, q in zip(keras.tree.flatten(a), keras.tree.flatten(b), strict=True):
        assert np.abs(p - q).max() <= 1e-5 * max(1.0, np.abs(q).max())


def _data(*shapes, rows=8):
    rng = np.random.default_rng(3)
    return [rng.standard_normal((rows, *shape)).astype(np.float32) for shape in shapes]


def test_layers_of_ones_own():
    def make():
        return keras.Sequential([keras.Input((6,)), layers.Dense(5), Scale(name="scale"), Block(5, name="block"), layers.Dense(2)])

    block = make().layers[2]
    nodes = len(block.dense._inbound_nodes)
    _, wrapped = _trained_alike(make, *_data((6,), (2,)))
    assert len(wrapped.layers[2].dense._inbound_nodes) == nodes  # following the call leaves nothing behind
    paths = {node.path for node in wrapped._session.training.graph.nodes}
    assert any(path.startswith("block/dense") for path in paths)


def test_lambda_and_functions_as_activations():
    def make():
        return keras.Sequential(
            [
                keras.Input((6, 4)),
                layers.Lambda(lambda x, factor: x * factor, arguments={"factor": 0.5}),
                layers.Dense(5, activation=lambda x: ops.tanh(x) * 2.0),
                layers.Dense(3, activation=layers.LeakyReLU(negative_slope=0.1)),
                layers.Lambda(lambda x: ops.mean(x, axis=1)),
            ]
        )

    _trained_alike(make, *_data((6, 4), (3,)))


class Own(keras.Model):
    """A subclassed model with layers in a list."""

    def __init__(self):
        super().__init__(name="own")
        self.first = layers.Dense(8, activation="relu")
        self.block = Block(8)
        self.heads = [layers.Dense(2), layers.Dense(3)]

    def call(self, inputs, training=None):
        h = self.block(self.first(inputs), training=training)
        return ops.concatenate([head(h) for head in self.heads], axis=-1)


def test_subclassed_model():
    def make():
        model = Own()
        model(np.zeros((2, 6), np.float32))
        return model

    plain, wrapped = _trained_alike(make, *_data((6,), (5,)))
    assert [v.name for v in wrapped.weights] == [v.name for v in plain.weights]
    assert wrapped.name == "own"


def test_nested_shared_and_several_inputs():
    def make():
        inner = keras.Sequential([keras.Input((4,)), layers.Dense(4, activation="tanh")], name="inner")
        a, b = keras.Input((4,), name="a"), keras.Input((4,), name="b")
        middle = keras.Model({"u": a, "v": b}, {"sum": inner(a) + inner(b), "gap": inner(a) * b - a}, name="middle")
        p, q = keras.Input((4,), name="p"), keras.Input((4,), name="q")
        results = middle({"v": p, "u": q})
        out = layers.Dense(2)(layers.Concatenate()([results["sum"], results["gap"], middle({"u": p, "v": p})["gap"]]))
        return keras.Model([p, q], out)

    x1, x2, y = _data((4,), (4,), (2,))
    _trained_alike(make, [x1, x2], y)


def test_loaded_models(tmp_path):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8, 8, 3))
    x = layers.Conv2D(4, 3, padding="same", activation="relu")(inputs)
    x = layers.Add()([x, layers.Conv2D(4, 1)(inputs)])
    plain = keras.Model(inputs, layers.Dense(3, activation="softmax")(layers.GlobalAveragePooling2D()(x)))
    (images,) = _data((8, 8, 3))
    for name in ("model.keras", "model.h5"):
        plain.save(tmp_path / name)
        loaded = keras.models.load_model(tmp_path / name)
        _alike(interop.wrap(loaded, 8).predict(images, verbose=0), plain.predict(images, verbose=0))


def test_the_modes_of_nested_calls_are_keras_own():
    """Inside a Functional model Keras overrides `training=False` of a call; in a `call` of one's own it counts."""

    def make():
        inputs = keras.Input((4,))
        base = keras.Sequential([keras.Input((4,)), layers.BatchNormalization(momentum=0.5)])
        return keras.Model(inputs, layers.Dense(2)(base(inputs, training=False)))

    _trained_alike(make, *_data((4,), (2,)))


def test_masks():
    def make():
        tokens = keras.Input((7, 4))
        x = layers.Masking()(tokens)
        x = layers.GlobalAveragePooling1D()(layers.Dense(5)(x))
        return keras.Model(tokens, layers.Dense(2)(x))

    (values,) = _data((7, 4))
    values[:, 5:] = 0.0
    _trained_alike(make, values, *_data((2,)))


@pytest.mark.parametrize("rank", [1, 2])
def test_channels_first(rank):
    """What TensorFlow itself cannot run on a CPU in this layout is compared with the channels-last twin."""
    shape, conv, pool = [((6, 9), layers.Conv1D, layers.MaxPooling1D), ((3, 8, 6), layers.Conv2D, layers.AveragePooling2D)][rank - 1]
    order = [0, *range(2, rank + 2), 1]

    def make(data_format):
        own = (lambda s: s) if data_format == "channels_first" else (lambda s: (*s[1:], s[0]))
        return keras.Sequential(
            [
                keras.Input(own(shape)),
                conv(4, 3, padding="same", activation="relu", data_format=data_format),
                pool(2, data_format=data_format),
                layers.Flatten(data_format=data_format),
                layers.Dense(2),
            ]
        )

    plain, first = make("channels_last"), make("channels_first")
    first.set_weights(plain.get_weights())
    wrapped = interop.wrap(first, 8)
    x, y = _data(shape, (2,))
    for model, values in ((plain, x.transpose(order)), (wrapped, x)):
        model.compile(optimizer=keras.optimizers.SGD(0.05), loss="mse")
        model.train_on_batch(values, y)
    _alike(wrapped.get_weights(), plain.get_weights())
    _alike(wrapped.predict(x, verbose=0), plain.predict(x.transpose(order), verbose=0))


def test_users_can_teach_their_own_layer():
    class Sorted(layers.Layer):
        def call(self, x):
            return ops.sort(x, axis=-1)

    def make():
        return keras.Sequential([keras.Input((2,)), layers.Dense(2), Sorted(name="sorted")])

    with pytest.raises(NotImplementedError, match=r"operation 'sorted/sort' \(Sort\)"):
        interop.wrap(make(), 4)

    @interop.register_handler(Sorted)
    def handle_sorted(capture, layer, x):
        """Of two elements the smaller one first: half of sum minus and plus distance."""
        parts = [capture.node("Slice", [x.last], {"axes": [1], "starts": [i], "ends": [i + 1]}) for i in (0, 1)]
        gap = capture.node("Sub", [parts[1], parts[0]])
        apart = capture.node("Relu", [gap])
        lower = capture.node("Sub", [parts[1], apart])
        upper = capture.node("Add", [parts[0], apart])
        return interop.Planes(capture, last=capture.node("Concat", [lower, upper], {"axis": 1}))

    x, y = _data((2,), (2,))
    _trained_alike(make, x, y)


class Sampling(layers.Layer):
    def call(self, x):
        return x + keras.random.normal((3,))


class Counting(layers.Layer):
    def build(self, shape):
        self.count = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x):
        self.count.assign(self.count + 1.0)
        return x


class Listed(layers.Layer):
    def build(self, shape):
        self.scales = [self.add_weight(shape=(shape[-1],), initializer="ones", name="scale")]

    def call(self, x):
        return x * ops.reshape(self.scales[0], (1, -1))


class Branch(layers.Layer):
    def call(self, x):
        return x if ops.max(x) > 0 else -x

    def compute_output_shape(self, shape):
        return shape


@pytest.mark.parametrize(
    ("layer", "text"),
    [
        (Sampling(name="odd"), r"layer 'odd' \(Sampling\) with a call that draws random numbers or changes state"),
        (Counting(name="odd"), r"layer 'odd' \(Counting\)"),
        (Listed(name="odd"), r"layer 'odd' \(Listed\) with a call that reads the value of '.*scale'"),
        (Branch(name="odd"), r"layer 'odd' \(Branch\) with a call that cannot be followed.*keras\.ops"),
        (layers.RandomRotation(0.1, name="odd"), r"layer 'odd' \(RandomRotation\) with random augmentation; apply it to the data"),
        (layers.Lambda(lambda x: x[:, ::-1] if x.shape[0] else ops.sort(x), name="odd"), r"'odd/sort"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) else "",
)
def test_what_cannot_be_followed_is_named(layer, text):
    shape = (4, 4, 3) if "Random" in type(layer).__name__ else (3,)
    model = keras.Sequential([keras.Input(shape), layer, layers.Dense(2)])
    before = model.get_weights()
    with pytest.raises(errors.UnsupportedError, match=text):
        interop.wrap(model, 4)
    _alike(model.get_weights(), before)
    assert len(model(np.zeros((2, *shape), np.float32))) == 2  # unharmed


class Positions(layers.Layer):
    """A layer that is called on numbers alone."""

    def __init__(self):
        super().__init__()
        self.table = layers.Embedding(10, 4)

    def call(self, x):
        return x + self.table(ops.arange(ops.shape(x)[1]))


@pytest.mark.parametrize("dtype", ["int32", "float32"])
def test_embeddings_of_tokens(dtype):
    """Indices come as integers or, as Keras allows, as floats; rows that are used twice get the sum of both gradients."""

    def make():
        tokens = keras.Input((6,), dtype=dtype)
        x = Positions()(layers.Embedding(9, 4)(tokens))
        x = layers.LSTM(5)(layers.MultiHeadAttention(2, 3)(x, x))
        return keras.Model(tokens, layers.Dense(2)(x))

    x = np.random.default_rng(0).integers(0, 9, (8, 6)).astype(dtype)
    _trained_alike(make, x, *_data((2,)))
