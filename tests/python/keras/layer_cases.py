"""Configurations of every layer and operation: input shapes and what is computed of the inputs. Data for tests and for the docs page."""

from __future__ import annotations

import keras
from keras import layers, ops

SEQUENCE, IMAGE, VOLUME = (11, 5), (9, 7, 5), (6, 5, 7, 3)
Configuration = tuple[list[tuple[int, ...]], object]


def _of(shape, *makers):
    """Configurations on one input: each maker returns a layer."""
    return [([shape], maker) for maker in makers]


def _alike(cls, shapes, *arguments):
    """One layer class with several keyword arguments on several shapes, taken in turn."""
    shapes = shapes if isinstance(shapes, list) else [shapes]
    return [([shapes[i % len(shapes)]], lambda cls=cls, a=a: cls(**a)) for i, a in enumerate(arguments)]


def _conv(cls, shape, even):
    return [
        *_alike(
            cls,
            shape,
            {"filters": 6, "kernel_size": 3, "padding": "same", "activation": "relu"},
            {"filters": 4, "kernel_size": 2, "strides": 2, "padding": "same"},
            {"filters": 3, "kernel_size": 3, "dilation_rate": 2, "use_bias": False},
            {"filters": 5, "kernel_size": 3, "strides": 2, "activation": "tanh"},
        ),
        *_alike(cls, even, {"filters": 6, "kernel_size": 2, "groups": 2, "padding": "same"}),
    ]


def _depthwise(cls, shape, **more):
    return _alike(
        cls,
        shape,
        {"kernel_size": 3, "padding": "same"} | more,
        {"kernel_size": 3, "strides": 2, "padding": "same", "activation": "relu"} | more,
        {"kernel_size": 2, "depth_multiplier": 2} | more,
        {"kernel_size": 3, "dilation_rate": 2, "use_bias": False} | more,
        {"kernel_size": 3, "strides": 2, "depth_multiplier": 3} | more,
    )


def _transposed(cls, shape):
    return _alike(
        cls,
        shape,
        {"filters": 4, "kernel_size": 3},
        {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same", "activation": "relu"},
        {"filters": 4, "kernel_size": 2, "strides": 3, "use_bias": False},
        {"filters": 2, "kernel_size": 4, "strides": 2, "padding": "same"},
        {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same", "output_padding": 1},
    )


def _pool(cls, shape):
    return _alike(
        cls,
        shape,
        {"pool_size": 2},
        {"pool_size": 2, "padding": "same"},
        {"pool_size": 3, "strides": 2},
        {"pool_size": 3, "strides": 1, "padding": "same"},
        {"pool_size": 2, "strides": 3},
    )


def _global(cls, shape):
    small = tuple(n - 2 for n in shape[:-1])
    return _alike(cls, [shape, (*small, 8), (*shape[:-1], 1)], *({"keepdims": k} for k in (False, True, False, True, False)))


def _normalised(cls, *arguments):
    return _alike(cls, [(6,), SEQUENCE, IMAGE, (4, 8), (3, 4, 6)], *arguments)


def _activation(name, shapes=((7,), SEQUENCE, (4, 3, 6))):
    """As a layer, as an argument of Dense, and on images behind a convolution."""
    return [
        *[([shape], lambda: layers.Activation(name)) for shape in shapes],
        ([(7,)], lambda: lambda x: layers.Dense(6, activation=name)(x)),
        ([IMAGE], lambda: lambda x: layers.Activation(name)(layers.Conv2D(4, 3)(x))),
    ]


CONVOLUTIONS = {
    "Conv1D": [
        *_conv(layers.Conv1D, SEQUENCE, (8, 4)),
        *_alike(layers.Conv1D, SEQUENCE, {"filters": 3, "kernel_size": 3, "padding": "causal"}),
    ],
    "Conv2D": _conv(layers.Conv2D, IMAGE, (8, 6, 4)),
    "Conv3D": _conv(layers.Conv3D, VOLUME, (5, 4, 6, 4)),
    "DepthwiseConv1D": _depthwise(layers.DepthwiseConv1D, SEQUENCE),
    "DepthwiseConv2D": _depthwise(layers.DepthwiseConv2D, IMAGE),
    "SeparableConv1D": _depthwise(layers.SeparableConv1D, SEQUENCE, filters=4),
    "SeparableConv2D": _depthwise(layers.SeparableConv2D, IMAGE, filters=4),
    "Conv1DTranspose": _transposed(layers.Conv1DTranspose, SEQUENCE),
    "Conv2DTranspose": _transposed(layers.Conv2DTranspose, IMAGE),
    "Conv3DTranspose": _transposed(layers.Conv3DTranspose, (4, 3, 5, 2)),
}
DENSE = {
    "Dense": _of(
        (6,),
        lambda: layers.Dense(4),
        lambda: layers.Dense(5, activation="relu"),
        lambda: layers.Dense(3, use_bias=False, activation="softmax"),
    )
    + _of(SEQUENCE, lambda: layers.Dense(4, activation="tanh"))
    + _of(IMAGE, lambda: layers.Dense(3, activation="sigmoid")),
    "EinsumDense": [
        *_of((6,), lambda: layers.EinsumDense("ab,bc->ac", 4, bias_axes="c")),
        *_of(SEQUENCE, lambda: layers.EinsumDense("abc,ce->abe", (None, 4), bias_axes="e", activation="relu")),
        *_of(SEQUENCE, lambda: layers.EinsumDense("...x,xy->...y", 3)),
        *_of(SEQUENCE, lambda: layers.EinsumDense("abc,bd->adc", (4, None))),
        *_of(SEQUENCE, lambda: layers.EinsumDense("abc,cde->abde", (None, 2, 3), bias_axes="de")),
    ],
}
POOLS = {
    f"{kind}Pooling{rank}D": _pool(getattr(layers, f"{kind}Pooling{rank}D"), shape)
    for rank, shape in ((1, SEQUENCE), (2, IMAGE), (3, VOLUME))
    for kind in ("Max", "Average")
} | {
    f"Global{kind}Pooling{rank}D": _global(getattr(layers, f"Global{kind}Pooling{rank}D"), shape)
    for rank, shape in ((1, SEQUENCE), (2, IMAGE), (3, VOLUME))
    for kind in ("Max", "Average")
}
POOLS |= {  # Keras' adaptive maximum pools end the process in TensorFlow, and its average one of three axes needs float32
    f"AdaptiveAveragePooling{rank}D": _alike(cls, shape, *({"output_size": n} for n in (1, 2, 3, 4, 5)))
    for rank, shape in ((1, SEQUENCE), (2, IMAGE))
    if (cls := getattr(layers, f"AdaptiveAveragePooling{rank}D", None)) is not None
}
NORMALISATIONS = {
    "BatchNormalization": _normalised(
        layers.BatchNormalization, {}, {"momentum": 0.9}, {"scale": False}, {"center": False, "epsilon": 1e-2}, {"trainable": False}
    )
    + _alike(layers.BatchNormalization, IMAGE, {"axis": 1}),
    "LayerNormalization": _normalised(
        layers.LayerNormalization, {}, {"epsilon": 1e-6}, {"axis": [2, 3]}, {"scale": False}, {"center": False, "axis": [1, 2, 3]}
    ),
    "GroupNormalization": _alike(
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
    "ReLU": _alike(
        layers.ReLU,
        [(7,), SEQUENCE, IMAGE],
        {},
        {"max_value": 0.8},
        {"negative_slope": 0.3},
        {"threshold": 0.2},
        {"max_value": 1.2, "negative_slope": 0.1, "threshold": 0.3},
    ),
    "LeakyReLU": _alike(layers.LeakyReLU, [(7,), SEQUENCE, IMAGE], {}, *({"negative_slope": s} for s in (0.1, 0.5, 0.0, 0.01))),
    "PReLU": _alike(
        layers.PReLU, [(7,), SEQUENCE, IMAGE, IMAGE, (4, 6)], {}, {"shared_axes": [1]}, {"shared_axes": [1, 2]}, {}, {"shared_axes": [2]}
    ),
    "ELU": _alike(layers.ELU, [(7,), SEQUENCE, IMAGE], {}, *({"alpha": a} for a in (0.3, 0.5, 2.0, 1.5))),
    "Softmax": _alike(layers.Softmax, [(7,), SEQUENCE, IMAGE], {}, {"axis": 1}, {"axis": -1}, {"axis": -1}, {"axis": 2}),
}
RESHAPING = {
    "Flatten": _alike(layers.Flatten, [IMAGE, SEQUENCE, (6,), VOLUME, (3, 1)], *[{}] * 5),
    "Reshape": [
        ([shape], lambda t=target: layers.Reshape(t))
        for shape, target in (((12,), (3, 4)), ((3, 4), (12,)), (IMAGE, (-1, 5)), ((2, 6), (3, -1, 2)), ((4, 6, 2), (6, 8)))
    ],
    "Permute": [
        ([shape], lambda d=dims: layers.Permute(d))
        for shape, dims in ((SEQUENCE, (2, 1)), (IMAGE, (2, 1, 3)), (IMAGE, (3, 1, 2)), (VOLUME, (4, 2, 3, 1)), ((6,), (1,)))
    ],
    "RepeatVector": [([(n,)], lambda k=k: layers.RepeatVector(k)) for n, k in ((5, 3), (1, 4), (6, 1), (7, 2), (3, 6))],
    "Cropping1D": _alike(layers.Cropping1D, SEQUENCE, {}, *({"cropping": c} for c in (2, (0, 3), (1, 0), (3, 2)))),
    "Cropping2D": _alike(
        layers.Cropping2D, IMAGE, *({"cropping": c} for c in (1, (2, 1), ((0, 1), (2, 0)), ((3, 1), (1, 1)), ((0, 0), (0, 2))))
    ),
    "Cropping3D": _alike(
        layers.Cropping3D, VOLUME, {}, *({"cropping": c} for c in (2, (1, 2, 1), ((0, 1), (2, 0), (1, 1)), ((1, 1), (0, 0), (0, 3))))
    ),
    "ZeroPadding1D": _alike(layers.ZeroPadding1D, SEQUENCE, {}, *({"padding": p} for p in (2, (0, 3), (1, 0), (3, 2)))),
    "ZeroPadding2D": _alike(
        layers.ZeroPadding2D, IMAGE, *({"padding": p} for p in (1, (2, 1), ((0, 1), (2, 0)), ((3, 1), (1, 1)), ((0, 0), (0, 2))))
    ),
    "ZeroPadding3D": _alike(
        layers.ZeroPadding3D, VOLUME, {}, *({"padding": p} for p in (2, (1, 2, 1), ((0, 1), (2, 0), (1, 1)), ((1, 1), (0, 0), (0, 3))))
    ),
    "UpSampling1D": _alike(layers.UpSampling1D, SEQUENCE, {}, *({"size": s} for s in (3, 1, 4, 5))),
    "UpSampling2D": _alike(
        layers.UpSampling2D,
        [IMAGE, (4, 3, 2)],
        {},
        {"size": (3, 2)},
        {"interpolation": "bilinear"},
        {"size": (2, 3), "interpolation": "bilinear"},
        {"size": (1, 2)},
        {"interpolation": "bicubic"},
    ),
    "UpSampling3D": _alike(layers.UpSampling3D, (3, 4, 2, 3), {}, *({"size": s} for s in ((1, 2, 3), (3, 1, 1), 3, (2, 2, 1)))),
    "Resizing": _alike(
        layers.Resizing,
        [IMAGE, (6, 4, 3)],
        {"height": 12, "width": 10},
        {"height": 5, "width": 9},
        {"height": 4, "width": 3},
        {"height": 8, "width": 11, "interpolation": "nearest"},
        {"height": 3, "width": 5, "interpolation": "nearest"},
    ),
    "CenterCrop": _alike(layers.CenterCrop, IMAGE, *({"height": h, "width": w} for h, w in ((4, 4), (9, 3), (5, 7), (2, 1), (8, 6)))),
    "Rescaling": _alike(
        layers.Rescaling,
        [IMAGE, (6,), SEQUENCE],
        *({"scale": s, "offset": o} for s, o in ((0.5, -1.0), (1 / 255, 0.0), (2.0, [0.1, 0.2, 0.3, 0.4, 0.5]), (1.0, 0.3), (0.1, 1.0))),
    ),
}


def _merging(cls, **arguments):
    pairs = [[(6,), (6,)], [SEQUENCE] * 2, [IMAGE] * 2, [(7, 5, 4), (1, 1, 4)], [(6,), (6,)]]
    return [(shapes, lambda: lambda *xs: cls(**arguments)(list(xs))) for shapes in pairs]


MERGING = {name: _merging(getattr(layers, name)) for name in ("Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum")} | {
    "Concatenate": [
        (shapes, lambda axis=axis: lambda *xs: layers.Concatenate(axis=axis)(list(xs)))
        for shapes, axis in (
            ([(6,), (3,)], -1),
            ([(4, 5), (3, 5)], 1),
            ([IMAGE, (9, 7, 2)], -1),
            ([(3, 7, 5), IMAGE], 1),
            ([(4,), (2,), (5,)], 1),
        )
    ],
    "Dot": [
        (shapes, lambda a=axes, n=normalize: lambda x, y: layers.Dot(a, normalize=n)([x, y]))
        for shapes, axes, normalize in (
            ([(6,), (6,)], 1, False),
            ([(6,), (6,)], -1, True),
            ([(4, 6), (5, 6)], 2, False),
            ([(4, 6), (6, 5)], (2, 1), False),
            ([(3, 4, 5), (5, 2)], (3, 1), False),
        )
    ],
}


def _ops(*functions, shapes=(IMAGE,)):
    return [(list(shapes), lambda f=f: f) for f in functions]


OPERATIONS = {
    "arithmetic": _ops(
        lambda x: 2.0 * x + 1.0,
        lambda x: (3.0 - x) / 2.0,
        lambda x: 1.0 / (x * x + 0.5),
        lambda x: ops.maximum(x, 0.1) - ops.minimum(x, 0.2),
        lambda x: ops.square(x) + ops.sqrt(ops.abs(x) + 0.5) - ops.rsqrt(x * x + 1.0),
        lambda x: ops.exp(-x) + ops.log(ops.abs(x) + 1.0) + ops.log1p(x * x) + ops.power(ops.abs(x) + 0.5, 1.5),
        lambda x: ops.clip(x, -0.5, 0.7) * ops.sin(x) + ops.cos(x) + ops.erf(x),
        lambda x: ops.where(x > 0.2, x, x * x),
    ),
    "two tensors": _ops(
        lambda x, y: x + y,
        lambda x, y: x * y - x,
        lambda x, y: x / (ops.abs(y) + 1.0),
        lambda x, y: ops.maximum(x, y),
        lambda x, y: ops.where(x > y, x, 2.0 * y),
        shapes=(SEQUENCE, SEQUENCE),
    ),
    "reductions": _ops(
        lambda x: ops.mean(x, axis=(1, 2)),
        lambda x: ops.sum(x, axis=-1, keepdims=True),
        lambda x: ops.max(x, axis=1) - ops.min(x, axis=1),
        lambda x: ops.var(x, axis=(1, 2, 3)),
        lambda x: ops.std(x, axis=-1, keepdims=True) * x,
        lambda x: ops.logsumexp(x, axis=-1),
        lambda x: ops.moments(x, axes=[1, 2])[1],
        lambda x: ops.norm(x, axis=-1),
    ),
    "shapes": _ops(
        lambda x: ops.transpose(x, (0, 3, 1, 2)),
        lambda x: ops.reshape(x, (-1, 63, 5)),
        lambda x: ops.expand_dims(ops.squeeze(x[:, :1], 1), -1),
        lambda x: x[:, 1:-1, ::2, -1],
        lambda x: ops.concatenate([x, x * 2.0], axis=2),
        lambda x: ops.stack([x, -x], axis=1),
        lambda x: ops.split(x, 3, axis=1)[1],
        lambda x: ops.pad(x, ((0, 0), (1, 2), (0, 1), (0, 0))),
        lambda x: ops.repeat(x, 2, axis=1) + ops.tile(x, (1, 2, 1, 1)),
        lambda x: ops.flip(x, axis=1) + ops.roll(x, 2, axis=2),
        lambda x: ops.swapaxes(x, 1, 2) + ops.moveaxis(x, 2, 1),
        lambda x: ops.take(x, [4, 0, 2], axis=-1),
    ),
    "products": [
        ([(4, 6), (6, 5)], lambda: ops.matmul),
        ([(3, 4, 6), (3, 6, 5)], lambda: lambda x, y: x @ y),
        ([(4, 6), (5, 6)], lambda: lambda x, y: ops.einsum("bij,bkj->bik", x, y)),
        ([(4, 2, 6), (5, 2, 6)], lambda: lambda x, y: ops.einsum("bqhd,bkhd->bhqk", x, y)),
        ([(4, 6)], lambda: lambda x: ops.softmax(ops.matmul(x, ops.transpose(x, (0, 2, 1))) / 2.0)),
    ],
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
        *_alike(cls, SEQUENCE, {"units": 4}, {"units": 3, "return_sequences": True}, {"units": 5, "use_bias": False}),
        *_alike(cls, (6, 1), {"units": 3, "go_backwards": True, "return_sequences": True}, {"units": 1}),
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
    keras.config.set_floatx(dtype)
    keras.config.set_dtype_policy(dtype)
    try:
        inputs = [keras.Input(shape) for shape in shapes]
        return keras.Model(inputs, maker()(*inputs))
    finally:
        keras.config.set_floatx("float32")
        keras.config.set_dtype_policy("float32")
