"""A Keras tensor while a model is captured: channels-last as Keras says, channels-first as ONNX operators read it."""

from __future__ import annotations

from typing import Any


class Planes:
    """One tensor under both names of its axes; each is made when first asked for. The engine moves no memory for it."""

    def __init__(self, capture: Any, last: Any = None, first: Any = None) -> None:
        self._capture = capture
        self._last = last
        self._first = first

    @property
    def rank(self) -> int:
        """Number of axes, the batch included."""
        return len(self._any.shape)

    @property
    def dtype(self) -> str:
        """Type of the elements: "float32", "int32" or "int64"."""
        return str(self._any.dtype)

    @property
    def _any(self) -> Any:
        return self._last if self._last is not None else self._first

    @property
    def shape(self) -> list[int]:
        """Extents in Keras' order; -1 stands for the rows of the batch, -k for k times as many."""
        extents = list(self._any.shape)
        return extents if self._last is not None else [extents[0], *extents[2:], extents[1]] if len(extents) > 2 else extents

    @property
    def last(self) -> Any:
        """The value with channels on the last axis (any rank)."""
        if self._last is None:
            rank = len(self._first.shape)
            if rank <= 2:
                self._last = self._first
            else:
                self._last = self._capture.node("Transpose", [self._first], {"perm": [0, *range(2, rank), 1]})
        return self._last

    @property
    def first(self) -> Any:
        """The value with channels on axis 1."""
        if self._first is None:
            rank = len(self._last.shape)
            if rank <= 2:
                self._first = self._last
            else:
                self._first = self._capture.node("Transpose", [self._last], {"perm": [0, rank - 1, *range(1, rank - 1)]})
        return self._first

    def map(self, op: str, attributes: dict[str, Any] | None = None, *others: Any) -> Planes:
        """An elementwise operator, on whichever form is there already; `others` are further inputs of one element."""
        if self._first is not None:
            return Planes(self._capture, first=self._capture.node(op, [self._first, *others], attributes))
        return Planes(self._capture, last=self._capture.node(op, [self._last, *others], attributes))

    @property
    def has_first(self) -> bool:
        """Whether the channels-first form exists already."""
        return self._first is not None

    def axis_in_first(self, axis: int) -> int:
        """Where an axis of Keras' order (counted from 0) lies in the channels-first form."""
        return axis if axis == 0 or self.rank <= 2 else 1 if axis == self.rank - 1 else axis + 1


__all__ = ["Planes"]
