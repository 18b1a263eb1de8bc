"""n2d2: an engine that trains neural networks, behind the scripts you already have.

``import n2d2`` needs NumPy alone; Keras and PyTorch are imported by their adapters only.
"""

from n2d2 import cells, errors, loss, solver
from n2d2._global_variables import global_variables
from n2d2._profile import profile
from n2d2.tensor import Tensor

__all__ = ["Tensor", "cells", "errors", "global_variables", "loss", "profile", "solver"]
__version__ = "0.1.0"
