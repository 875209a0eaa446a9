# SPDX-License-Identifier: Apache-2.0
"""Tables of quantiles against the distributions of scipy, and against exact shares."""

import numpy as np
import pytest

from spikesim.kernels.philox import OCTAVES, PIECE_BITS
from spikesim.network import Exponential, LogNormal, Normal, Uniform
from spikesim.network.quantile import tick_table, value_table

WORDS = 2.0**32
# Each distribution with limits, without; and the same law of scipy, how it is truncated.
LAWS = {
    "uniform": (lambda: Uniform(-1.0, 3.0), lambda s: s.uniform(-1.0, 4.0)),
    "normal": (lambda: Normal(2.0, 0.5), lambda s: s.norm(2.0, 0.5)),
    "normal, cut": (lambda: Normal(2.0, 0.5, low=1.5, high=3.5), lambda s: s.norm(2.0, 0.5)),
    "normal, a tail": (lambda: Normal(0.0, 1.0, low=3.0), lambda s: s.norm()),
    "lognormal": (lambda: LogNormal(2.0, 1.5), lambda s: _lognormal(s, 2.0, 1.5)),
    "lognormal, cut": (lambda: LogNormal(2.0, 1.5, high=3.0), lambda s: _lognormal(s, 2.0, 1.5)),
    "exponential": (lambda: Exponential(0.3), lambda s: s.expon(scale=0.3)),
    "exponential, cut": (lambda: Exponential(0.3, low=0.1, high=1), lambda s: s.expon(scale=0.3)),
}


def _lognormal(stats, mean, std):
    width = np.log1p((std / mean) ** 2)
    return stats.lognorm(np.sqrt(width), scale=mean * np.exp(-width / 2))


@pytest.fixture(params=LAWS)
def law(request):
    make, law = LAWS[request.param]
    return make(), law(pytest.importorskip("scipy.stats"))


def _drawn(distribution, depth, upper):
    """What the kernel makes of a depth, in plain numpy."""
    piece = (depth.view(np.int64) >> (52 - PIECE_BITS)) - (1022 << PIECE_BITS)
    c0, c1, c2 = value_table(distribution)[:, piece + upper * (OCTAVES << PIECE_BITS)]
    return np.clip(c0 + depth * (c1 + depth * c2), *distribution.limits())


@pytest.mark.parametrize("upper", [False, True])
def test_values_are_the_quantiles_of_the_truncated_law(law, upper):
    distribution, exact = law
    rng = np.random.default_rng(1)
    # All depths, near and far: evenly in the logarithm, with the first and the last.
    depth = np.floor(np.exp(rng.uniform(0, np.log(2**31), 20_000))) + 0.5
    depth = np.append(depth, [0.5, 2.0**31 - 0.5])
    low, high = distribution.limits()
    if upper:
        expected = exact.isf(exact.sf(high) + depth / WORDS * (exact.cdf(high) - exact.cdf(low)))
    else:
        expected = exact.ppf(exact.cdf(low) + depth / WORDS * (exact.cdf(high) - exact.cdf(low)))
    values = _drawn(distribution, depth, upper)
    # A log-normal value multiplies what its logarithm errs by.
    scale = exact.std() + np.abs(expected)
    assert np.abs((values - expected) / scale).max() < 1e-6
    assert low <= values.min() <= values.max() <= high


def test_a_sample_follows_the_law(law):
    stats = pytest.importorskip("scipy.stats")
    distribution, exact = law
    low, high = distribution.limits()
    inside = exact.cdf(high) - exact.cdf(low)
    values = distribution.sample(200_000, seed=3, name="x")
    # The fixed seed passes or not; 1e-4 is the chance that a sound generator had failed.
    assert stats.kstest(values, lambda x: (exact.cdf(x) - exact.cdf(low)) / inside).pvalue > 1e-4
    # Moments of the truncated law by its quantiles; five standard errors of the sample's.
    q = exact.ppf(exact.cdf(low) + inside * (np.arange(10**6) + 0.5) / 10**6)
    for power in (1, 2, 3, 4):
        sample, expected = ((x - q.mean()) ** power for x in (values, q))
        assert abs(sample.mean() - expected.mean()) < 5 * sample.std() / np.sqrt(values.size)


@pytest.mark.parametrize("least", [0, 3])
def test_ticks_have_the_shares_of_the_seconds_that_round_to_them(law, least):
    distribution, exact = law
    low, high = distribution.limits()
    dt = (exact.std() + 0.01) / 7
    table = tick_table(distribution, dt, least)
    ticks = np.arange(table.first, table.last + 1)
    ends = np.clip(np.append(ticks - 0.5, ticks[-1] + 0.5) * dt, low, high)
    ends[0], ends[-1] = low, high
    # Far up, only the other tail has digits.
    expected = np.maximum(exact.cdf(ends[1:]) - exact.cdf(ends[:-1]), 0.0)
    expected /= exact.cdf(high) - exact.cdf(low)
    # Each border is rounded to a multiple of 2**-32.
    np.testing.assert_allclose(_shares(table), expected, rtol=0, atol=1.001 / WORDS)
    assert table.first >= least


def _shares(table):
    """Probability of every number, added up over the entries of a table."""
    shares = np.zeros(table.last - table.first + 1)
    room = 2**32 >> table.bits
    for entry in table.aliases.tolist():
        shares[entry >> 16 & 0xFFFF if entry >> 32 else 0] += entry >> 32
        shares[entry & 0xFFFF] += room - (entry >> 32)
    return shares / WORDS


def test_shares_sum_to_one_exactly_and_rare_numbers_are_drawn():
    table = tick_table(Normal(1.6e-3, 0.75e-3, low=0.15e-3), 1e-4, 1)
    shares = _shares(table)
    assert shares.sum() == 1.0
    # The quantile of the last word is 6.3 standard deviations out, not the limit of 8.
    assert (table.first, table.last) == (2, 64)
    assert 0.0 < shares[-1] < 1e-8


def test_a_sample_of_ticks_has_their_shares():
    distribution, n = Normal(1.6e-3, 0.75e-3, low=0.15e-3), 10**6
    ticks = np.empty(n, np.int32)
    distribution.fill_ticks(9, 2, 0, np.array([0, n]), 1e-4, 1, ticks)
    table = tick_table(distribution, 1e-4, 1)
    counts, expected = np.bincount(ticks - table.first), n * _shares(table)
    common = np.flatnonzero(expected > 20)
    chi_squared = ((counts[common] - expected[common]) ** 2 / expected[common]).sum()
    assert abs(chi_squared - common.size) < 5 * np.sqrt(2 * common.size)  # its mean and variance


def test_more_ticks_than_a_table_holds_are_rounded_seconds():
    distribution = Uniform(0.0, 1.0)
    assert tick_table(distribution, 1e-4, 1).aliases is None
    assert distribution.tick_range(1e-4, 1) == (1, 10_000)
    seconds, ticks = np.empty(1000), np.empty(1000, np.int32)
    distribution.fill(9, 2, 0, np.array([0, 1000]), seconds)
    distribution.fill_ticks(9, 2, 0, np.array([0, 1000]), 1e-4, 1, ticks)
    assert np.array_equal(np.maximum(np.rint(seconds / 1e-4), 1), ticks)


def test_one_possible_number_is_always_drawn():
    ticks = np.zeros(100, np.int32)
    Uniform(1e-3, 1.01e-3).fill_ticks(9, 2, 0, np.array([0, 100]), 1e-4, 1, ticks)
    assert set(ticks.tolist()) == {10}
