"""Einsum of one or two tensors, as a matrix product between transposes; nn.Bilinear."""

from __future__ import annotations

from typing import Any

from pytorch_interoperability.handlers.registry import UnsupportedArgument, handles
from pytorch_interoperability.handlers.shape import shaped, transposed


@handles("einsum")
def einsum(g: Any, equation: str, operands: Any, path: Any = None) -> Any:
    terms, _, result = equation.replace(" ", "").partition("->")
    names = terms.split(",")
    if "->" not in equation or "." in equation or len(operands) > 2 or any(len(set(n)) < len(n) for n in [*names, result]):
        raise UnsupportedArgument(f"the equation '{equation}'; write one or two tensors with an arrow and letters alone")
    needed = [set(result).union(*names[:i], *names[i + 1 :]) for i in range(len(names))]
    summed = [_summed(g, x, name, keep) for x, name, keep in zip(operands, names, needed, strict=True)]
    if len(summed) == 1:
        value, name = summed[0]
        return _ordered(g, value, name, result)
    return _product(g, summed[0], summed[1], result)


@handles("bilinear")
def bilinear(g: Any, a: Any, b: Any, weight: Any, bias: Any = None) -> Any:
    """Sum over i and j of a[.., i] weight[k, i, j] b[.., j]."""
    rows = "abcdefg"[: len(a.shape) - 1]
    halves = einsum(g, f"{rows}i,kij->{rows}kj", [a, weight])
    others = shaped(g, b, [*b.shape[:-1], 1, b.shape[-1]])
    product = g.node("ReduceSum", [g.node("Mul", [halves, others])], {"axes": [-1], "keepdims": 0})
    return product if bias is None else g.node("Add", [product, bias])


def _summed(g: Any, x: Any, name: str, needed: set[str]) -> tuple[Any, str]:
    """Without the axes that no one else has."""
    axes = [axis for axis, letter in enumerate(name) if letter not in needed]
    value = g.node("ReduceSum", [x], {"axes": axes, "keepdims": 0}) if axes else x
    return value, "".join(letter for letter in name if letter in needed)


def _product(g: Any, left: tuple[Any, str], right: tuple[Any, str], result: str) -> Any:
    (a, a_name), (b, b_name) = left, right
    both = "".join(letter for letter in a_name if letter in b_name and letter in result)
    inner = "".join(letter for letter in a_name if letter in b_name and letter not in result)
    rows, columns = ("".join(letter for letter in name if letter not in both + inner) for name in (a_name, b_name))
    extents = {letter: extent for x, name in ((a, a_name), (b, b_name)) for letter, extent in zip(name, x.shape, strict=True)}
    if any(extents[letter] < 0 for letter in inner):
        raise UnsupportedArgument("a sum over the batch")
    sizes = [extents[letter] for letter in both]
    m, k, n = (_extent(extents, letters) for letters in (rows, inner, columns))
    product = g.node(
        "MatMul",
        [
            shaped(g, _ordered(g, a, a_name, both + rows + inner), [*sizes, m, k]),
            shaped(g, _ordered(g, b, b_name, both + inner + columns), [*sizes, k, n]),
        ],
    )
    whole = shaped(g, product, [extents[letter] for letter in both + rows + columns])
    return _ordered(g, whole, both + rows + columns, result)


def _extent(extents: dict[str, int], letters: str) -> int:
    result = 1
    for letter in letters:
        result *= extents[letter]
    return result


def _ordered(g: Any, x: Any, name: str, wanted: str) -> Any:
    return transposed(g, x, [name.index(letter) for letter in wanted])
