# SPDX-License-Identifier: Apache-2.0
import pytest

from spikesim.core import Clock
from spikesim.core.clock import bin_ticks
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


@pytest.mark.parametrize(("width", "dt", "ticks"), [(1e-3, 1e-3, 1), (0.3, 1e-4, 3000)])
def test_a_bin_in_seconds_is_so_many_ticks(width, dt, ticks):
    assert ticks == bin_ticks(width, dt)


@pytest.mark.parametrize(
    ("width", "says"),
    [
        (5, "5 ticks are 0.005 s, and 5 seconds are written 5.0"),
        (1.5e-3, "multiple of dt"),
        (1e-12, "at least one tick"),
        (0.0, "finite width > 0"),
        (-1e-3, "finite width > 0"),
        (float("inf"), "finite width > 0"),
        (None, "finite width > 0"),
        (True, "finite width > 0"),
    ],
)
def test_a_bin_of_another_unit_or_of_no_width_is_refused(width, says):
    with pytest.raises(ValidationError, match=f"rates, bin: .*{says}"):
        bin_ticks(width, 1e-3, "rates, bin")


def test_a_bin_may_carry_a_unit():
    quantities = pytest.importorskip("quantities")
    assert 20 == bin_ticks(20.0 * quantities.ms, 1e-3)
    with pytest.raises(ValidationError, match=r"bin in s, got 20\.0 mV"):
        bin_ticks(20.0 * quantities.mV, 1e-3)
