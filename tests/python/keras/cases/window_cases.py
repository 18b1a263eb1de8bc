"""Configurations of convolutions and pools. Data for tests and for the docs page."""

from __future__ import annotations

from case_makers import IMAGE, SEQUENCE, VOLUME, alike
from keras import layers


def _conv(cls, shape, even):
    return [
        *alike(
            cls,
            shape,
            {"filters": 6, "kernel_size": 3, "padding": "same", "activation": "relu"},
            {"filters": 4, "kernel_size": 2, "strides": 2, "padding": "same"},
            {"filters": 3, "kernel_size": 3, "dilation_rate": 2, "use_bias": False},
            {"filters": 5, "kernel_size": 3, "strides": 2, "activation": "tanh"},
        ),
        *alike(cls, even, {"filters": 6, "kernel_size": 2, "groups": 2, "padding": "same"}),
    ]


def _depthwise(cls, shape, **more):
    return alike(
        cls,
        shape,
        {"kernel_size": 3, "padding": "same"} | more,
        {"kernel_size": 3, "strides": 2, "padding": "same", "activation": "relu"} | more,
        {"kernel_size": 2, "depth_multiplier": 2} | more,
        {"kernel_size": 3, "dilation_rate": 2, "use_bias": False} | more,
        {"kernel_size": 3, "strides": 2, "depth_multiplier": 3} | more,
    )


def _transposed(cls, shape):
    return alike(
        cls,
        shape,
        {"filters": 4, "kernel_size": 3},
        {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same", "activation": "relu"},
        {"filters": 4, "kernel_size": 2, "strides": 3, "use_bias": False},
        {"filters": 2, "kernel_size": 4, "strides": 2, "padding": "same"},
        {"filters": 3, "kernel_size": 3, "strides": 2, "padding": "same", "output_padding": 1},
    )


def _pool(cls, shape):
    return alike(
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
    return alike(cls, [shape, (*small, 8), (*shape[:-1], 1)], *({"keepdims": k} for k in (False, True, False, True, False)))


CONVOLUTIONS = {
    "Conv1D": [
        *_conv(layers.Conv1D, SEQUENCE, (8, 4)),
        *alike(layers.Conv1D, SEQUENCE, {"filters": 3, "kernel_size": 3, "padding": "causal"}),
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
    f"AdaptiveAveragePooling{rank}D": alike(cls, shape, *({"output_size": n} for n in (1, 2, 3, 4, 5)))
    for rank, shape in ((1, SEQUENCE), (2, IMAGE))
    if (cls := getattr(layers, f"AdaptiveAveragePooling{rank}D", None)) is not None
}
