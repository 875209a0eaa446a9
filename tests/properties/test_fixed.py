# SPDX-License-Identifier: Apache-2.0
"""Scalar form, array form and exact fractions agree for every width, on both rails."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from spikesim.fixed import DECAY_ONE, decay, round_half_away, sat_add, saturate, shift_left
from tests.reference import integer_arith as exact

widths = st.integers(1, 48)
factors = st.integers(0, DECAY_ONE)


@st.composite
def words(draw, count=1):
    """A width and words of it, the rails and their neighbours among them often."""
    bits = draw(widths)
    top = 2 ** (bits - 1) - 1
    near = st.sampled_from([top, top - 1, -top - 1, -top, 0, 1, -1])
    low, high = -top - 1, max(top, 0)
    one = st.one_of(st.integers(low, high), near.map(lambda x: min(max(x, low), high)))
    return bits, [draw(one) for _ in range(count)]


@given(widths, st.integers(-(2**50), 2**50))
def test_saturate(bits, x):
    expected = exact.saturate(x, bits)
    assert expected == saturate(x, bits)
    assert [expected] == saturate(np.array([x]), bits).tolist()


@given(words(count=2))
def test_sat_add(drawn):
    bits, (a, b) = drawn
    expected = exact.saturate(a + b, bits)
    assert expected == sat_add(a, b, bits)
    assert [expected] == sat_add(np.array([a]), np.array([b]), bits).tolist()
    assert [expected] == sat_add(a, np.array([b]), bits).tolist()


@given(words(), factors)
def test_decay(drawn, a):
    _, (z,) = drawn
    expected = exact.decay(z, a)
    assert expected == decay(z, a)
    assert [expected] == decay(np.array([z]), a).tolist()
    assert [expected] == decay(z, np.array([a])).tolist()


@given(words(), st.integers(0, DECAY_ONE - 1))
def test_decay_is_symmetric_and_shrinks(drawn, a):
    _, (z,) = drawn
    assert -decay(z, a) == decay(-z, a)
    assert abs(decay(z, a)) < max(abs(z), 1)
    assert decay(z, a) * z >= 0


@given(words(), st.integers(0, 12))
def test_shift_left(drawn, shift):
    bits, (x,) = drawn
    expected = exact.saturate(x * 2**shift, bits)
    assert expected == shift_left(x, shift, bits)
    assert [expected] == shift_left(np.array([x]), shift, bits).tolist()


@given(st.floats(-(2.0**60), 2.0**60))
def test_round_half_away(x):
    expected = exact.round_half_away(x)
    assert expected == round_half_away(x)
    assert [expected] == round_half_away(np.array([x])).tolist()
