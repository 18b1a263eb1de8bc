"""The wrapped model: a Keras model whose work is done by the engine."""

from __future__ import annotations

import contextlib
import functools
import io
import warnings
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from keras_interoperability.checkpoint import keep_state
from keras_interoperability.containers import functional_of
from keras_interoperability.feed import feed_evaluate, feed_fit, feed_predict
from keras_interoperability.general import structured
from keras_interoperability.session import Session
from keras_interoperability.solvers import SolverProxy, optimizer_and_solver
from keras_interoperability.steps import Steps, predict_steps, repeated
from n2d2.cells import LAYOUT_OPERATORS, DeepNetCell
from n2d2.solver import SGD, Solver


@keras.saving.register_keras_serializable("n2d2")
class CustomSequential(keras.Sequential):
    """A Keras model that computes in n2d2. It shares layers and weights with the model it was made from.

    Use it as any Keras model: compile, fit, evaluate, predict, callbacks, saving. Made by `keras_interoperability.wrap`.
    """

    def __init__(self, model: Any, batch_size: int, name: str | None = None, for_export: bool = False) -> None:
        super().__init__(name=name or model.name)
        functional = functional_of(model)
        session = Session(model, batch_size)
        for key, value in (("_source", model), ("_session", session), ("_box", {}), ("_arguments", (batch_size, for_export))):
            object.__setattr__(self, key, value)
        self._layers = list(model._layers)
        self._functional = functional
        self.output_names = functional.output_names
        self.built = True
        self.supports_jit = False
        self._use(SGD())

    # Compiling.

    def compile(  # type: ignore[override]
        self,
        optimizer: Any = None,
        loss: Any = None,
        loss_weights: Any = None,
        metrics: Any = None,
        weighted_metrics: Any = None,
        run_eagerly: bool = False,
        steps_per_execution: int = 1,
        jit_compile: Any = "auto",
        auto_scale_loss: bool = True,
    ) -> None:
        """As `keras.Model.compile`. Without an optimizer the solver is `n2d2.solver.SGD()`.

        Args:
            optimizer: None, an `n2d2.solver`, or anything that Keras takes. SGD, Adam, AdamW and RMSprop of Keras run as solvers of the engine; all
                others, and these with options that the engine lacks, update the weights in Keras from the engine's gradients.
            run_eagerly, jit_compile: have no effect, as the engine runs the model.
        """
        if run_eagerly or jit_compile is True:
            warnings.warn("run_eagerly and jit_compile have no effect: n2d2 runs the model", stacklevel=2)
        shown, solver = optimizer_and_solver(optimizer)
        super().compile(
            optimizer=shown,
            loss=loss,
            loss_weights=loss_weights,
            metrics=metrics,
            weighted_metrics=weighted_metrics,
            run_eagerly=False,
            steps_per_execution=steps_per_execution,
            jit_compile=False,
            auto_scale_loss=auto_scale_loss,
        )
        self._use(solver)
        self._box["steps"] = Steps(self, self._session, solver)
        if solver is not None:
            keep_state(self.optimizer, self._session, solver)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """As Keras; called when a saved model is loaded."""
        config = keras.saving.deserialize_keras_object(config)
        allowed = ("optimizer", "loss", "loss_weights", "metrics", "weighted_metrics", "steps_per_execution")
        self.compile(**{key: config[key] for key in allowed if config.get(key) is not None})

    def _use(self, solver: Solver | None) -> None:
        self._session.compile(solver)
        self._box["solver"] = solver
        self.train_function: Any = None
        self.test_function: Any = None
        self.predict_function: Any = None

    # Training: arrays are fed from here, everything else by Keras.

    @functools.wraps(keras.Sequential.fit)
    def fit(self, *args: Any, **kwargs: Any) -> Any:
        self._session.mirror.mark_unchecked()
        return super().fit(**feed_fit(self, args, kwargs))

    @functools.wraps(keras.Sequential.evaluate)
    def evaluate(self, *args: Any, **kwargs: Any) -> Any:
        self._session.mirror.mark_unchecked()
        return super().evaluate(**feed_evaluate(self, args, kwargs))

    @functools.wraps(keras.Sequential.predict)
    def predict(self, *args: Any, **kwargs: Any) -> Any:
        self._session.mirror.mark_unchecked()
        return super().predict(**feed_predict(self, args, kwargs))

    # What Keras' fit, evaluate and predict call.

    def make_train_function(self, force: bool = False) -> Any:
        """The function that `fit` calls for every batch."""
        steps = self._box["steps"]
        steps.update.mark_stale()
        if self.train_function is None or force:
            self.train_function = repeated(self, steps.train)
        return self.train_function

    def make_test_function(self, force: bool = False) -> Any:
        """The function that `evaluate` calls for every batch."""
        if self.test_function is None or force:
            self.test_function = repeated(self, self._box["steps"].test)
        return self.test_function

    def make_predict_function(self, force: bool = False) -> Any:
        """The function that `predict` calls for every batch."""
        if self.predict_function is None or force:
            self.predict_function = lambda batches: predict_steps(self, self._session, batches)
        return self.predict_function

    # Metrics: their sums are kept in Python while loss and metrics are computed without TensorFlow.

    def _native(self) -> Any:
        steps = self._box.get("steps")
        return None if steps is None else steps.native

    @property
    def metrics(self) -> list[Any]:
        """Keras' metric objects, brought up to date."""
        native = self._native()
        if native is not None:
            native.hand_over()
        return self._keras_metrics()

    def _keras_metrics(self) -> list[Any]:
        return list(super().metrics)

    def get_metrics_result(self) -> dict[str, Any]:
        """Loss and metrics since the last reset."""
        native = self._native()
        return native.logs() if native is not None and native.is_ahead else super().get_metrics_result()

    def reset_metrics(self) -> None:
        """Forgets what was counted. Keras calls it when an epoch begins."""
        self._session.mirror.mark_unchecked()
        native = self._native()
        if native is None:
            super().reset_metrics()
        else:
            native.reset()

    def _flatten_metrics_in_order(self, logs: dict[str, Any]) -> Any:
        native = self._native()
        if native is None or not native.is_ahead:
            return super()._flatten_metrics_in_order(logs)
        values = [logs[name] for name in native.names_in_order]
        return values[0] if len(values) == 1 else values

    @property
    def losses(self) -> list[Any]:
        """Regularisation terms: of weights, and within a step those of activities and `add_loss`."""
        return [*super().losses, *self._box.get("further_losses", ())]

    @contextlib.contextmanager
    def further_losses(self, terms: list[Any]) -> Iterator[None]:
        """Puts terms into `losses` for a while, in place of those that layers noted when Keras ran them."""
        self._clear_losses()
        self._box["further_losses"] = terms
        try:
            yield
        finally:
            del self._box["further_losses"]

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """The model's output: by the engine for plain inference, by Keras under a gradient tape, in a trace or in training mode."""
        plain = tf.executing_eagerly() and not training and mask is None and all(tf.is_tensor(x) for x in keras.tree.flatten(inputs))
        if not plain or not _no_tape() or any(x.shape[0] == 0 for x in keras.tree.flatten(inputs)):
            return self._functional.call(inputs, training=training, mask=mask)
        self._session.mirror.check()
        outputs = self._session.evaluate(self._session.inputs.arrays(inputs)).outputs
        return structured(self, [tf.constant(o) for o in outputs])

    # Looking into it.

    def get_deepnet_cell(self) -> DeepNetCell:
        """The network as cells, sharing these weights."""
        hidden = LAYOUT_OPERATORS if self._arguments[1] else ()
        return DeepNetCell(self.name, self._session.network, self._session.evaluation.graph, self._session.solvers, hidden, self._session)

    def summary(self, *args: Any, **kwargs: Any) -> None:
        """Keras' summary, then the solver of every cell."""
        text = io.StringIO()
        print_fn = kwargs.pop("print_fn", None)
        self._functional.summary(*args, print_fn=lambda line, **_: text.write(line + "\n"), **kwargs)
        lines = text.getvalue().rstrip().splitlines()
        lines[0] = f'Model: "{self.name}" (n2d2)'
        lines.append("")
        lines.append(str(self.get_deepnet_cell()))
        lines.append(f"Solver: {self._box['solver'] or f'{type(self.optimizer).__name__} of Keras'}")
        (print_fn or print)("\n".join(lines))

    # It is neither changed nor saved as a list of layers.

    def add(self, *args: Any, **kwargs: Any) -> None:
        """Refused: build the model first, then wrap it."""
        raise NotImplementedError("a wrapped model has a fixed list of layers; change the original and wrap it again")

    def pop(self, *args: Any, **kwargs: Any) -> None:
        """Refused: build the model first, then wrap it."""
        raise NotImplementedError("a wrapped model has a fixed list of layers; change the original and wrap it again")

    def get_config(self) -> dict[str, Any]:
        """The original model and the arguments of `wrap`."""
        batch_size, for_export = self._arguments
        source = keras.saving.serialize_keras_object(self._source)
        return {"source": source, "batch_size": batch_size, "for_export": for_export, "name": self.name}

    @classmethod
    def from_config(cls, config: dict[str, Any], custom_objects: Any = None) -> CustomSequential:
        """A wrapped model like the one that gave the config."""
        source = keras.saving.deserialize_keras_object(config["source"], custom_objects=custom_objects)
        return cls(source, config["batch_size"], name=config["name"], for_export=config["for_export"])


def _no_tape() -> bool:
    from tensorflow.python import pywrap_tfe

    return bool(pywrap_tfe.TFE_Py_TapeSetIsEmpty())


keras.saving.get_custom_objects().setdefault("CustomSequential", CustomSequential)
keras.saving.get_custom_objects().setdefault("SolverProxy", SolverProxy)

__all__ = ["CustomSequential"]
