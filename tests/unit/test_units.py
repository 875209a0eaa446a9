# SPDX-License-Identifier: Apache-2.0
import math

import pytest

from spikesim.errors import ValidationError
from spikesim.units import ms, to_ticks


@pytest.mark.parametrize(
    ("seconds", "dt", "ticks"),
    [(0.0, 1e-3, 0), (1.5 * ms, 0.1 * ms, 15), (0.3, 0.1, 3), (100.0, 0.1 * ms, 1_000_000)],
)
def test_multiples_of_dt_convert_exactly(seconds, dt, ticks):
    assert ticks == to_ticks(seconds, dt)


def test_dt_that_does_not_divide_the_delay_names_the_two_neighbours():
    with pytest.raises(ValidationError) as caught:
        to_ticks(1.25e-3, 1e-3, "synaptic delay")
    text = str(caught.value)
    assert text.startswith("synaptic delay: expected a multiple of dt = 0.001 s, got 0.00125 s")
    assert "0.001 s and 0.002 s" in text


def test_rounding_noise_is_tolerated_and_more_is_not():
    assert to_ticks(1e-3 * (1 + 5e-7), 1e-3) == 1
    with pytest.raises(ValidationError):
        to_ticks(1e-3 * (1 + 5e-6), 1e-3)


@pytest.mark.parametrize("seconds", [-1e-3, math.nan, math.inf])
def test_durations_that_are_none_are_refused(seconds):
    with pytest.raises(ValidationError, match="t_ref"):
        to_ticks(seconds, 1e-3, "t_ref")


@pytest.mark.parametrize("dt", [0.0, -1.0, math.nan, math.inf])
def test_a_tick_needs_a_length(dt):
    with pytest.raises(ValidationError, match="dt"):
        to_ticks(1.0, dt)
