"""Loss and metrics of any kind: Keras computes them in traced functions, from what the engine's forward gave."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf
from keras.src.backend.common.masking import get_keras_mask, set_keras_mask
from keras.src.ops.function import Function

from keras_interoperability.session import Session

Array = npt.NDArray[Any]

ACTIVATIONS = {"": lambda x: x, "Softmax": keras.activations.softmax, "Sigmoid": keras.activations.sigmoid}


class General:
    """Traced functions of one compiled model, one for each form of targets and weights; any number of rows fits.

    A softmax or sigmoid that makes an output is repeated within the function, so that Keras' losses find the numbers before it. Regularisers
    of weights, and what goes into `add_loss`, read weights where they lie, in the engine's memory.
    """

    def __init__(self, model: Any, session: Session) -> None:
        self._model = model
        self._session = session
        captured = session.training
        self._activations = [ACTIVATIONS[kind] for kind in captured.activations]
        # Keras itself says how a term follows from an activity: its releases differ.
        self._observers = [keras.layers.Identity(activity_regularizer=regularizer) for regularizer in captured.activity_regularizers]
        self._weights = session.in_loss()
        self.without_loss: list[int] = []
        """Which of `raws` no term of the loss depends on; known after a step of training."""
        self._traced: dict[Any, Any] = {}
        masks = output_masks(model)
        self._masked = [mask is not None for mask in masks]
        self._masks = Function(model._functional.inputs, [mask for mask in masks if mask is not None]) if any(self._masked) else None

    def train(self, xs: list[Array], y: Any, raws: list[Array], sample_weight: Any) -> tuple[list[Array], dict[str, Array], dict[str, Any]]:
        """Gradients of the loss with respect to `raws`; those of regularisers, by the weight's name; Keras' logs."""
        gradients, further, logs = self._call(self._train, xs, y, raws, sample_weight)
        return [np.ascontiguousarray(g) for g in gradients], {name: np.asarray(g) for name, g in further.items()}, logs

    def evaluate(self, xs: list[Array], y: Any, raws: list[Array], sample_weight: Any) -> dict[str, Any]:
        """Keras' logs."""
        return dict(self._call(self._evaluate, xs, y, raws, sample_weight))

    def _call(self, function: Callable[..., Any], xs: list[Array], *arguments: Any) -> Any:
        """Traces with the rows left open: a metric of Keras weighs batches otherwise where their rows are known."""
        tensors = _each(_tensor, ([] if self._masks is None else xs, *arguments))
        leaves = [leaf for leaf in keras.tree.flatten(tensors) if leaf is not None]
        key = (function.__name__, repr(_each(lambda _: 0, tensors)), *map(_form, leaves))
        if key not in self._traced:
            specs = _each(_spec, tensors)
            self._traced[key] = tf.function(function, autograph=False).get_concrete_function(*specs)
        return self._traced[key](*tensors)

    def _train(self, xs: list[Any], y: Any, raws: list[Any], sample_weight: Any) -> Any:
        weights = {name: variable.value for name, variable in self._weights.items()}
        with tf.GradientTape() as tape:
            tape.watch(raws)
            loss, y_pred = self._loss(xs, y, raws, sample_weight, training=True)
        gradients, further = tape.gradient(loss, (raws, weights))
        self.without_loss = [i for i, gradient in enumerate(gradients) if gradient is None]
        gradients = [tf.zeros_like(raw) if gradient is None else gradient for raw, gradient in zip(raws, gradients, strict=True)]
        further = {name: tf.convert_to_tensor(gradient) for name, gradient in further.items() if gradient is not None}
        self._count(loss, raws)
        return gradients, further, self._model.compute_metrics(None, y, y_pred, sample_weight=sample_weight)

    def _evaluate(self, xs: list[Any], y: Any, raws: list[Any], sample_weight: Any) -> Any:
        loss, y_pred = self._loss(xs, y, raws, sample_weight, training=False)
        self._count(loss, raws)
        return self._model.compute_metrics(None, y, y_pred, sample_weight=sample_weight)

    def _loss(self, xs: list[Any], y: Any, raws: list[Any], sample_weight: Any, training: bool) -> Any:
        outputs, activities = raws[: len(self._activations)], raws[len(self._activations) :]
        predictions = [activate(raw) for activate, raw in zip(self._activations, outputs, strict=True)]
        if self._masks is not None:  # Keras' losses and metrics look for it at the prediction
            masks = keras.tree.flatten(self._masks(xs))
            for prediction, mask in zip(itertools.compress(predictions, self._masked), masks, strict=True):
                set_keras_mask(prediction, mask)
        y_pred = structured(self._model, predictions)
        terms = self._further_terms(activities, training)
        with self._model.further_losses(terms):
            loss = self._model._compute_loss(x=None, y=y, y_pred=y_pred, sample_weight=sample_weight, training=training)
        return loss, y_pred

    def _further_terms(self, further: list[Any], training: bool) -> list[Any]:
        """What activity regularisers and `add_loss` give."""
        for observer, activity in zip(self._observers, further, strict=False):
            observer(activity)
        terms = [term for observer in self._observers for term in observer.losses]
        for term in (self._session.training if training else self._session.evaluation).loss_terms:
            arguments = [further[source] if isinstance(source, int) else tf.convert_to_tensor(source) for source in term.sources]
            terms.append(term.compute(arguments))
        return terms

    def _count(self, loss: Any, raws: list[Any]) -> None:
        self._model._loss_tracker.update_state(loss, sample_weight=tf.shape(raws[0])[0])


def output_masks(model: Any) -> list[Any]:
    """Of every output: Keras' symbolic mask, by which losses leave out places, or None."""
    return [get_keras_mask(tensor) for tensor in model._functional.outputs]


def structured(model: Any, outputs: list[Any]) -> Any:
    """Outputs as the model's `call` would give them."""
    packed = keras.tree.pack_sequence_as(model._functional._outputs_struct, outputs)
    return packed[0] if isinstance(packed, list | tuple) and len(packed) == 1 else packed


def _each(function: Callable[[Any], Any], structure: Any) -> Any:
    """The structure with every leaf but None replaced."""
    return keras.tree.map_structure(lambda leaf: None if leaf is None else function(leaf), structure)


def _tensor(given: Any) -> Any:
    return given if isinstance(given, tf.Tensor | tf.RaggedTensor | tf.SparseTensor) else tf.convert_to_tensor(given)


def _form(tensor: Any) -> Any:
    """What a traced function depends on, beside the rows."""
    return (tensor.dtype, tensor.shape[1:]) if isinstance(tensor, tf.Tensor) else tf.type_spec_from_value(tensor)


def _spec(tensor: Any) -> Any:
    if isinstance(tensor, tf.Tensor):
        return tf.TensorSpec([None, *tensor.shape[1:]] if tensor.shape.rank else [], tensor.dtype)
    return tf.type_spec_from_value(tensor)


__all__ = ["General", "output_masks", "structured"]
