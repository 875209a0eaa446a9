# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.kernels.philox import (
    EXPONENTIAL,
    LOGNORMAL,
    NORMAL,
    UNIFORM,
    fill_values,
    philox_block,
    philox_group,
    ziggurat,
)

KEY = np.uint64(0x0123456789ABCDEF)
N = 200_000


# Known-answer vectors that are published with Random123 (philox 4x32, 10 rounds).
@pytest.mark.parametrize(
    ("counter", "key", "words"),
    [
        ("00000000 00000000 00000000 00000000", "00000000 00000000",
         "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff ffffffff ffffffff ffffffff", "ffffffff ffffffff",
         "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        ("243f6a88 85a308d3 13198a2e 03707344", "a4093822 299f31d0",
         "d16cfe09 94fdcceb 5001e420 24126ea1"),
    ],
)  # fmt: skip
def test_philox_gives_the_published_words(counter, key, words):
    out = np.zeros(4, np.uint64)
    philox_block(_hex(counter), _hex(key), out)
    assert _hex(words).tolist() == out.tolist()


def test_a_group_is_sixteen_blocks_of_consecutive_counters():
    group, block = np.zeros(64, np.uint64), np.zeros(4, np.uint64)
    philox_group(KEY, 2, 7, 3, 1, group)
    for b in range(16):
        philox_block(
            np.array([48 + b, 7, 2, 1], np.uint64),
            np.array([0x89ABCDEF, 0x01234567], np.uint64),
            block,
        )
        assert block.tolist() == group[b::16].tolist()


# Mean, variance, third and fourth central moment of each distribution in closed form.
@pytest.mark.parametrize(
    ("kind", "a", "b", "moments"),
    [
        (UNIFORM, 2.0, 3.0, (3.5, 9 / 12, 0.0, 81 / 80)),
        (NORMAL, -1.0, 2.0, (-1.0, 4.0, 0.0, 48.0)),
        (EXPONENTIAL, 2.0, 0.0, (2.0, 4.0, 16.0, 144.0)),
    ],
)
def test_values_have_the_moments_of_their_distribution(kind, a, b, moments):
    values = _values(kind, a, b)
    centered = values - moments[0]
    for power, expected in zip((1, 2, 3, 4), (0.0, *moments[1:]), strict=True):
        sample = centered**power
        # Five standard errors of the sample mean.
        assert abs(sample.mean() - expected) < 5 * sample.std() / np.sqrt(N)


def test_normal_values_follow_the_normal_law_into_the_tail():
    stats = pytest.importorskip("scipy.stats")
    values = _values(NORMAL, 0.0, 1.0)
    # The fixed seed passes or not; 1e-4 is the chance that a sound generator had failed.
    assert stats.kstest(values, "norm").pvalue > 1e-4
    beyond = int((np.abs(values) > 3.7).sum())  # past the last layer of the ziggurat
    expected = N * 2 * stats.norm.sf(3.7)
    assert abs(beyond - expected) < 5 * np.sqrt(expected)


def test_the_logarithm_of_lognormal_values_is_the_normal_value_of_the_same_counter():
    values = _values(LOGNORMAL, 0.5, 0.25)
    np.testing.assert_allclose(np.log(values), _values(NORMAL, 0.5, 0.25), rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", [UNIFORM, NORMAL, LOGNORMAL, EXPONENTIAL])
def test_values_outside_the_limits_are_drawn_again(kind):
    values = _values(kind, 1.0, 0.5, low=1.1, high=1.3)
    assert values.min() >= 1.1
    assert values.max() <= 1.3
    assert np.unique(values).size > 0.99 * N
    # The others keep the value they had without limits.
    free = _values(kind, 1.0, 0.5)
    inside = (free >= 1.1) & (free <= 1.3)
    assert np.array_equal(free[inside], values[inside])


def test_a_redrawn_normal_still_follows_the_truncated_law():
    stats = pytest.importorskip("scipy.stats")
    values = _values(NORMAL, 0.0, 1.0, low=2.5)
    assert stats.kstest(values, stats.truncnorm(2.5, np.inf).cdf).pvalue > 1e-4


def test_rounded_values_are_integers_and_at_least_the_least():
    out = np.zeros(N, np.int32)
    _fill(NORMAL, 3.0, 2.0, -1e9, 1e9, np.array([0, N]), 0, 1, out)
    assert out.min() == 1
    assert np.array_equal(np.maximum(np.rint(_values(NORMAL, 3.0, 2.0)), 1), out)


def test_a_row_is_the_same_wherever_the_range_begins():
    indptr = np.array([0, 3, 3, 100, 230])
    whole, part = np.zeros(230), np.zeros(227)
    _fill(NORMAL, 0.0, 1.0, -9.0, 9.0, indptr, 5, -1, whole)
    _fill(NORMAL, 0.0, 1.0, -9.0, 9.0, indptr[1:] - 3, 6, -1, part)
    assert np.array_equal(whole[3:], part)


def test_the_layers_of_the_ziggurat_have_one_area():
    edges, heights = ziggurat()
    areas = edges[1:256] * (heights[2:257] - heights[1:256])
    # The published area has eleven digits and errors add up over 255 layers.
    np.testing.assert_allclose(areas, 0.00492867323399, rtol=1e-7)


def _hex(words):
    return np.array([int(word, 16) for word in words.split()], np.uint64)


def _values(kind, a, b, low=-1e9, high=1e9):
    out = np.zeros(N)
    _fill(kind, a, b, low, high, np.array([0, N]), 0, -1, out)
    return out


def _fill(kind, a, b, low, high, indptr, first, least, out):
    fill_values(kind, a, b, low, high, ziggurat(), KEY, 1, first, indptr, least, out)
