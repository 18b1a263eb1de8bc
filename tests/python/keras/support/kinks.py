"""Moves biases of a network until nothing that enters a ReLU, ReLU6 or hard sigmoid lies near a kink.

There the gradient jumps: an input that is 0 but for rounding switches on in one engine and off in another, in Keras' own float32 as well,
and in a deep network one switch changes gradients by percents. Away from the kinks every gradient can be compared to rounding.

For any network, near its own weights, and for one batch. Networks in which a batch normalisation stands before every ReLU can be kept away
for every batch, also while they train: `flipless_keras`.
"""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import layers

KINKS = {"relu": (0.0,), "relu6": (0.0, 6.0), "hard_sigmoid": (-3.0, 3.0), "hard_silu": (-3.0, 3.0)}
NEAR = 0.25
"""How near is near, as `distance` counts. Rounding is far less, also in deep networks."""
WINDOW = 0.5
"""How far the values of a channel move at most, in deviations."""
PASSES = 40
"""A moved bias moves other inputs too, which the next pass looks at."""


def settled(model: keras.Model, weights: list[np.ndarray], xs: list[np.ndarray]) -> list[np.ndarray]:
    """Weights whose biases are moved so that a training forward of `xs` keeps off the kinks.

    Args:
        model: a functional model in float64 without nested models.

    Raises:
        AssertionError: inputs of a kink stay near it.
    """
    model.set_weights(weights)
    for _ in range(PASSES):
        pass_ = _Pass(model)
        pass_.run(xs)
        moved = {id(v): np.asarray(v.value, np.float32) for v in model.trainable_variables}
        weights = [moved.get(id(v), w) for v, w in zip(model.weights, weights, strict=True)]
        model.set_weights(weights)  # the moving statistics as they were
        if not pass_.near:
            return weights
    raise AssertionError(f"near a kink: {pass_.near}")


def kinks_of(operation: keras.Operation) -> tuple[float, ...]:
    """Where the gradient of what an operation does to its input jumps; for a layer with an activation, to what enters that."""
    if isinstance(operation, layers.ReLU):
        return (0.0,) if operation.max_value is None else (0.0, float(operation.max_value))
    return KINKS.get(getattr(getattr(operation, "activation", None), "__name__", ""), ())


class _Pass:
    """One forward in training mode, node by node, that moves biases on its way."""

    def __init__(self, model: keras.Model) -> None:
        self.model, self.values, self.near = model, {}, {}
        self.makers = {id(y): node for nodes in model._nodes_by_depth.values() for node in nodes for y in node.outputs}
        self.settled: dict[tuple[int, int], list[list]] = {}
        """By bias and channel: [factor, values] of all that it moves and that entered a kink."""

    def run(self, xs: list[np.ndarray]) -> None:
        """Computes every value of the model for these inputs."""
        self.values = {id(tensor): tf.constant(x, "float64") for tensor, x in zip(self.model.inputs, xs, strict=True)}
        for depth in sorted(self.model._nodes_by_depth, reverse=True):
            for node in self.model._nodes_by_depth[depth]:
                if not node.is_input:
                    self._compute(node)

    def _compute(self, node) -> None:
        operation, kinks = node.operation, kinks_of(node.operation)
        is_standing_alone = isinstance(operation, layers.ReLU | layers.Activation)
        if kinks and is_standing_alone:
            self._settle(node.arguments.keras_tensors[0], kinks)
        arguments, keywords = node.arguments.fill_in(self.values)
        if getattr(operation, "_call_has_training_arg", False):
            keywords["training"] = True
        if kinks and not is_standing_alone:  # as two: the layer, its activation
            activation, operation.activation = operation.activation, keras.activations.linear
            self.values[id(node.outputs[0])] = operation(*arguments, **keywords)
            operation.activation = activation
            self._settle(node.outputs[0], kinks)
            self.values[id(node.outputs[0])] = activation(self.values[id(node.outputs[0])])
            return
        for tensor, value in zip(node.outputs, keras.tree.flatten(operation(*arguments, **keywords)), strict=True):
            self.values[id(tensor)] = value

    def _settle(self, tensor, kinks: tuple[float, ...]) -> None:
        """Moves the channels of a value that is about to enter kinks."""
        value = self.values[id(tensor)]
        channels = np.asarray(value).reshape(-1, tensor.shape[-1]).T.copy()
        moves = np.zeros(len(channels))
        for i, (channel, source) in enumerate(zip(channels, self._sources(tensor), strict=True)):
            variable, index, factor = source or (None, i, 1.0)
            others = self.settled.setdefault((id(variable), index), []) if source else []
            if distance(channel, kinks) < NEAR:
                move = _clear_move([(factor, channel, kinks), *others]) if source else 0.0
                self.near[f"{tensor.name}, channel {i}"] = "moved" if source else "no bias moves it alone"
                moves[i] = self._move(variable, index, move) * factor if source else 0.0
            others.append((factor, channel, kinks))
        if moves.any():
            self.values[id(tensor)] = value + moves

    def _move(self, variable, index: int, by: float) -> float:
        """What a bias of float32 really moves by, and all that it was settled for."""
        before = keras.ops.convert_to_numpy(variable.value)
        after = before.copy()
        after[index] = np.float32(before[index] + by)
        variable.assign(after)
        moved = float(after[index] - before[index])
        for factor, channel, _ in self.settled[id(variable), index]:
            channel += factor * moved
        return moved

    def _sources(self, tensor) -> list[tuple | None]:
        """For every channel the bias that moves it: (variable, index, factor)."""
        node = self.makers[id(tensor)]
        operation, operands = node.operation, node.arguments.keras_tensors
        bias = getattr(operation, "beta", None)
        bias = bias if bias is not None else getattr(operation, "bias", None)
        if bias is not None:
            return [(bias, i, 1.0) for i in range(tensor.shape[-1])]
        if isinstance(operation, layers.Concatenate):
            return [source for x in operands for source in self._sources(x)]
        if isinstance(operation, layers.AveragePooling2D | layers.MaxPooling2D):
            return self._sources(operands[0])
        if type(operation).__name__ == "Add":
            found = [sources for x in operands if x.shape == tensor.shape and (sources := self._sources(x))[0] is not None]
            return [_summed(sources) for sources in zip(*found, strict=True)] if found else [None] * tensor.shape[-1]
        return [None] * tensor.shape[-1]


def _summed(sources: tuple) -> tuple | None:
    """The first of several sources of a sum; twice the same one counts twice."""
    first = sources[0]
    return first and (*first[:2], sum(s[2] for s in sources if s and s[0] is first[0]))


def distance(channel: np.ndarray, kinks: tuple[float, ...]) -> float:
    """How far the values of a channel keep off the kinks, in deviations divided by the number of values."""
    return min(np.abs(channel - k).min() for k in kinks) / (channel.std() or 1.0) * len(channel)


def _clear_move(channels: list[tuple]) -> float:
    """The middle of the widest gap, near 0, between the moves by which a value of (factor, values, kinks) would meet a kink."""
    points = np.concatenate([(k - channel) / factor for factor, channel, kinks in channels for k in kinks])
    edge = WINDOW * (channels[0][1].std() or 1.0)
    inside = np.sort(np.concatenate([points[np.abs(points) < edge], [-edge, edge]]))
    widest = np.diff(inside).argmax()
    return (inside[widest] + inside[widest + 1]) / 2
