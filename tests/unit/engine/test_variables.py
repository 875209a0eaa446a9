# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.engine import Variables
from spikesim.errors import ValidationError


def variables(held):
    return Variables("population 'a'", 3, list(held), held.get, held.__setitem__)


def test_assignment_writes_through():
    held = {"v": np.zeros(3)}
    variables(held)["v"] = [1, 2, 3]
    assert [1, 2, 3] == held["v"].tolist()


def test_assignment_in_place_works_where_reading_gives_a_copy():
    held = {"v": np.arange(3.0)}
    view = Variables("population 'a'", 3, ["v"], lambda k: held[k].copy(), held.__setitem__)
    view["v"] *= 2
    assert [0.0, 2.0, 4.0] == held["v"].tolist()


@pytest.mark.parametrize(
    "value", [[1.0, 2.0], [[1.0, 2.0, 3.0]], "x", [1.0, np.nan, 2.0], [1j, 2, 3]]
)
def test_what_does_not_fit_is_refused_and_nothing_changes(value):
    held = {"v": np.zeros(3)}
    with pytest.raises(ValidationError, match="population 'a': expected 'v'"):
        variables(held)["v"] = value
    assert [0, 0, 0] == held["v"].tolist()


@pytest.mark.parametrize("touch", [lambda v: v["u"], lambda v: v.__setitem__("u", 1.0)])
def test_unknown_names_are_refused_with_the_known_ones(touch):
    with pytest.raises(ValidationError, match=r"among \['v'\], got 'u'"):
        touch(variables({"v": np.zeros(3)}))


def test_it_is_a_mapping_of_names():
    view = variables({"v": np.zeros(3), "i": np.ones(3)})
    assert (["v", "i"], 2, True, False) == (list(view), len(view), "i" in view, "u" in view)
