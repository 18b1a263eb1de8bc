"""Every error this package raises; each is also the built-in that one would expect."""

from n2d2._engine import engine

N2D2Error = engine.Error
"""Base of the family."""

ShapeError = engine.ShapeError
"""An extent, rank or number of rows that does not fit (a ValueError)."""

TypeError = engine.TypeError
"""A data type that does not fit (a TypeError)."""

ValueError = engine.ValueError
"""An argument outside its range (a ValueError)."""

UnsupportedError = engine.UnsupportedError
"""A layer, operator or option that exists elsewhere but not here (a NotImplementedError)."""

BackendError = engine.BackendError
"""A device, driver or library that failed or is missing (a RuntimeError)."""

StateError = engine.StateError
"""A call that does not fit the state, such as a backward pass over outdated weights (a RuntimeError)."""

__all__ = ["BackendError", "N2D2Error", "ShapeError", "StateError", "TypeError", "UnsupportedError", "ValueError"]

for _name in __all__:  # a traceback names an error as users catch it
    _error = globals()[_name]
    _error.__module__, _error.__name__, _error.__qualname__ = __name__, _name, _name
del _name, _error
