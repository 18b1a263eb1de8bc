"""Callbacks of a fit whose logs are Python floats already."""

from __future__ import annotations

from typing import Any

import keras


class StepCallbacks(keras.callbacks.CallbackList):  # type: ignore[misc]
    """Keras' list of callbacks without its costs for every batch: a thread for the calls, and asking TensorFlow what each log is."""

    def _configure_async_dispatch(self, callbacks: Any) -> None:
        """Calls are made where they are due."""

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """As Keras."""
        for callback in self.callbacks:
            callback.on_train_batch_begin(batch, logs={})

    def on_test_batch_begin(self, batch: int, logs: Any = None) -> None:
        """As Keras."""
        for callback in self.callbacks:
            callback.on_test_batch_begin(batch, logs={})

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """As Keras."""
        if not _are_floats(logs):
            super().on_train_batch_end(batch, logs)
            return
        logs = dict(logs)  # what callbacks write stays among them
        for callback in self.callbacks:
            callback.on_train_batch_end(batch, logs=logs)

    def on_test_batch_end(self, batch: int, logs: Any = None) -> None:
        """As Keras."""
        if not _are_floats(logs):
            super().on_test_batch_end(batch, logs)
            return
        logs = dict(logs)
        for callback in self.callbacks:
            callback.on_test_batch_end(batch, logs=logs)


def _are_floats(logs: Any) -> bool:
    return type(logs) is dict and all(type(value) is float for value in logs.values())


def step_callbacks(model: Any, arguments: dict[str, Any], steps: int, epochs: int | None) -> Any:
    """The list that Keras' fit would make of its arguments (evaluate: without `epochs`); one that the user made stays."""
    callbacks, verbose = arguments["callbacks"], arguments["verbose"]
    limits = [getattr(keras.config, name, lambda: None)() for name in ("max_epochs", "max_steps_per_epoch")]
    if isinstance(callbacks, keras.callbacks.CallbackList) or any(limits):
        return callbacks
    in_fit = epochs is not None
    return StepCallbacks(
        callbacks, add_history=in_fit, add_progbar=verbose != 0, verbose=verbose, epochs=epochs if in_fit else 1, steps=steps, model=model
    )


__all__ = ["StepCallbacks", "step_callbacks"]
