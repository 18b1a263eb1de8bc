"""Loss and metrics of any kind: Keras computes them in traced functions, from what the engine's forward gave."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

Array = npt.NDArray[Any]

ACTIVATIONS = {"": lambda x: x, "Softmax": keras.activations.softmax, "Sigmoid": keras.activations.sigmoid}


class General:
    """Traced functions of one compiled model, one for each form of targets and weights; any number of rows fits.

    A softmax or sigmoid that makes an output is repeated within the function, so that Keras' losses find the numbers before it.
    """

    def __init__(self, model: Any, activations: list[str]) -> None:
        self._model = model
        self._activations = [ACTIVATIONS[kind] for kind in activations]
        self._traced: dict[Any, Any] = {}

    def train(self, y: Any, raws: list[Array], sample_weight: Any) -> tuple[list[Array], dict[str, Any]]:
        """Gradients of the loss with respect to `raws`, and Keras' logs."""
        gradients, logs = self._call(self._train, y, raws, sample_weight)
        return [np.ascontiguousarray(g) for g in gradients], logs

    def evaluate(self, y: Any, raws: list[Array], sample_weight: Any) -> dict[str, Any]:
        """Keras' logs."""
        return dict(self._call(self._evaluate, y, raws, sample_weight))

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Traces with the rows left open: a metric of Keras weighs batches otherwise where their rows are known."""
        tensors = keras.tree.map_structure(_tensor, arguments, none_is_leaf=False)
        leaves = keras.tree.flatten(tensors)
        key = (function.__name__, repr(keras.tree.map_structure(lambda _: 0, tensors, none_is_leaf=False)), *map(_form, leaves))
        if key not in self._traced:
            specs = keras.tree.map_structure(_spec, tensors, none_is_leaf=False)
            self._traced[key] = tf.function(function, autograph=False).get_concrete_function(*specs)
        return self._traced[key](*tensors)

    def _predictions(self, raws: list[Any]) -> Any:
        return structured(self._model, [activate(raw) for activate, raw in zip(self._activations, raws, strict=True)])

    def _train(self, y: Any, raws: list[Any], sample_weight: Any) -> Any:
        with tf.GradientTape() as tape:
            tape.watch(raws)
            y_pred = self._predictions(raws)
            loss = self._loss(y, y_pred, sample_weight, training=True)
        gradients = tape.gradient(loss, raws, unconnected_gradients=tf.UnconnectedGradients.ZERO)
        self._count(loss, raws)
        return gradients, self._model.compute_metrics(None, y, y_pred, sample_weight=sample_weight)

    def _evaluate(self, y: Any, raws: list[Any], sample_weight: Any) -> Any:
        y_pred = self._predictions(raws)
        self._count(self._loss(y, y_pred, sample_weight, training=False), raws)
        return self._model.compute_metrics(None, y, y_pred, sample_weight=sample_weight)

    def _loss(self, y: Any, y_pred: Any, sample_weight: Any, training: bool) -> Any:
        return self._model._compute_loss(x=None, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training)

    def _count(self, loss: Any, raws: list[Any]) -> None:
        self._model._loss_tracker.update_state(loss, sample_weight=tf.shape(raws[0])[0])


def structured(model: Any, outputs: list[Any]) -> Any:
    """Outputs as the model's `call` would give them."""
    packed = keras.tree.pack_sequence_as(model._functional._outputs_struct, outputs)
    return packed[0] if isinstance(packed, list | tuple) and len(packed) == 1 else packed


def _tensor(given: Any) -> Any:
    return given if isinstance(given, tf.Tensor | tf.RaggedTensor | tf.SparseTensor) else tf.convert_to_tensor(given)


def _form(tensor: Any) -> Any:
    """What a traced function depends on, beside the rows."""
    return (tensor.dtype, tensor.shape[1:]) if isinstance(tensor, tf.Tensor) else tf.type_spec_from_value(tensor)


def _spec(tensor: Any) -> Any:
    if isinstance(tensor, tf.Tensor):
        return tf.TensorSpec([None, *tensor.shape[1:]] if tensor.shape.rank else [], tensor.dtype)
    return tf.type_spec_from_value(tensor)


__all__ = ["General", "structured"]
