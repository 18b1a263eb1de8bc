"""What a graph's nodes are called as cells, and what they cost."""

from __future__ import annotations

from typing import Any

import numpy as np

LAYOUT_OPERATORS = ("Transpose", "Reshape", "Flatten")


def describe_cells(graph: Any, hidden: tuple[str, ...]) -> list[tuple[Any, str, list[str]]]:
    """Node, name and names of the inputs of every cell, in order. Of the operators that one layer became, the first that computes has the layer's name."""
    cells: list[tuple[Any, str, list[str]]] = []
    taken = {node.path for node in graph.nodes if node.path and node.op not in LAYOUT_OPERATORS}
    named: set[str] = set()
    origin: dict[int, str] = {}
    for node in graph.nodes:
        sources = [origin.get(v.id, v.name) for v in node.inputs if v is not None and v.kind in ("input", "activation")]
        if node.op in hidden:
            origin.update({value.id: sources[0] for value in node.outputs})
            continue
        if node.path and node.path not in named and (node.op not in LAYOUT_OPERATORS or node.path not in taken):
            name = node.path
        else:
            name = _free(f"{node.path}_{node.op.lower()}" if node.path else node.name, named | taken)
        named.add(name)
        origin.update({value.id: name for value in node.outputs})
        cells.append((node, name, sources))
    return cells


def _free(base: str, taken: set[str]) -> str:
    name, number = base, 1
    while name in taken:
        number += 1
        name = f"{base}_{number}"
    return name


def macs_of(node: Any) -> int:
    """Multiply-accumulates of a node for one row of the batch."""
    output = [abs(d) for d in node.outputs[0].shape]
    if node.op == "Conv":
        weight = node.inputs[1].shape
        return int(np.prod(output) * np.prod(weight[1:]))
    if node.op.endswith("Recurrence"):
        return int(np.prod(node.inputs[1].shape) * node.inputs[0].shape[1])
    if node.op == "MatMul":
        return int(np.prod(output) * node.inputs[0].shape[-1])
    if node.op == "Gemm":
        weight = node.inputs[1].shape
        inner = weight[1] if node.attributes.get("transB") else weight[0]
        return int(np.prod(output) * inner)
    return 0


__all__ = ["LAYOUT_OPERATORS", "describe_cells", "macs_of"]
