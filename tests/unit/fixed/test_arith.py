# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.fixed import decay, round_half_away, round_shift, sat_add, saturate, shift_left


@pytest.mark.parametrize("bits", [1, 2, 8, 16, 18, 50])
def test_both_rails_hold_and_neighbours_pass(bits):
    top, bottom = 2 ** (bits - 1) - 1, -(2 ** (bits - 1))
    assert (top, top) == (saturate(top, bits), saturate(top + 1, bits))
    assert (bottom, bottom) == (saturate(bottom, bits), saturate(bottom - 1, bits))


def test_addition_never_wraps():
    assert sat_add(131071, 1, 18) == 131071
    assert sat_add(-131072, -1, 18) == -131072
    assert sat_add(np.array([131071, -131072, 5]), np.array([1, -1, 6]), 18).tolist() == [
        131071,
        -131072,
        11,
    ]


@pytest.mark.parametrize(
    ("z", "a", "expected"),
    [
        (0, 4096, 0),
        (1, 4095, 0),
        (-1, 4095, 0),
        (4095, 4095, 4094),
        (-4095, 4095, -4094),
        (7, 4096, 7),
        (-7, 4096, -7),
        (-7, 2048, -3),
        (131071, 0, 0),
        (-131072, 4096, -131072),
    ],
)
def test_decay_truncates_toward_zero(z, a, expected):
    assert expected == decay(z, a)
    assert [expected] == decay(np.array([z]), a).tolist()


@pytest.mark.parametrize("start", [131071, -131072])
def test_decay_reaches_zero_and_stays(start):
    z, previous = start, None
    for _ in range(100_000):
        if z == previous:
            break
        z, previous = decay(z, 4095), z
    assert z == 0


def test_round_shift_rounds_halves_away_from_zero():
    given, expected = [-6, -5, -2, -1, 1, 2, 5, 6], [-2, -1, -1, 0, 0, 1, 1, 2]
    assert [round_shift(x, 2) for x in given] == expected
    assert round_shift(np.array(given), 2).tolist() == expected
    assert round_shift(-7, 0) == -7


def test_shift_left_saturates_the_exact_product():
    assert (127, -128, -12) == (shift_left(64, 1, 8), shift_left(-65, 1, 8), shift_left(-3, 2, 8))
    assert shift_left(np.array([64, -65, -3]), 2, 8).tolist() == [127, -128, -12]


@pytest.mark.parametrize(
    ("x", "expected"),
    [
        (0.5, 1),
        (-0.5, -1),
        (2.5, 3),
        (-2.5, -3),
        (0.49999999999999994, 0),  # floor(x + 0.5) would give 1
        (4503599627370497.0, 4503599627370497),  # 2**52 + 1: x + 0.5 is not representable
        (-0.0, 0),
    ],
)
def test_real_numbers_round_halves_away_from_zero(x, expected):
    assert expected == round_half_away(x)
    assert [expected] == round_half_away(np.array([x])).tolist()


def test_results_of_ints_are_ints_and_of_arrays_int64():
    assert type(saturate(np.int32(5), 8)) is int
    assert type(decay(np.int16(-5), np.int32(4096))) is int
    assert type(round_half_away(np.float32(1.5))) is int
    assert saturate(np.array([5], np.int8), 4).dtype == np.int64
    assert decay(np.array([-5], np.int16), 4096).dtype == np.int64


def test_narrow_array_types_do_not_overflow_on_the_way():
    assert sat_add(np.array([127], np.int8), np.array([127], np.int8), 16).tolist() == [254]
    assert decay(np.array([-128], np.int8), 4096).tolist() == [-128]


@pytest.mark.parametrize(
    "call",
    [
        lambda: saturate(0, 0),
        lambda: saturate(0, 51),
        lambda: decay(1, 4097),
        lambda: decay(1, -1),
        lambda: decay(np.array([1]), np.array([4097])),
        lambda: round_shift(1, -1),
        lambda: shift_left(1, 13, 18),
        lambda: round_half_away(float("nan")),
        lambda: round_half_away(np.array([np.inf])),
        lambda: round_half_away(np.array([1e300])),
    ],
)
def test_arguments_out_of_range_are_refused(call):
    with pytest.raises(ValidationError, match="expected"):
        call()
