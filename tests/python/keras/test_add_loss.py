"""What layers and models give to `add_loss`, and weights that no loss depends on: the training of plain Keras."""

from __future__ import annotations

import keras
import numpy as np
import pytest
from comparing import assert_same, assert_same_training
from keras import layers, ops

import keras_interoperability as interop
from n2d2 import errors

ROWS = 20


class Spread(layers.Layer):
    """A term over the whole batch, in training alone another one too."""

    def call(self, x, training=False):
        self.add_loss(0.3 * ops.mean(ops.square(x - ops.mean(x, axis=0))))
        if training:
            self.add_loss(0.1 * ops.abs(x))
        return ops.tanh(x)


class Weighed(layers.Layer):
    """A weight that only the loss reads, one that the output reads too, and a constant."""

    def build(self, shape):
        self.scale = self.add_weight(shape=(shape[-1],), initializer="ones", name="scale")
        self.doubt = self.add_weight(shape=(), initializer="ones", name="doubt")

    def call(self, x):
        target = ops.convert_to_tensor(np.linspace(-1, 1, x.shape[-1], dtype="float32"))
        self.add_loss(ops.exp(-self.doubt) * ops.sum(ops.square(x - target)) + self.doubt)
        self.add_loss([0.1 * ops.sum(ops.square(self.scale))])
        return x * self.scale


class Judge(layers.Layer):
    """A branch of layers that ends in the loss; nested layers with terms of their own."""

    def __init__(self, **options):
        super().__init__(**options)
        self.hidden, self.judge, self.spread = layers.Dense(5, activation="tanh"), layers.Dense(1), Spread()

    def call(self, x):
        judged = self.judge(layers.Activation("relu")(self.hidden(x)))
        self.add_loss(0.2 * ops.mean(ops.softplus(-judged)))
        return self.spread(x)


class Model(keras.Model):
    """Mean and spread of a code, whose distance from a normal distribution enters the loss."""

    def __init__(self):
        super().__init__()
        self.mean, self.log_variance, self.last = layers.Dense(4), layers.Dense(4), layers.Dense(3)

    def call(self, x):
        mean, log_variance = self.mean(x), self.log_variance(x)
        self.add_loss(-0.05 * ops.mean(1 + log_variance - ops.square(mean) - ops.exp(log_variance)))
        return self.last(mean + ops.exp(0.5 * log_variance) * 0.1)


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    return rng.standard_normal((ROWS, 6)).astype("float32"), rng.standard_normal((ROWS, 3)).astype("float32")


def with_layer(*made) -> keras.Model:
    keras.utils.set_random_seed(4)
    inputs = keras.Input((6,))
    x = layers.Dense(8)(inputs)
    for layer in made:
        x = layer(x)
    return keras.Model(inputs, layers.Dense(3)(x))


shared = Spread()
LAYERS = {
    "spread": lambda: with_layer(Spread()),
    "shared": lambda: with_layer(shared, layers.Dense(8), shared),
    "weights": lambda: with_layer(Weighed()),
    "branch": lambda: with_layer(Judge()),
    "with regularisers": lambda: with_layer(layers.Dense(8, kernel_regularizer="l2", activity_regularizer="l2"), Weighed()),
}


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("optimizer", ["adam", "lion"])
def test_layers(name, optimizer):
    x, y = data()
    compiled = {"loss": "mse", "metrics": ["mae"], "optimizer": lambda: keras.optimizers.get(optimizer)}
    assert_same_training(LAYERS[name](), x, y, is_eager=True, **compiled)


def test_terms_are_the_only_loss():
    x, _ = data()
    fit = lambda each: each.fit(x, batch_size=8, epochs=2, verbose=0).history  # noqa: E731
    assert_same_training(
        with_layer(Judge()), x, None, fit, is_eager=True, loss=None, optimizer=lambda: keras.optimizers.Adam(weight_decay=0.1)
    )


def test_a_subclassed_model():
    x, y = data()
    results = []
    for is_wrapped in (False, True):
        keras.utils.set_random_seed(4)
        model = Model()
        model.build((None, 6))
        model = interop.wrap(model, 8) if is_wrapped else model
        model.compile("sgd", "mse")
        fitted = model.fit(x, y, batch_size=8, epochs=2, shuffle=False, verbose=0).history
        results.append([fitted, model.evaluate(x, y, verbose=0), model.predict(x, verbose=0), model.get_weights()])
    assert_same(results[1], results[0])


class Number(layers.Layer):
    def call(self, x):
        self.add_loss(ops.convert_to_tensor(0.5))
        return x


class Tokens(layers.Layer):
    def call(self, x):
        self.add_loss(ops.mean(ops.cast(x, "float32")))
        return ops.cast(x, "float32")


def test_what_cannot_be_followed_is_named():
    with pytest.raises(errors.UnsupportedError, match=r"layer 'odd' \(Number\).*add_loss"):
        interop.wrap(with_layer(Number(name="odd")), 4)
    tokens = keras.Input((6,), dtype="int32")
    with pytest.raises(errors.UnsupportedError, match=r"layer 'odd' \(Tokens\) with add_loss of whole numbers"):
        interop.wrap(keras.Model(tokens, layers.Dense(2)(Tokens(name="odd")(tokens))), 4)


OPTIMIZERS = {
    "AdamW": lambda: keras.optimizers.AdamW(0.01, weight_decay=0.1),
    "SGD": lambda: keras.optimizers.SGD(0.05, momentum=0.9, weight_decay=0.1, global_clipnorm=0.5),
    "Lion": lambda: keras.optimizers.Lion(0.01, weight_decay=0.1),
}


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_weights_without_a_loss_stay(name, tmp_path):
    """Keras' optimizers pass over them; what depends on a regulariser goes on."""
    x, y = data()
    keras.utils.set_random_seed(4)
    inputs = keras.Input((6,))
    hidden = layers.Dense(8, activation="tanh")(inputs)
    idle = layers.Dense(3, name="idle", bias_constraint="non_neg", bias_initializer="normal")(layers.Dense(4, name="before")(hidden))
    kept = layers.Dense(2, name="kept", kernel_regularizer="l2")(hidden)
    stopped = ops.stop_gradient(layers.Dense(3, name="stopped")(hidden))
    plain = keras.Model(inputs, [layers.Dense(3, name="used")(hidden) + stopped, idle, kept])

    def use(each):
        each.compile(OPTIMIZERS[name](), loss=["mse", None, None])
        before = {layer.name: layer.get_weights() for layer in each.layers}
        fitted = [each.fit(x, [y, y, y[:, :2]], batch_size=8, epochs=2, shuffle=False, verbose=0).history]
        for still in ("idle", "before", "stopped"):
            assert all(np.array_equal(a, b) for a, b in zip(before[still], each.get_layer(still).get_weights(), strict=True))
        assert not np.array_equal(before["kept"][0], each.get_layer("kept").get_weights()[0])
        each.save(tmp_path / f"{type(each).__name__}.keras")
        loaded = keras.models.load_model(tmp_path / f"{type(each).__name__}.keras")
        fitted.append(loaded.fit(x, [y, y, y[:, :2]], batch_size=8, shuffle=False, verbose=0).history)
        each.compile(OPTIMIZERS[name](), loss=["mse", "mse", None])
        fitted.append(each.fit(x, [y, y, y[:, :2]], batch_size=8, shuffle=False, verbose=0).history)
        return [fitted, loaded.get_weights()]

    assert_same_training(plain, x, [y, y, y[:, :2]], use)
