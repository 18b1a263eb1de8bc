"""Keras models in the n2d2 engine: ``model = keras_interoperability.wrap(tf_model, batch_size=128)``."""

from keras_interoperability.custom_sequential import CustomSequential
from keras_interoperability.handlers.registry import register_handler
from keras_interoperability.planes import Planes
from keras_interoperability.wrap import wrap

__all__ = ["CustomSequential", "Planes", "register_handler", "wrap"]
