"""Small Functional models drawn from a seed: chains with branches, joins and layers that are used twice."""

from __future__ import annotations

import random

import keras
from keras import layers, ops


def draw(seed: int) -> tuple[keras.Model, list[str]]:
    """A model, and what it is made of in order, for messages."""
    chance = random.Random(seed)
    keras.utils.set_random_seed(seed)
    shape = chance.choice([(10,), (9, 4), (8, 8, 3), (7, 6, 4)])
    inputs = keras.Input(shape)
    drawn = _Drawing(chance, inputs)
    for _ in range(chance.randint(3, 8)):
        drawn.step()
    x = drawn.x
    if len(x.shape) > 2:
        x = drawn.call(chance.choice([layers.Flatten, _pooled(len(x.shape))])(), x)
    return keras.Model(inputs, drawn.call(layers.Dense(3, name="head"), x)), drawn.made


def _pooled(rank: int):
    return {3: layers.GlobalAveragePooling1D, 4: layers.GlobalAveragePooling2D}[rank]


class _Drawing:
    def __init__(self, chance: random.Random, x) -> None:
        self.chance, self.x, self.made, self.before = chance, x, [f"Input{tuple(x.shape[1:])}"], [x]
        self.shared: dict[tuple, list] = {}

    def call(self, layer, *xs):
        self.made.append(f"{layer.name}{tuple(tuple(x.shape[1:]) for x in xs)}")
        return layer(xs[0] if len(xs) == 1 else list(xs))

    def step(self) -> None:
        """One more layer or operation on the newest tensor, perhaps joined with an earlier one."""
        rank = len(self.x.shape)
        kinds = [self.pointwise, self.weighted, self.weighted, self.join, self.normalised, self.reused]
        kinds += [self.window, self.window, self.moved] if rank > 2 else [self.split_up]
        self.x = self.chance.choice(kinds)(self.x)
        self.before.append(self.x)

    def pointwise(self, x):
        name = self.chance.choice(["relu", "tanh", "sigmoid", "elu", "gelu", "silu", "leaky_relu", "softplus", "selu", "softsign"])
        if self.chance.random() < 0.3:
            self.made.append("x * 0.5 + 0.1")
            return x * 0.5 + 0.1
        return self.call(layers.Activation(name), x)

    def weighted(self, x):
        units, activation = self.chance.choice([4, 6, 8]), self.chance.choice([None, "relu", "tanh"])
        if len(x.shape) == 2 or self.chance.random() < 0.3:
            return self.call(layers.Dense(units, activation=activation), x)
        conv = {3: layers.Conv1D, 4: layers.Conv2D}[len(x.shape)]
        strides = self.chance.choice([1, 1, 2]) if min(x.shape[1:-1]) > 2 else 1
        padding = "same" if min(x.shape[1:-1]) < 3 else self.chance.choice(["same", "valid"])
        return self.call(conv(units, 3, strides=strides, padding=padding, activation=activation), x)

    def window(self, x):
        rank, smallest = len(x.shape) - 2, min(x.shape[1:-1])
        if smallest < 4:
            return self.call([layers.UpSampling1D, layers.UpSampling2D][rank - 1](2), x)
        kinds = [[layers.MaxPooling1D, layers.MaxPooling2D], [layers.AveragePooling1D, layers.AveragePooling2D]]
        arguments = self.chance.choice([{}, {"padding": "same"}, {"strides": 1}])
        return self.call(self.chance.choice(kinds)[rank - 1](self.chance.choice([2, 3]), **arguments), x)

    def normalised(self, x):
        cls = self.chance.choice([layers.BatchNormalization, layers.BatchNormalization, layers.LayerNormalization])
        return self.call(cls(), x)

    def moved(self, x):
        rank = len(x.shape)
        if rank == 4 and self.chance.random() < 0.5:
            return self.call([layers.ZeroPadding2D, layers.Cropping2D][min(x.shape[1:-1]) > 3](1), x)
        dims = list(range(1, rank))
        self.chance.shuffle(dims)
        return self.call(layers.Permute(dims), x)

    def split_up(self, x):
        extent = x.shape[-1]
        if extent % 2:
            return self.pointwise(x)
        self.made.append("concatenate(split(x, 2) reversed)")
        first, second = ops.split(x, 2, axis=-1)
        return ops.concatenate([second, first * second], axis=-1)

    def join(self, x):
        alike = [y for y in self.before if y.shape == x.shape and y is not x]
        if alike:
            kind = self.chance.choice([layers.Add, layers.Multiply, layers.Average, layers.Maximum, layers.Concatenate, layers.Subtract])
            return self.call(kind(), x, self.chance.choice(alike))
        if len(x.shape) == 4:  # squeeze and excitation
            gate = layers.GlobalAveragePooling2D(keepdims=True)(x)
            return self.call(layers.Multiply(), x, layers.Dense(x.shape[-1], activation="sigmoid")(gate))
        return self.call(layers.Add(), x, layers.Dense(x.shape[-1])(x))

    def reused(self, x):
        key = tuple(x.shape)
        if key in self.shared:
            return self.call(self.chance.choice(self.shared[key]), x)
        layer = layers.Dense(x.shape[-1], activation="tanh")
        self.shared[key] = [layer]
        return self.call(layer, self.call(layer, x))
