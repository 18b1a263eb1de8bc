"""Picking by indices: embeddings, gathers, flips."""

from __future__ import annotations

from typing import Any

import torch

from pytorch_interoperability.handlers.registry import UnsupportedArgument, handles, inner_axis, refuse


@handles("embedding")
def embedding(g: Any, weight: Any, indices: Any, padding_idx: int = -1, scale_grad_by_freq: bool = False, sparse: bool = False) -> Any:
    refuse(scale_grad_by_freq=scale_grad_by_freq, sparse=sparse)
    return g.node("Gather", [weight, indices], {"axis": 0, "padding_idx": padding_idx})


@handles("index_select")
def index_select(g: Any, x: Any, dim: int, index: Any) -> Any:
    return gathered(g, x, dim % len(x.shape), index)


@handles("index.Tensor")
def index(g: Any, x: Any, indices: Any) -> Any:
    given = [(axis, i) for axis, i in enumerate(indices) if i is not None]
    if len(given) != 1:
        raise UnsupportedArgument("indices for several axes at once")
    axis, places = given[0]
    if isinstance(places, torch.Tensor) and places.dtype == torch.bool:
        places = places.nonzero()[:, 0]
    return gathered(g, x, axis, places)


@handles("flip")
def flip(g: Any, x: Any, dims: Any) -> Any:
    for dim in dims:
        axis = dim % len(x.shape)
        x = gathered(g, x, axis, torch.arange(abs(x.shape[axis]) - 1, -1, -1))
    return x


@handles("gather")
def gather(g: Any, x: Any, dim: int, index: Any, *, sparse_grad: bool = False) -> Any:
    axis = inner_axis(dim, x.shape)
    return g.node("GatherElements", [x, index], {"axis": axis})


@handles("one_hot")
def one_hot(g: Any, indices: Any, num_classes: int = -1) -> Any:
    if num_classes < 0:
        raise UnsupportedArgument("no num_classes; give it the number")
    return g.node("OneHot", [indices], {"depth": num_classes, "axis": -1})


def gathered(g: Any, x: Any, axis: int, indices: Any) -> Any:
    """Elements of an axis by index; negative indices count from the end."""
    extent = x.shape[axis]
    if extent < 0:
        raise UnsupportedArgument("rows of the batch picked by index")
    if isinstance(indices, torch.Tensor):
        indices = torch.where(indices < 0, indices + extent, indices)
    return g.node("Gather", [x, indices], {"axis": axis})
