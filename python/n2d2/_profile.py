"""Where the time of a network goes."""

from __future__ import annotations

from typing import Any

from n2d2 import errors


class profile:
    """Times every step of a network inside a `with` block.

    Args:
        model: a wrapped Keras model, a wrapped PyTorch module, or a `DeepNetCell`.

    Printed, it is a table: microseconds a run of the slowest lane and of all lanes, share of the time, operations and bytes per second,
    node and kernel. Operations are those of the dense definition, so a kernel that skips zeros can show more than the machine can do.

    Example:
        >>> with n2d2.profile(model) as times:       # doctest: +SKIP
        ...     model.fit(x, y, epochs=1)
        >>> print(times)                             # doctest: +SKIP
    """

    def __init__(self, model: Any) -> None:
        for make in ("get_deepnet_cell", "get_block"):
            if hasattr(model, make):
                model = getattr(model, make)()
                break
        if not hasattr(model, "network"):
            raise errors.TypeError(f"profile: expected a wrapped model or a DeepNetCell, got a {type(model).__name__}")
        self._network = model.network
        self._text = "nothing ran"

    def __enter__(self) -> profile:
        self._network.set_profiling(True)
        return self

    def __exit__(self, *exception: object) -> None:
        self._text = self._network.profile_text() or self._text
        self._network.set_profiling(False)

    def __str__(self) -> str:
        return self._text


__all__ = ["profile"]
