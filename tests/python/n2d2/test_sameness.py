"""The comparisons over many Python objects that an adapter makes in every step."""

from __future__ import annotations

from collections import OrderedDict
from types import SimpleNamespace

import numpy as np
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


@pytest.mark.parametrize("kind", [dict, OrderedDict])
def test_same_values_asks_for_the_very_objects_in_order(kind):
    first, second = [1], [1]
    owner = kind(a=first, b=second)
    pairs = [(kind(), []), (owner, [first, second])]
    assert engine.same_values(pairs)
    for others in ([first], [first, first], [second, first], [first, second, first]):
        assert not engine.same_values([(owner, others)])
    owner["a"] = owner.pop("a")
    assert not engine.same_values(pairs)
    assert engine.same_values([(owner, [second, first])])
    with pytest.raises(AttributeError):
        engine.same_values([(None, [])])


def test_an_ordered_dict_has_its_own_order():
    owner = OrderedDict(a=1, b=2)
    owner.move_to_end("a")
    assert engine.same_values([(owner, [2, 1])])


def test_are_empty():
    assert engine.are_empty([{}, OrderedDict()])
    assert not engine.are_empty([{}, {1: None}])
    assert engine.are_empty([])


def test_add_one():
    numbers = np.array([0, 41, 2**40], np.int64)
    engine.add_one([numbers[i:].ctypes.data for i in (0, 2)])
    assert numbers.tolist() == [1, 41, 2**40 + 1]


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
