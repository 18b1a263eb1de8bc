"""Losses that `DeepNetCell.step` computes in the engine, with their gradients."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Loss:
    """Mean of a loss over the rows of the batch (MSE: over all elements)."""

    operator: str

    @property
    def by_class(self) -> bool:
        """Whether targets may be class numbers."""
        return self.operator == "SoftmaxCrossEntropyLoss"


@dataclass(frozen=True)
class CrossEntropy(Loss):
    """Cross-entropy of softmax(output): targets are class numbers (int64 [N]) or shares (float32 [N, C])."""

    operator: str = "SoftmaxCrossEntropyLoss"


@dataclass(frozen=True)
class MSE(Loss):
    """Mean of the squared differences: targets have the shape of the output (float32)."""

    operator: str = "MeanSquaredError"


__all__ = ["MSE", "CrossEntropy", "Loss"]
