"""What tests of Keras users' habits share: small data, `fit`, and the comparison with plain Keras."""

from __future__ import annotations

import keras
from comparing import assert_same_training
from keras_nets import digits, small

X, CLASSES, ONE_HOT = (part[:60] for part in digits())
COMPILED = {"loss": "sparse_categorical_crossentropy", "metrics": ["accuracy"]}


def fit(model: keras.Model, *callbacks, epochs: int = 3, **options):
    return model.fit(X, CLASSES, batch_size=16, epochs=epochs, verbose=0, callbacks=list(callbacks), **options).history


def same(use, **compiled) -> keras.Model:
    return assert_same_training(small(), X, CLASSES, use, is_eager=True, **{**COMPILED, **compiled})
