# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.fixed import QFormat


@pytest.mark.parametrize(
    ("word", "low", "high"),
    [
        (QFormat(8), -128, 127),
        (QFormat(8, signed=False), 0, 255),
        (QFormat(1), -1, 0),
        (QFormat(18), -131072, 131071),
    ],
)
def test_the_range_is_that_of_the_word(word, low, high):
    assert (low, high) == (word.min, word.max)
    assert word.contains(np.array([low, high]))
    assert not word.contains(low - 1)
    assert not word.contains(high + 1)
    assert (low, high) == (word.clamp(low - 1), word.clamp(high + 1))
    assert [low, high] == word.clamp(np.array([low - 1, high + 1])).tolist()


@pytest.mark.parametrize("bits", [0, 51, 8.0, "8", True])
def test_widths_that_are_none_are_refused(bits):
    with pytest.raises(ValidationError, match="bits"):
        QFormat(bits)
