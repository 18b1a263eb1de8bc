"""What each Keras layer or operation becomes. A handler takes the capture, the layer and its inputs and returns its output as `Planes`."""

from keras_interoperability.handlers import (
    activation,
    arithmetic,
    attention,
    convolution,
    core,
    merging,
    normalization,
    pooling,
    products,
    recurrent,
    reductions,
    reshaping,
    shapes,
)
from keras_interoperability.handlers.registry import HANDLERS, OPERATIONS, register_handler

__all__ = [
    "HANDLERS",
    "OPERATIONS",
    "activation",
    "arithmetic",
    "attention",
    "convolution",
    "core",
    "merging",
    "normalization",
    "pooling",
    "products",
    "recurrent",
    "reductions",
    "register_handler",
    "reshaping",
    "shapes",
]
