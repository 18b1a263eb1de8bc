"""What each ATen operator becomes. A handler takes the importer and the operator's arguments and returns a value of the graph."""

from pytorch_interoperability.handlers import (
    activation,
    arithmetic,
    attention,
    comparison,
    convolution,
    creation,
    dropout,
    indexing,
    linear,
    norm,
    pool,
    recurrent,
    reduction,
    resize,
    shape,
    split,
)
from pytorch_interoperability.handlers.registry import HANDLERS, Handler

__all__ = [
    "HANDLERS",
    "Handler",
    "activation",
    "arithmetic",
    "attention",
    "comparison",
    "convolution",
    "creation",
    "dropout",
    "indexing",
    "linear",
    "norm",
    "pool",
    "recurrent",
    "reduction",
    "resize",
    "shape",
    "split",
]
