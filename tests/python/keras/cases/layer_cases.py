"""Configurations of every layer and operation: input shapes and what is computed of the inputs. Data for tests and for the docs page."""

from __future__ import annotations

import keras
from case_makers import IMAGE, SEQUENCE, Configuration, alike, of
from keras import layers, ops
from keras_nets import precision
from operation_cases import MERGING, OPERATIONS, RESHAPING
from window_cases import CONVOLUTIONS, POOLS


def _normalised(cls, *arguments):
    return alike(cls, [(6,), SEQUENCE, IMAGE, (4, 8), (3, 4, 6)], *arguments)


def _activation(name, shapes=((7,), SEQUENCE, (4, 3, 6))):
    """As a layer, as an argument of Dense, and on images behind a convolution."""
    return [
        *[([shape], lambda: layers.Activation(name)) for shape in shapes],
        ([(7,)], lambda: lambda x: layers.Dense(6, activation=name)(x)),
        ([IMAGE], lambda: lambda x: layers.Activation(name)(layers.Conv2D(4, 3)(x))),
    ]


DENSE = {
    "Dense": of(
        (6,),
        lambda: layers.Dense(4),
        lambda: layers.Dense(5, activation="relu"),
        lambda: layers.Dense(3, use_bias=False, activation="softmax"),
    )
    + of(SEQUENCE, lambda: layers.Dense(4, activation="tanh"))
    + of(IMAGE, lambda: layers.Dense(3, activation="sigmoid")),
    "EinsumDense": [
        *of((6,), lambda: layers.EinsumDense("ab,bc->ac", 4, bias_axes="c")),
        *of(SEQUENCE, lambda: layers.EinsumDense("abc,ce->abe", (None, 4), bias_axes="e", activation="relu")),
        *of(SEQUENCE, lambda: layers.EinsumDense("...x,xy->...y", 3)),
        *of(SEQUENCE, lambda: layers.EinsumDense("abc,bd->adc", (4, None))),
        *of(SEQUENCE, lambda: layers.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de")),
    ],
}

NORMALISATIONS = {
    "BatchNormalization": _normalised(
        layers.BatchNormalization, {}, {"momentum": 0.9}, {"scale": False}, {"center": False, "epsilon": 1e-2}, {"trainable": False}
    )
    + alike(layers.BatchNormalization, IMAGE, {"axis": 1}),
    "LayerNormalization": _normalised(
        layers.LayerNormalization, {}, {"epsilon": 1e-6}, {"axis": [2, 3]}, {"scale": False}, {"center": False, "axis": [1, 2, 3]}
    ),
    "GroupNormalization": alike(
        layers.GroupNormalization,
        [(8, 7, 6), (5, 6), (4, 4, 6), (3, 8), (6, 5, 4)],
        {"groups": 2},
        {"groups": 3, "epsilon": 1e-5},
        {"groups": -1},
        {"groups": 1, "scale": False},
        {"groups": 4, "center": False},
    ),
    "RMSNormalization": _normalised(layers.RMSNormalization, {}, {"epsilon": 1e-5}, {"axis": -1}, {"axis": [1, 2]}, {"axis": [2, 3]}),
    "UnitNormalization": _normalised(layers.UnitNormalization, {}, {"axis": -1}, {"axis": [1, 2]}, {"axis": 1}, {"axis": [2, 3]}),
    "Normalization": _normalised(
        layers.Normalization,
        {"mean": 0.3, "variance": 2.0},
        {"mean": [0.1, 0.2, 0.3, 0.4, 0.5], "variance": [1.0, 2.0, 3.0, 4.0, 0.5]},
        {"mean": 0.5, "variance": 0.25, "invert": True},
        {},
        {"axis": -1},
    ),
}

ACTIVATIONS = {
    f"activation {name}": _activation(name)
    for name in [
        "celu",
        "elu",
        "exponential",
        "gelu",
        "hard_shrink",
        "hard_sigmoid",
        "hard_silu",
        "hard_tanh",
        "leaky_relu",
        "linear",
        "log_sigmoid",
        "log_softmax",
        "mish",
        "relu",
        "relu6",
        "selu",
        "sigmoid",
        "silu",
        "soft_shrink",
        "softmax",
        "softplus",
        "softsign",
        "sparse_plus",
        "sparse_sigmoid",
        "squareplus",
        "tanh",
        "tanh_shrink",
    ]
} | {
    "activation glu": _activation("glu", ((8,), (5, 6), (3, 4, 2)))[:3]
    + [([(6,)], lambda: lambda x: layers.Dense(6, activation="glu")(x))] * 2,
    "ReLU": alike(
        layers.ReLU,
        [(7,), SEQUENCE, IMAGE],
        {},
        {"max_value": 0.8},
        {"negative_slope": 0.3},
        {"threshold": 0.2},
        {"max_value": 1.2, "negative_slope": 0.1, "threshold": 0.3},
    ),
    "LeakyReLU": alike(layers.LeakyReLU, [(7,), SEQUENCE, IMAGE], {}, *({"negative_slope": s} for s in (0.1, 0.5, 0.0, 0.01))),
    "PReLU": alike(
        layers.PReLU, [(7,), SEQUENCE, IMAGE, IMAGE, (4, 6)], {}, {"shared_axes": [1]}, {"shared_axes": [1, 2]}, {}, {"shared_axes": [2]}
    ),
    "ELU": alike(layers.ELU, [(7,), SEQUENCE, IMAGE], {}, *({"alpha": a} for a in (0.3, 0.5, 2.0, 1.5))),
    "Softmax": alike(layers.Softmax, [(7,), SEQUENCE, IMAGE], {}, {"axis": 1}, {"axis": -1}, {"axis": -1}, {"axis": 2}),
}

ATTENTION = {
    "MultiHeadAttention": [
        ([(5, 8)], lambda: lambda x: layers.MultiHeadAttention(2, 4)(x, x)),
        ([(5, 8), (4, 8)], lambda: lambda x, y: layers.MultiHeadAttention(2, 3)(x, y)),
        ([(5, 8)], lambda: lambda x: layers.MultiHeadAttention(2, 4, value_dim=3, use_bias=False)(x, x)),
        ([(5, 6)], lambda: lambda x: layers.MultiHeadAttention(1, 4, output_shape=5)(x, x)),
        ([(5, 8)], lambda: lambda x: layers.MultiHeadAttention(4, 2)(x, x, use_causal_mask=True)),
    ],
    "Attention": [
        ([(5, 8), (4, 8)], lambda: lambda x, y: layers.Attention()([x, y])),
        ([(5, 8), (4, 8)], lambda: lambda x, y: layers.Attention(use_scale=True)([x, y])),
        ([(5, 6), (5, 6)], lambda: lambda x, y: layers.Attention()([x, y], use_causal_mask=True)),
        ([(5, 8), (4, 8)], lambda: lambda x, y: layers.AdditiveAttention()([x, y])),
        ([(5, 8), (4, 3), (4, 8)], lambda: lambda x, v, k: layers.Attention()([x, v, k])),
    ],
}


def _recurrent(name):
    cls = getattr(layers, name)
    return [
        *alike(cls, SEQUENCE, {"units": 4}, {"units": 3, "return_sequences": True}, {"units": 5, "use_bias": False}),
        *alike(cls, (6, 1), {"units": 3, "go_backwards": True, "return_sequences": True}, {"units": 1}),
        ([SEQUENCE], lambda: lambda x: layers.Concatenate()(cls(3, return_state=True)(x))),
    ]


RECURRENT = {name: _recurrent(name) for name in ("LSTM", "GRU", "SimpleRNN")} | {
    "Bidirectional": [
        ([SEQUENCE], lambda cls=cls, a=a, m=mode: layers.Bidirectional(cls(3, **a), merge_mode=m))
        for cls, a, mode in (
            (layers.LSTM, {}, "concat"),
            (layers.LSTM, {"return_sequences": True}, "sum"),
            (layers.GRU, {"return_sequences": True}, "concat"),
            (layers.GRU, {}, "mul"),
            (layers.SimpleRNN, {"return_sequences": True}, "ave"),
        )
    ],
    "TimeDistributed": [
        ([(5, 6)], lambda: layers.TimeDistributed(layers.Dense(3))),
        ([(4, 5, 6, 2)], lambda: layers.TimeDistributed(layers.Conv2D(3, 3, activation="relu"))),
        ([(3, 7, 2)], lambda: layers.TimeDistributed(layers.Conv1D(2, 3))),
        ([(3, 4, 4)], lambda: layers.TimeDistributed(layers.Flatten())),
        ([(3, 6, 2)], lambda: layers.TimeDistributed(layers.MaxPooling1D(2))),
    ],
}


def _indices(x):
    """Places 0 to 5 made of any numbers."""
    return ops.clip(ops.round(ops.abs(x) * 3.0), 0.0, 5.0)


EMBEDDING = {
    "Embedding": [
        ([shape], maker)
        for shape, maker in (
            ((7,), lambda: lambda x: layers.Embedding(6, 4)(_indices(x))),
            ((3, 5), lambda: lambda x: layers.Embedding(6, 2)(ops.cast(_indices(x), "int32"))),
            ((7,), lambda: lambda x: layers.GlobalAveragePooling1D()(layers.Embedding(6, 3, mask_zero=True)(_indices(x)))),
            ((7,), lambda: lambda x: layers.Embedding(8, 3)(ops.cast(_indices(x), "int32") + 1)),
            ((4,), lambda: lambda x: ops.one_hot(ops.cast(_indices(x), "int32"), 6) * ops.expand_dims(x, -1)),
        )
    ]
}


CASES: dict[str, list[Configuration]] = (
    CONVOLUTIONS | DENSE | POOLS | NORMALISATIONS | ACTIVATIONS | RESHAPING | MERGING | OPERATIONS | ATTENTION | RECURRENT | EMBEDDING
)


def build(configuration, dtype: str) -> keras.Model:
    """The model of one configuration; weights differ from Keras' initial ones so that no bias or scale is trivial."""
    shapes, maker = configuration
    with precision(dtype):
        inputs = [keras.Input(shape) for shape in shapes]
        return keras.Model(inputs, maker()(*inputs))
