"""Keras variables that live in the engine's memory.

TensorFlow's tensor of a variable is replaced by one that aliases the engine's buffer, so that whatever reads the variable sees every
update. Writing a variable detaches it; the hook here copies the value into the buffer and attaches it again.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

_CLASSES: dict[type, type] = {}


def _attached_class(cls: type) -> type:
    """The variable's class with the hook on assignment."""
    if cls not in _CLASSES:

        class Attached(cls):  # type: ignore[misc, valid-type]
            """A variable that lives in the engine's memory."""

            def _direct_assign(self, value: Any) -> None:
                super()._direct_assign(value)
                mirror = self.__dict__.get("_n2d2_mirror")
                if mirror is not None and tf.executing_eagerly():
                    mirror.attach(self)

        Attached.__name__ = cls.__name__
        Attached.__qualname__ = cls.__qualname__
        _CLASSES[cls] = Attached
    return _CLASSES[cls]


class Mirror:
    """The engine's memory of a model's variables."""

    def __init__(self, network: Any, variables: dict[str, Any]) -> None:
        self._network = network
        self._buffers: dict[int, Any] = {}
        self._variables = list(variables.values())
        for name, variable in variables.items():
            self._buffers[id(variable)] = network.memory(name).reshape(variable.shape)
            if not hasattr(variable, "_n2d2_mirror"):
                variable.__class__ = _attached_class(type(variable))
            object.__setattr__(variable, "_n2d2_mirror", self)
            self.attach(variable)

    def attach(self, variable: Any) -> None:
        """Copies the variable's value into the engine and lets its tensor be that memory."""
        buffer = self._buffers[id(variable)]
        np.copyto(buffer, _read(variable))
        variable._value.assign(tf.experimental.dlpack.from_dlpack(buffer.__dlpack__()))
        self._network.refresh()

    def check(self) -> None:
        """Attaches again what was written past the hook (TensorFlow's own optimizers do): before fit, evaluate and predict."""
        for variable in self._variables:
            if _read(variable).ctypes.data != self._buffers[id(variable)].ctypes.data:
                self.attach(variable)


def _read(variable: Any) -> Any:
    """The variable's present tensor as an array, without a copy."""
    return np.asarray(memoryview(variable._value.read_value()))


__all__ = ["Mirror"]
