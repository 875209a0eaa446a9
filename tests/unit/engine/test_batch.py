# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.engine.batch import Batch, counted_populations
from spikesim.errors import ValidationError

KNOWN = {"hidden": 9, "left": 2, "right": 1}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (None, ["left", "right"]),
        ((), ["left", "right"]),
        (["hidden"], ["left", "right", "hidden"]),
        ("hidden", ["left", "right", "hidden"]),
        (["right", "hidden", "hidden"], ["left", "right", "hidden"]),
        (["hidden[2:4]", "left[0]"], ["left", "right", "hidden[2:4]", "left[0]"]),
    ],
)
def test_outputs_are_counted_first_and_each_population_once(asked, expected):
    counted = counted_populations(KNOWN, ("left", "right"), asked)
    assert list(counted) == expected
    for name, (population, neurons) in counted.items():
        known = {"hidden[2:4]": ("hidden", [2, 3]), "left[0]": ("left", [0])}
        expected = known.get(name, (name, list(range(KNOWN.get(name, 0)))))
        assert expected == (population, list(neurons))


def test_a_population_that_is_not_known_is_named():
    with pytest.raises(ValidationError, match="got 'other'"):
        counted_populations(KNOWN, ("left",), ["hidden", "other"])


def test_outputs_stand_side_by_side_and_the_first_of_equal_counts_wins():
    counts = {"left": np.array([[0, 3], [1, 1]]), "right": np.array([[3], [4]])}
    batch = Batch(counts, ("right", "left"), steps=10)
    assert batch.output.tolist() == [[3, 0, 3], [4, 1, 1]]
    assert batch.labels.tolist() == [0, 0]
    assert len(batch) == 2
