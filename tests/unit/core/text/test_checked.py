# SPDX-License-Identifier: Apache-2.0
import copy
import pickle
from dataclasses import dataclass, replace

import pytest

from spikesim.core.text.checked import Checked
from spikesim.errors import ValidationError


@dataclass(frozen=True)
class Small(metaclass=Checked):
    """Asks for its problems when it is complete."""

    n: int

    def __post_init__(self):
        object.__setattr__(self, "twice", 2 * self.n)

    def text_problems(self):
        return ["too large", "much too large"] if self.twice > 10 else []


def test_problems_are_asked_for_after_every_post_init():
    assert Small(5).twice == 10
    with pytest.raises(ValidationError) as raised:
        Small(6)
    assert raised.value.problems == ("too large", "much too large")
    with pytest.raises(ValidationError):
        replace(Small(5), n=6)


def test_copies_are_made_as_of_any_class():
    assert Small(5) == copy.deepcopy(Small(5)) == pickle.loads(pickle.dumps(Small(5)))
