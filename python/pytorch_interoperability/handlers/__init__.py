"""What each ATen operator becomes. A handler takes the importer and the operator's arguments and returns a value of the graph."""

from pytorch_interoperability.handlers import activation, arithmetic, linear, norm, pool, shape
from pytorch_interoperability.handlers.registry import HANDLERS, Handler

__all__ = ["HANDLERS", "Handler", "activation", "arithmetic", "linear", "norm", "pool", "shape"]
