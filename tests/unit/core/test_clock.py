# SPDX-License-Identifier: Apache-2.0
import pytest

from spikesim.core import Clock
from spikesim.errors import ValidationError


def test_seconds_and_ticks_are_inverse():
    clock = Clock(0.1e-3)
    assert all(k == clock.ticks(clock.seconds(k)) for k in range(2000))


@pytest.mark.parametrize("dt", [0, -1e-3, float("nan"), float("inf"), "1 ms", True])
def test_a_dt_that_is_no_length_is_refused(dt):
    with pytest.raises(ValidationError, match="clock"):
        Clock(dt)


def test_the_message_carries_the_name_of_the_quantity():
    with pytest.raises(ValidationError, match="t_ref: expected a multiple"):
        Clock(1e-3).ticks(0.5e-3, "t_ref")
