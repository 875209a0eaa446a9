# SPDX-License-Identifier: Apache-2.0
import traceback

import pytest

from spikesim.kernels.generated import load_generated

TEXT = '"""Generated."""\nANSWER = {}\n'


def test_equal_text_gives_the_same_module():
    first, second = load_generated(TEXT.format(41)), load_generated(TEXT.format(42))
    assert (41, 42) == (first.ANSWER, second.ANSWER)
    assert first is load_generated(TEXT.format(41))


def test_text_that_fails_shows_its_lines_and_leaves_no_half_module():
    text = "ANSWER = 1\nraise RuntimeError('here')\n"
    for _ in range(2):
        with pytest.raises(RuntimeError, match="here") as caught:
            load_generated(text)
        assert "raise RuntimeError('here')" in "".join(traceback.format_exception(caught.value))
