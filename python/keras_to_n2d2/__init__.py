"""Another name of `keras_interoperability`."""

from keras_interoperability import CustomSequential, register_handler, wrap

__all__ = ["CustomSequential", "register_handler", "wrap"]
