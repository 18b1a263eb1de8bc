"""The comparisons over many Python objects that an adapter makes in every step."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from n2d2._engine import engine


def test_in_place_asks_for_the_very_object():
    value, owner = [1], {"a": None}
    owner["b"] = value
    places = [(owner, "a", None), (owner, "b", value)]
    assert engine.in_place(places)
    owner["b"] = [1]
    assert not engine.in_place(places)
    owner["b"] = value
    del owner["a"]
    assert not engine.in_place(places)
    assert engine.in_place([])
    with pytest.raises(TypeError):
        engine.in_place([({}, [], None)])


def test_attributes_and_results():
    objects = [SimpleNamespace(version=i) for i in range(3)]
    assert engine.attributes(objects, "version") == [0, 1, 2]
    assert engine.same_attributes(objects, "version", [0, 1, 2])
    assert not engine.same_attributes(objects, "version", [0, 1, 3])
    assert not engine.same_attributes(objects, "version", [0, 1])
    lists = [[], [0, 2**40]]
    assert engine.same_results(lists, "__len__", [0, 2])
    assert not engine.same_results(lists, "__len__", [0, 1])
    with pytest.raises(AttributeError):
        engine.attributes(objects, "missing")
    with pytest.raises(AttributeError):
        engine.same_results(objects, "missing", [0, 1, 2])
