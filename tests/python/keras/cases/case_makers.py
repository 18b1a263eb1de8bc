"""Configurations of a layer or operation: input shapes, and a maker of the layer or of what is computed of the inputs."""

from __future__ import annotations

SEQUENCE, IMAGE, VOLUME = (11, 5), (9, 7, 5), (6, 5, 7, 3)
Configuration = tuple[list[tuple[int, ...]], object]


def of(shape, *makers):
    """Configurations on one input: each maker returns a layer."""
    return [([shape], maker) for maker in makers]


def alike(cls, shapes, *arguments):
    """One layer class with several keyword arguments on several shapes, taken in turn."""
    shapes = shapes if isinstance(shapes, list) else [shapes]
    return [([shapes[i % len(shapes)]], lambda cls=cls, a=a: cls(**a)) for i, a in enumerate(arguments)]
