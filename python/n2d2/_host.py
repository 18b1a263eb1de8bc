"""Who owns the weights of a `DeepNetCell`: the framework it was wrapped from, or the engine."""

from __future__ import annotations

from typing import Any, Protocol

from n2d2._global_variables import global_variables

RANDOM_OPERATORS = {"Dropout", "AlphaDropout", "GaussianDropout", "RandomNormal"}


class Host(Protocol):
    """What a `DeepNetCell` asks of the model it was made from."""

    def prepare(self, training: bool) -> int:
        """Called before weights are read, written or used: tells the engine where they lie now and that they may have changed.

        Args:
            training: a forward pass in training mode follows, whose graph must be there.

        Returns:
            Key of the random numbers of that pass; 0 when it draws none.
        """
        ...

    def trained(self) -> set[str]:
        """Names of the parameters that get gradients."""
        ...


class Engine:
    """Weights in the engine's own memory."""

    def __init__(self, network: Any, graph: Any) -> None:
        self._network = network
        self._is_random = any(node.op in RANDOM_OPERATORS for node in graph.nodes)

    def prepare(self, training: bool) -> int:
        """See `Host`."""
        if not training:
            self._network.refresh()
        return global_variables.next_key() if training and self._is_random else 0

    def trained(self) -> set[str]:
        """See `Host`."""
        return {name for name, _, _ in self._network.parameters}


__all__ = ["Engine", "Host"]
