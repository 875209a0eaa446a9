# SPDX-License-Identifier: Apache-2.0
import math

import pytest

from spikesim.errors import ValidationError
from spikesim.fixed import Quantization

LIMITS = [
    ("weight_bits", 2, 16),
    ("state_bits", 2, 50),
    ("gain_shift", 0, 7),
    ("v_th_limit", 1, 1 << 50),
]


@pytest.mark.parametrize(("name", "low", "high"), LIMITS)
def test_each_setting_has_its_range_and_none_leaves_it_open(name, low, high):
    for value in (low, high, None):
        assert value == getattr(Quantization(**{name: value}), name)
    for value in (low - 1, high + 1, 2.0, True, "3"):
        with pytest.raises(ValidationError, match=f"{low} <= {name} <= {high}"):
            Quantization(**{name: value})


@pytest.mark.parametrize("shift", [-1, 8, 1.5, None])
def test_shifts_by_population_have_the_same_range(shift):
    if shift is None:
        assert Quantization(gain_shifts={"a": None}).shift_of("a") is None
        return
    with pytest.raises(ValidationError, match=r"gain_shifts\['a'\]"):
        Quantization(gain_shifts={"a": shift})


def test_everything_wrong_is_said_at_once():
    with pytest.raises(ValidationError) as caught:
        Quantization("layer", weight_bits=1, gain_shift=8, gain_shifts=3)
    assert 4 == len(caught.value.problems)


def test_the_shift_of_a_population_wins_over_the_common_one():
    settings = Quantization(gain_shift=3, gain_shifts={"a": 0})
    assert (0, 3) == (settings.shift_of("a"), settings.shift_of("b"))


def test_open_widths_are_filled_and_set_ones_stay():
    settings = Quantization(weight_bits=4).with_widths(8, 17)
    assert (4, 17) == (settings.weight_bits, settings.state_bits)
    assert settings == settings.with_widths(16, 18)


@pytest.mark.parametrize(
    ("settings", "top", "rail", "limit"),
    [
        (Quantization(), 127, 1 << 17, 1 << 14),
        (Quantization(weight_bits=4, state_bits=16), 7, 1 << 15, 1 << 12),
        (Quantization(weight_bits=2, state_bits=2), 1, 2, 1),
        (Quantization(v_th_limit=9), 127, 1 << 17, 9),
    ],
)
def test_rails_and_head_room_follow_the_widths(settings, top, rail, limit):
    assert (top, rail, limit) == (settings.top, settings.rail, settings.limit)


@pytest.mark.parametrize("wrong", [-1.0, math.nan, (0.5, math.inf), "wide", ((1.0,),)])
def test_ranges_are_numbers_of_0_or_more(wrong):
    assert Quantization(ranges={"a": 0.0, "b": (0.5, 0.25)}).ranges["b"] == (0.5, 0.25)
    with pytest.raises(ValidationError, match=r"ranges\['a'\]"):
        Quantization(ranges={"a": wrong})


def test_a_kind_of_scale_and_ranges_are_what_they_should_be():
    with pytest.raises(ValidationError) as caught:
        Quantization(power_of_two=1, ranges=[0.5])
    assert 2 == len(caught.value.problems)
