"""Keras variables that live in the engine's memory.

TensorFlow's tensor of a variable is replaced by one that aliases the engine's buffer, so that whatever reads the variable sees every
update. Writing a variable detaches it; the hook here copies the value into the buffer and attaches it again.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python import pywrap_tfe
from tensorflow.python.eager import context

from n2d2._engine import engine

_ATTACHED: dict[type, type] = {}
_COUNTED: dict[type, type] = {}
_WATCHED: dict[type, type] = {}


def _attached_class(cls: type) -> type:
    """The variable's class with the hook on assignment."""
    if cls not in _ATTACHED:

        class Attached(cls):  # type: ignore[misc, valid-type]
            """A variable that lives in the engine's memory."""

            def _direct_assign(self, value: Any) -> None:
                super()._direct_assign(value)
                mirror = self.__dict__.get("_n2d2_mirror")
                if mirror is not None and tf.executing_eagerly():
                    mirror.attach(self)

        _renamed(Attached, cls)
        _ATTACHED[cls] = Attached
    return _ATTACHED[cls]


class Mirror:
    """The engine's memory of a model's variables."""

    def __init__(self, network: Any, variables: dict[str, Any], owner: Any) -> None:
        self._network = network
        self.owner = weakref.ref(owner)
        self._is_unchecked = False
        self._buffers: dict[int, Any] = {}
        self._variables = list(variables.values())
        self._handles = [variable._value.handle for variable in self._variables]
        self._types = tuple(variable._value.dtype.as_datatype_enum for variable in self._variables)
        for name, variable in variables.items():
            self._buffers[id(variable)] = network.memory(name).reshape(variable.shape)
            if not hasattr(variable, "_n2d2_mirror"):
                variable.__class__ = _attached_class(type(variable))
            object.__setattr__(variable, "_n2d2_mirror", self)
            self.attach(variable)
        self._addresses = [self._buffers[id(variable)].ctypes.data for variable in self._variables]

    def attach(self, variable: Any) -> None:
        """Copies the variable's value into the engine and lets its tensor be that memory."""
        buffer = self._buffers[id(variable)]
        np.copyto(buffer, _read(variable))
        variable._value.assign(tf.experimental.dlpack.from_dlpack(buffer.__dlpack__()))
        self._network.refresh()

    def check(self) -> None:
        """Attaches again what was written past the hook, as TensorFlow's own optimizers do."""
        for variable, address, own in zip(self._variables, self._present(), self._addresses, strict=True):
            if address != own:
                self.attach(variable)

    def _present(self) -> list[int]:
        """Where the tensors of all variables lie; one operation reads them, 25 times as fast as one by one."""
        if not self._variables:
            return []
        tensors = pywrap_tfe.TFE_Py_FastPathExecute(context.context(), "_ReadVariablesOp", None, self._handles, "dtypes", self._types)
        return list(engine.addresses(tensors))

    def mark_unchecked(self) -> None:
        """Callbacks may write variables past the hook: the next step looks at them once."""
        self._is_unchecked = True

    def check_once(self) -> None:
        """Checks if `mark_unchecked` was called since."""
        if self._is_unchecked:
            self._is_unchecked = False
            self.check()


def wrapped_in(variables: list[Any]) -> Any:
    """The owner of the mirror that holds any of the variables, None when there is no such owner or it is gone."""
    mirrors = [v.__dict__["_n2d2_mirror"] for v in variables if "_n2d2_mirror" in v.__dict__]
    if any(mirror.owner() is not None for mirror in mirrors):
        gc.collect()  # a model and its functions refer to each other: one that was dropped may still be there
    return next((owner for mirror in mirrors if (owner := mirror.owner()) is not None), None)


class Counter:
    """Counts updates without touching TensorFlow: the variable takes over the count when it is read."""

    def __init__(self, variable: Any) -> None:
        self._variable = variable
        self._base: int | None = None
        self._pending = 0
        if not hasattr(variable, "_n2d2_counter"):
            variable.__class__ = _counted_class(type(variable))
        object.__setattr__(variable, "_n2d2_counter", self)

    @property
    def count(self) -> int:
        """Updates so far."""
        if self._base is None:
            self._base = int(self._variable._value.numpy())
        return self._base + self._pending

    def add(self) -> None:
        """One more update."""
        self._pending += 1

    def clear(self) -> None:
        """The variable is written: the count goes on from there."""
        self._base = None
        self._pending = 0

    def reread(self) -> None:
        """Others may have counted: an optimizer of Keras that a loop of the user's called."""
        self._base = None

    def flush(self) -> None:
        """Hands the count to the variable."""
        if self._pending and tf.executing_eagerly():
            pending, self._pending = self._pending, 0
            self._base = None
            self._variable._value.assign_add(pending)


def _counted_class(cls: type) -> type:
    """The variable's class with the hook on reading."""
    if cls not in _COUNTED:

        class Counted(cls):  # type: ignore[misc, valid-type]
            """A variable that is brought up to date when it is read."""

            @property
            def value(self) -> Any:
                self.__dict__["_n2d2_counter"].flush()
                return super().value

            def _direct_assign(self, value: Any) -> None:
                self.__dict__["_n2d2_counter"].clear()
                super()._direct_assign(value)

        _renamed(Counted, cls)
        _COUNTED[cls] = Counted
    return _COUNTED[cls]


def watch(variable: Any, on_assign: Callable[[], None]) -> None:
    """Calls `on_assign` whenever the variable is assigned; one watcher a variable."""
    if not hasattr(variable, "_n2d2_watcher"):
        variable.__class__ = _watched_class(type(variable))
    object.__setattr__(variable, "_n2d2_watcher", on_assign)


def _watched_class(cls: type) -> type:
    """The variable's class with the hook on assignment."""
    if cls not in _WATCHED:

        class Watched(cls):  # type: ignore[misc, valid-type]
            """A variable that tells when it is assigned."""

            def _direct_assign(self, value: Any) -> None:
                super()._direct_assign(value)
                self.__dict__["_n2d2_watcher"]()

        _renamed(Watched, cls)
        _WATCHED[cls] = Watched
    return _WATCHED[cls]


def _renamed(made: type, cls: type) -> None:
    """Saved files and messages show the name of Keras' class."""
    made.__name__ = cls.__name__
    made.__qualname__ = cls.__qualname__


def _read(variable: Any) -> Any:
    """The variable's present tensor as an array, without a copy."""
    return np.asarray(memoryview(variable._value.read_value()))


__all__ = ["Counter", "Mirror", "watch", "wrapped_in"]
