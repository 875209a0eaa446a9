# SPDX-License-Identifier: Apache-2.0
import pytest

from spikesim.core.text import name_problems

RESERVED = {r"in_\d+": "an input", "spike": "the result"}


@pytest.mark.parametrize("name", ["v", "in_", "in_x", "spikes", "k", "np", "print", "match", "τ"])
def test_names_that_are_free(name):
    assert name_problems([(name, "a state")], RESERVED) == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "identifier"), ("1v", "identifier"), ("a b", "identifier"), ("_v", "underscore"),
        ("__v", "underscore"), (None, "identifier"), (("v",), "identifier"),
        ("lambda", "a word of Python"), ("None", "a word of Python"), ("exp", "a function"),
        ("in_0", "an input"), ("in_12", "an input"), ("spike", "the result"),
        ("\u00b5", "'\u03bc', as Python reads its name"),
    ],
)  # fmt: skip
def test_names_that_are_not(name, message):
    (problem,) = name_problems([(name, "a state")], RESERVED)
    assert message in problem
    assert repr(name) in problem


def test_two_roles_cannot_share_a_name():
    named = [("a", "a state"), ("a", "a constant"), ("b", "a state"), ("b", "a state")]
    assert name_problems(named, {}) == [
        "expected different names, got 'a' for a constant and a state",
        "expected different names, got 'b' for a state and another such",
    ]
