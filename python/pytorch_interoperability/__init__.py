"""PyTorch networks in the n2d2 engine: ``net = pytorch_interoperability.wrap(torch_net, (batch, 3, 32, 32))``."""

from pytorch_interoperability.block import Block
from pytorch_interoperability.convert import to_n2d2, to_torch
from pytorch_interoperability.wrap import examine, wrap

__all__ = ["Block", "examine", "to_n2d2", "to_torch", "wrap"]
