"""The compiled engine, or one clear error when it is missing."""

try:
    from n2d2 import _n2d2 as engine  # type: ignore[attr-defined]
except ImportError as cause:
    raise ImportError(
        "n2d2's compiled engine (n2d2._n2d2) cannot be loaded: "
        f"{cause}. Install the package (`pip install .` in the source tree) for this Python."
    ) from cause

__all__ = ["engine"]
