"""The networks of the workloads in each framework; five of them are those of the examples."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[2] / "examples" / "python"))
