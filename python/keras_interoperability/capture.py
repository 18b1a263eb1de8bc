"""Walks a built Keras model into a graph of the engine."""

from __future__ import annotations

from typing import Any

import keras

from keras_interoperability.builder import Builder
from keras_interoperability.captured import Captured, LossTerm
from keras_interoperability.containers import functional_of, inner_inputs, is_container
from keras_interoperability.handlers import HANDLERS, OPERATIONS
from keras_interoperability.handlers.registry import UnsupportedArgument
from keras_interoperability.inlining import forget, inline_function, inline_layer
from keras_interoperability.planes import Planes
from n2d2 import errors


class Capture(Builder):
    """One walk. Handlers use what `Builder` has, `inline` and `layer`."""

    def __init__(self, model: Any, training: bool) -> None:
        super().__init__(training)
        self.problems: list[str] = []
        self._heeds_modes = False
        self._model = model
        self._further: list[Planes] = []
        self._loss_terms: list[tuple[Any, list[Any]]] = []

    def run(self) -> Captured:
        """The graph; raises one UnsupportedError that lists every layer that has no counterpart."""
        functional = functional_of(self._model)
        known: dict[int, Any] = {}
        for tensor in functional.inputs:
            known[id(tensor)] = self._input(tensor)
        outputs = self._walk(functional, known, "")
        if self.problems:
            raise errors.UnsupportedError(_listed(self.problems))
        self._finish(outputs)
        places = {id(variable): place for place, variable in enumerate(self._model.variables)}
        self.result.variables = dict(sorted(self.result.variables.items(), key=lambda item: places[id(item[1])]))
        return self.result

    def _input(self, tensor: Any) -> Planes:
        dtype = keras.backend.standardize_dtype(tensor.dtype)
        if dtype not in ("float32", "int32", "int64"):
            self.problems.append(f"input '{tensor.name}' is {tensor.dtype}; float32, int32 and int64 inputs are supported")
            dtype = "float32"
        extents = [-1, *tensor.shape[1:]]
        if None in extents:
            self.problems.append(
                f"input '{tensor.name}' has shape {tuple(tensor.shape)}; only the batch may be open, give keras.Input the other extents"
            )
            extents = [-1, *[1 if d is None else d for d in tensor.shape[1:]]]
        return Planes(self, last=self.graph.input(tensor.name, extents, dtype))

    def inline(self, function: Any, *xs: Planes) -> Planes:
        """What a Python function made of `keras.ops` does to tensors, such as the activation of a layer."""
        traced = inline_function(function, [self.symbol(x) for x in xs])
        return self._inlined(traced, list(xs))[0]

    def _walk(self, function: Any, known: dict[int, Any], prefix: str, heeds_modes: bool = False) -> list[Any]:
        """Values of the outputs. In a model's own graph Keras overrides a `training=` of single calls; in a followed `call` it counts."""
        outer, self._heeds_modes = self._heeds_modes, heeds_modes
        for depth in sorted(function._nodes_by_depth, reverse=True):
            for node in function._nodes_by_depth[depth]:
                if node.is_input or node.operation is None:
                    continue
                if any(known.get(id(t)) is None for t in node.arguments.keras_tensors):
                    continue  # follows from a problem that is listed already
                results = self._operation(node, known, prefix)
                for tensor, value in zip(node.outputs, results or [self._stand_in(t) for t in node.outputs], strict=False):
                    known[id(tensor)] = value
                self._note_activity_regularizer(node.operation, results)
        self._heeds_modes = outer
        return [known.get(id(t)) for t in function.outputs]

    def _note_activity_regularizer(self, layer: Any, results: list[Any]) -> None:
        """What a layer's `activity_regularizer=` looks at becomes an output of the graph."""
        regularizer = getattr(layer, "activity_regularizer", None)
        if regularizer is not None:
            self._further.extend(results)
            self.result.activity_regularizers.extend([regularizer] * len(results))

    def _stand_in(self, tensor: Any) -> Any:
        """For the output of a layer that has a problem, so that the layers behind it are looked at too."""
        extents = [-1, *tensor.shape[1:]]
        return None if None in extents or not tensor.shape else Planes(self, last=self.graph.input(tensor.name, extents))

    def _operation(self, node: Any, known: dict[int, Any], prefix: str) -> list[Any]:
        operation = node.operation
        before = self.path, self.outputs, self.training
        self.path, self.outputs = f"{prefix}{operation.name}", node.outputs
        who = f"{'layer' if isinstance(operation, keras.Layer) else 'operation'} '{self.path}' ({type(operation).__name__})"
        try:
            args, kwargs = node.arguments.convert(lambda x: known[id(x)] if isinstance(x, keras.KerasTensor) else x)
            if isinstance(operation, keras.Layer):
                return self.layer(operation, args, {key: value for key, value in kwargs.items() if _is_given(value)})
            return _as_list(_handler_of_operation(operation)(self, operation, *args, **kwargs))
        except UnsupportedArgument as reason:
            self.problems.append(f"{who} with {reason}" if str(reason) else who)
        except errors.N2D2Error as reason:
            self.problems.append(f"{who}: {reason}")
        finally:
            self.path, self.outputs, self.training = before
        return []

    def layer(self, layer: Any, args: Any, kwargs: dict[str, Any]) -> list[Any]:
        """Outputs of a layer that is called with `args`, a structure of `Planes`, under the path of the moment."""
        mode = kwargs.pop("training", None)
        if self._heeds_modes and mode is not None:
            self.training = bool(mode)
        if is_container(layer):
            if kwargs:
                raise UnsupportedArgument(f"{', '.join(kwargs)} in its call")
            inner = functional_of(layer)
            return self._walk(inner, inner_inputs(inner, args, self._reshaped), f"{self.path}/")
        problem = _foreign_policy(layer)
        if problem:
            self.problems.append(f"layer '{self.path}' ({type(layer).__name__}) with {problem}")
        handler = _handler_of_layer(layer)
        if handler is None or (kwargs and getattr(handler, "inlines_keywords", False)):
            return self._inline_layer(layer, args, kwargs)
        if kwargs:
            raise UnsupportedArgument(f"{', '.join(kwargs)} in its call")
        tensors = [x for x in keras.tree.flatten(args) if isinstance(x, Planes)]
        return _channels_first(self, handler, layer, tensors) if _is_channels_first(layer) else _as_list(handler(self, layer, *tensors))

    def _inline_layer(self, layer: Any, args: Any, kwargs: dict[str, Any]) -> list[Any]:
        """A layer without handler: its `call` is followed once, on symbolic tensors, in the mode of this walk."""
        traced = inline_layer(layer, self.training, self.symbol, args, kwargs)
        tensors = [x for x in keras.tree.flatten((args, kwargs)) if isinstance(x, Planes)]
        return self._inlined(traced, tensors)

    def _inlined(self, traced: Any, tensors: list[Planes]) -> list[Any]:
        weights = [Planes(self, last=self.parameter(variable)) for variable in traced.variables]
        constants = [Planes(self, last=self.constant(array)) for array in traced.constants]
        try:
            known = dict(zip([id(t) for t in traced.inputs], [*tensors, *weights, *constants], strict=True))
            given = dict(zip([id(t) for t in traced.inputs[len(tensors) :]], [*traced.variables, *traced.constants], strict=True))
            outputs = self._walk(traced.function, known, f"{self.path}/", heeds_modes=True)
            for term in traced.losses:
                sources = [given.get(id(leaf), known.get(id(leaf))) for leaf in term.leaves]
                if any(isinstance(x, Planes) and (x.dtype != "float32" or min(x.last.shape, default=0) >= 0) for x in sources):
                    raise UnsupportedArgument("add_loss of whole numbers or of something without rows")
                self._loss_terms.append((term, sources))
            return outputs[: traced.outputs]
        finally:
            forget(traced)

    def _reshaped(self, x: Planes, shape: list[int]) -> Planes:
        return Planes(self, last=self.node("Reshape", [x.last], {"shape": shape}))

    def _finish(self, outputs: list[Planes]) -> None:
        """In training the model's outputs, those of a softmax or sigmoid replaced by its input; in evaluation all outputs, then these inputs.

        Behind them what activity regularisers look at, then what goes into `add_loss`.
        """
        marked = [self._activations.get(id(output)) for output in outputs]
        self.result.activations = ["" if mark is None else mark[1] for mark in marked]
        for output, mark in zip(outputs, marked, strict=True):
            self.graph.output(mark[0] if mark is not None and self.training else output.last)
        if not self.training:
            for mark in marked:
                if mark is not None:
                    self.graph.output(mark[0])
        for term, sources in self._loss_terms:
            self.result.loss_terms.append(LossTerm(term, [self._source(source) for source in sources]))
        for value in self._further:
            self.graph.output(value.last)

    def _source(self, source: Any) -> Any:
        if not isinstance(source, Planes):
            return source
        self._further.append(source)
        return len(self._further) - 1


def _is_channels_first(layer: Any) -> bool:
    return getattr(layer, "data_format", None) == "channels_first"


def _channels_first(capture: Capture, handler: Any, layer: Any, tensors: list[Planes]) -> list[Planes]:
    """Such a layer's tensors lie as ONNX operators read them already."""
    activation = getattr(layer, "activation", keras.activations.relu)
    if activation in (keras.activations.softmax, keras.activations.log_softmax, keras.activations.glu):
        raise UnsupportedArgument("an activation over the last axis and data_format='channels_first'; use channels_last")
    results = _as_list(handler(capture, layer, *[Planes(capture, first=x.last) for x in tensors]))
    return [Planes(capture, last=y.first) for y in results]


def _handler_of_layer(layer: Any) -> Any:
    """The handler of the layer's class; none when a subclass has a `call` of its own."""
    cls: Any = next((c for c in type(layer).__mro__ if c in HANDLERS), None)
    return None if cls is None or type(layer).call is not cls.call else HANDLERS[cls]


def _handler_of_operation(operation: Any) -> Any:
    handler = HANDLERS.get(type(operation), OPERATIONS.get(type(operation).__name__))
    held = [name for name, value in vars(operation).items() if isinstance(value, keras.Variable | keras.KerasTensor)]
    if handler is None or held:
        raise UnsupportedArgument(f"a tensor as {held[0]}" if held else "")
    return handler


def _is_given(value: Any) -> bool:
    """Keras hands over a mask for every input, and None for those that have none."""
    return any(leaf is not None for leaf in keras.tree.flatten(value))


def _as_list(result: Any) -> list[Any]:
    return list(result) if isinstance(result, list | tuple) else [result]


def _foreign_policy(layer: Any) -> str:
    policy = getattr(layer, "dtype_policy", None)
    return f"dtype policy {policy.name}; build the model in float32" if policy is not None and policy.name != "float32" else ""


def _listed(problems: list[str]) -> str:
    return (
        "the model cannot run in n2d2 as it is; not supported:\n"
        + "\n".join(f"  {problem}" for problem in dict.fromkeys(problems))
        + "\nReplace these layers, or teach n2d2 yours with keras_interoperability.register_handler."
    )


__all__ = ["Capture"]
