"""Losses and metrics of Keras in NumPy: no call of TensorFlow in a step."""

from keras_interoperability.native.compiled import Compiled

__all__ = ["Compiled"]
