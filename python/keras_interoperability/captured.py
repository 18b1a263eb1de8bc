"""What a capture of a Keras model gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Captured:
    """A graph, and the Keras variables behind its parameters and buffers."""

    graph: Any
    variables: dict[str, Any] = field(default_factory=dict)
    """In the order of the model's."""
    activations: list[str] = field(default_factory=list)
    """Of every output of the model: the operator that makes it ("Softmax", "Sigmoid") when the graph gives that one's input too, else ""."""
    activity_regularizers: list[Any] = field(default_factory=list)
    """One for each of the graph's first further outputs, which are what these look at."""
    loss_terms: list[LossTerm] = field(default_factory=list)
    """What layers give to `add_loss`."""
    is_random: bool = False


@dataclass
class LossTerm:
    """A term of the loss that Keras computes from the graph's further outputs, behind the model's own, and from weights."""

    compute: Any
    """Takes a list of values."""
    sources: list[Any]
    """Of every value: the number of a further output, a Keras variable, or an array."""


__all__ = ["Captured", "LossTerm"]
