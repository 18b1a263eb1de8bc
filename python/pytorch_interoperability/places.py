"""Where in the user's network something stands, and the one error that lists all problems."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import torch

TORCH_FOLDER = os.path.dirname(torch.__file__)


def location_of(node: Any) -> tuple[str, str]:
    """Path of the module in the network, and the user's file and line."""
    stack = node.meta.get("nn_module_stack") or {}
    path = list(stack.values())[-1][0] if stack else ""
    place = ""
    for line in (node.meta.get("stack_trace") or "").splitlines():
        if line.strip().startswith('File "') and TORCH_FOLDER not in line:
            parts = line.strip().split('"')
            place = f"{os.path.basename(parts[1])}:{parts[2].split('line ')[1].split(',')[0]}"
    return path, place


def said(what: str, node: Any) -> str:
    """The text with the node's place behind it."""
    path, place = location_of(node)
    where = ", ".join(part for part in (f"in '{path}'" if path else "", place) if part)
    return f"{what} ({where})" if where else what


def listed(problems: Sequence[str]) -> str:
    """The text of the error."""
    counts = dict.fromkeys(problems, 0)
    for problem in problems:
        counts[problem] += 1
    lines = [f"  {text}" + (f" ({count} times)" if count > 1 else "") for text, count in counts.items()]
    return (
        "the network cannot run in n2d2 as it is; not supported:\n"
        + "\n".join(lines)
        + '\nReplace these parts, or wrap with on_unsupported="torch" to leave the sub-modules that hold them in PyTorch.'
    )


__all__ = ["listed", "location_of", "said"]
