"""What each Keras layer becomes. A handler takes the capture, the layer and its inputs and returns its output as `Planes`."""

from keras_interoperability.handlers import activation, convolution, core, merging, normalization, pooling, reshaping
from keras_interoperability.handlers.registry import HANDLERS, register_handler

__all__ = [
    "HANDLERS",
    "activation",
    "convolution",
    "core",
    "merging",
    "normalization",
    "pooling",
    "register_handler",
    "reshaping",
]
