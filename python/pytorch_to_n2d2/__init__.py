"""Another name of `pytorch_interoperability`."""

from pytorch_interoperability import Block, examine, to_n2d2, to_torch, wrap

__all__ = ["Block", "examine", "to_n2d2", "to_torch", "wrap"]
