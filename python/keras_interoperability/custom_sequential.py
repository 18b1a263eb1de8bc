"""The wrapped model: a Keras model whose work is done by the engine."""

from __future__ import annotations

import io
import warnings
from typing import Any

import keras
import tensorflow as tf

from keras_interoperability.capture import functional_of
from keras_interoperability.mirror import Counter
from keras_interoperability.session import Session
from keras_interoperability.solvers import SolverProxy, optimizer_and_solver, shortest
from keras_interoperability.steps import make_losses, predict_steps, test_step, train_step
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
            optimizer: None, an `n2d2.solver`, "sgd", "adam" or a `keras.optimizers.SGD` or `Adam`.
            run_eagerly, jit_compile: have no effect, as the engine runs the model.

        Raises:
            n2d2.errors.UnsupportedError: for an optimizer without counterpart.
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
        self._box["counter"] = Counter(self.optimizer.iterations)
        self._use(solver)

    def compile_from_config(self, config: dict[str, Any]) -> None:
        """As Keras; called when a saved model is loaded."""
        config = keras.saving.deserialize_keras_object(config)
        allowed = ("optimizer", "loss", "loss_weights", "metrics", "weighted_metrics", "steps_per_execution")
        self.compile(**{key: config[key] for key in allowed if config.get(key) is not None})

    def _use(self, solver: Solver) -> None:
        self._session.compile(solver)
        self._box.update(solver=solver, losses=None, rate=solver.learning_rate, updates=0)
        self.train_function: Any = None
        self.test_function: Any = None
        self.predict_function: Any = None

    def _traced_losses(self) -> Any:
        if self._box["losses"] is None:
            self._box["losses"] = make_losses(self, self._session)
        return self._box["losses"]

    def _push_rate(self) -> None:
        """The learning rate shown at `model.optimizer` reaches the solver."""
        rate = shortest(float(self.optimizer.learning_rate))
        if rate != self._box["rate"]:
            self._box["solver"].learning_rate = self._box["rate"] = rate

    def _count_update(self) -> None:
        self._box["counter"].add()

    # What fit, evaluate and predict call.

    def make_train_function(self, force: bool = False) -> Any:
        """The function that `fit` calls for every batch."""
        self._session.mirror.check()
        if self.train_function is None or force:
            train_loss = self._traced_losses()[0]
            self.train_function = self._repeated(lambda data: train_step(self, self._session, train_loss, data))
        return self.train_function

    def make_test_function(self, force: bool = False) -> Any:
        """The function that `evaluate` calls for every batch."""
        self._session.mirror.check()
        if self.test_function is None or force:
            test_loss = self._traced_losses()[1]
            self.test_function = self._repeated(lambda data: test_step(self._session, test_loss, data))
        return self.test_function

    def make_predict_function(self, force: bool = False) -> Any:
        """The function that `predict` calls for every batch."""
        self._session.mirror.check()
        if self.predict_function is None or force:
            self.predict_function = lambda batches: predict_steps(self, self._session, batches)
        return self.predict_function

    def _repeated(self, step: Any) -> Any:
        def run(iterator: Any) -> Any:
            logs = step(next(iterator))
            for _ in range(self.steps_per_execution - 1):
                try:
                    data = next(iterator)
                except (StopIteration, tf.errors.OutOfRangeError):
                    break
                logs = step(data)
            return logs

        return run

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """The model's output: by the engine for plain inference, by Keras under a gradient tape, in a trace or in training mode."""
        plain = tf.executing_eagerly() and not training and mask is None and all(tf.is_tensor(x) for x in keras.tree.flatten(inputs))
        if not plain or not _no_tape() or any(x.shape[0] == 0 for x in keras.tree.flatten(inputs)):
            return self._functional.call(inputs, training=training, mask=mask)
        self._session.mirror.check()
        outputs = self._session.evaluate(self._session.inputs_of(inputs))
        if self._session.evaluation.activation:
            outputs = outputs[:1]
        return keras.tree.pack_sequence_as(self._functional._outputs_struct, [tf.constant(o) for o in outputs])

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
        lines.append(f"Solver: {self._box['solver']}")
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
