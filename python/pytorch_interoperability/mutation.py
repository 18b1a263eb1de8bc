"""Operators that write in place: what else looks at the same memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

VIEWS = {
    "alias",
    "as_strided",
    "chunk",
    "contiguous",
    "detach",
    "diagonal",
    "expand",
    "expand_as",
    "flatten",
    "narrow",
    "permute",
    "reshape",
    "select",
    "slice",
    "split",
    "split_with_sizes",
    "squeeze",
    "swapaxes",
    "t",
    "to",
    "transpose",
    "unbind",
    "unflatten",
    "unfold",
    "unsqueeze",
    "view",
    "view_as",
}
"""Operators whose result may share the memory of their first argument."""


def is_mutable(node: Any) -> bool:
    """Whether the operator writes its first argument."""
    schema = getattr(node.target, "_schema", None)
    return bool(
        schema is not None and schema.is_mutable and schema.arguments[0].alias_info is not None and schema.arguments[0].alias_info.is_write
    )


def read_afterwards(node: Any) -> bool:
    """Whether another view of the memory that the node writes, or the memory as a whole, is read after it."""
    written = node.args[0]
    order = {other: i for i, other in enumerate(node.graph.nodes)}
    root = written
    while _is_view(root):
        root = root.args[0]
    others = [alias for alias in _aliases(root) if alias is not written]
    return any(order[user] > order[node] for alias in others for user in alias.users)


def _aliases(root: Any) -> Iterator[Any]:
    yield root
    for user in root.users:
        if _is_view(user) and user.args[0] is root:
            yield from _aliases(user)


def _is_view(node: Any) -> bool:
    if node.op != "call_function":
        return False
    name = str(node.target)
    if name.startswith("aten."):
        parts = name.split(".")[1]
        # dropout that does nothing hands its argument on
        return parts in VIEWS or (parts in ("dropout", "feature_dropout", "alpha_dropout") and not node.args[2])
    return name == "<built-in function getitem>"


__all__ = ["is_mutable", "read_afterwards"]
