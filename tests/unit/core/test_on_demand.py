# SPDX-License-Identifier: Apache-2.0
import pytest

from spikesim.core.on_demand import OnDemand


def test_a_value_is_read_when_asked_for_and_each_time():
    asked = []
    values = OnDemand(lambda name: asked.append(name) or name.upper(), ["a", "b"])
    assert (["a", "b"], 2, True, False) == (list(values), len(values), "a" in values, "c" in values)
    assert [] == asked
    assert ("A", "A") == (values["a"], values["a"])
    assert ["a", "a"] == asked


def test_names_it_has_not_are_refused_without_reading():
    with pytest.raises(KeyError):
        OnDemand(lambda name: pytest.fail("read"), ["a"])["b"]


def test_it_equals_a_dict_of_the_same_values():
    assert {"a": 1} == OnDemand(lambda name: 1, ["a"])
    assert OnDemand(lambda name: 1, ["a"]) != {"a": 2}


def test_items_and_values_go_through_one_pass():
    passes = []

    def read_all(names):
        passes.append(names)
        return [name.upper() for name in names]

    values = OnDemand(lambda name: pytest.fail("one read for each"), ["a", "b"], read_all)
    assert [("a", "A"), ("b", "B")] == list(values.items())
    assert ["A", "B"] == list(values.values())
    assert [("a", "b"), ("a", "b")] == passes
    assert [("a", 1)] == list(OnDemand(lambda name: 1, ["a"]).items())
