# SPDX-License-Identifier: Apache-2.0
import itertools
import platform
import re

import numba
import numpy as np
import pytest
from scipy import stats

from spikesim.kernels import poisson
from spikesim.sim.inputs.count_tables import CountTables, count_tables, poisson_thresholds
from tests.reference import poisson as reference

KEYS = (0x0123456789ABCDEF, 0xFEDCBA9876543210)
N = 600
CERTAIN = 1 << 62


def table(tables, late=0, bin_ticks=0, repeat=0):
    return (
        np.array(KEYS, np.uint64),
        tables.thresholds,
        tables.leading,
        tables.sure,
        tables.cells,
        np.array([late, bin_ticks, repeat]),
        np.zeros(poisson.CHUNK_LINES // 4 + 1, np.uint64),
        np.zeros(poisson.CHUNK_LINES, np.uint16),
    )


def events(given, tick, n=N, room=20_000):
    out, ends = np.full(room, -1, np.int32), np.zeros(1, np.int64)
    assert poisson.poisson_window(tick, tick + 1, *given, n, out, ends) == 1
    return out[: ends[0]]


def counts(given, tick, lo=0, n=N, start=0):
    acc = np.zeros(start + n, np.int32)
    poisson.poisson_drive(tick, *given, lo, n, acc, start, 1, 0, np.ones(1, np.int32))
    assert not acc[:start].any()
    return acc[start:]


def shared(mean, several):
    return count_tables(np.array([[mean]], np.float64), several)


def all_thresholds(mean, several):
    return poisson_thresholds(mean).tolist() if several else [int(mean * CERTAIN)]


@pytest.mark.parametrize(
    ("mean", "several"),
    [
        *((mean, False) for mean in (0.0, 1e-5, 0.03, 0.5, 1.0)),
        *((mean, True) for mean in (0.0, 0.2, 4.0, 30.0, 2000.0)),
    ],
)
def test_counts_are_those_of_the_reference(mean, several):
    given = table(shared(mean, several))
    thresholds = all_thresholds(mean, several)
    for tick, lo in ((0, 0), (7, 0), (10**9, 0), (7, 1 << 20)):
        expected = [reference.count(KEYS, tick, lo + k, thresholds) for k in range(40)]
        assert expected == counts(given, tick, lo, 40).tolist()


@pytest.mark.parametrize("several", [False, True])
def test_lines_of_different_rates_are_those_of_the_reference(several):
    mean = np.linspace(0, 12 if several else 1, N)
    given = table(count_tables(mean[None, :], several))
    expected = [
        reference.count(KEYS, 3, k, all_thresholds(float(mean[k]), several)) for k in range(N)
    ]
    assert expected == counts(given, 3).tolist()


def test_every_cell_of_the_leading_bits_gives_the_exact_count():
    # All 65,536 leading values, as the hash would give them, through both ways to compare.
    u = np.arange(65536).astype(np.uint16)
    for mean in (0.4, 4.0, 16.0, 900.0):
        tables = shared(mean, True)
        got, own = np.zeros(u.size, np.uint16), np.zeros(u.size, np.uint16)
        low, high = tables.cells
        sure = tables.sure[1, 0, 0]
        poisson.compare_shared(u, tables.leading[0, :, 0].copy(), sure, low, high, got)
        wide = np.repeat(tables.leading, u.size, axis=2)
        poisson.compare_lines(u, wide, np.repeat(tables.sure, u.size, axis=2), 0, 0, low, high, own)
        assert np.array_equal(got, own)
        thresholds = poisson_thresholds(mean)
        smallest = (thresholds[None, :] > (u.astype(np.int64) << 46)[:, None]).sum(axis=1)
        largest = (thresholds[None, :] > (((u.astype(np.int64) + 1) << 46) - 1)[:, None]).sum(1)
        decided = got % 2 == 0
        assert np.array_equal(smallest[decided], got[decided] // 2)
        assert np.array_equal(largest[decided], got[decided] // 2)
        # What is drawn again is rare: that is what makes it fast.
        assert decided.mean() > 0.99


def test_a_boundary_cell_is_decided_by_the_tail():
    # One threshold in the middle of the cell of line 5: both halves must occur.
    seen = set()
    for tick in range(40):
        number = reference.uniform62(KEYS, tick, 5)
        cell = number >> 46
        threshold = (cell << 46) | 1 << 45
        tables = CountTables(
            np.array([[[threshold]]]),
            np.array([[[cell + 1]]], np.uint16),
            np.zeros((2, 1, 1), np.int32),
            np.array([0, 65536 - 1]),
        )
        assert int(number < threshold) == counts(table(tables), tick, 5, 1)[0]
        seen.add(number < threshold)
    assert seen == {True, False}


@pytest.mark.parametrize(("mean", "several"), [(0.01, False), (0.3, False), (0.2, True), (5, True)])
def test_any_cut_gives_the_same_draws(mean, several):
    given = table(shared(mean, several))
    n = 3 * poisson.CHUNK_LINES + 5
    whole = counts(given, 11, 0, n)
    cuts = [0, 1, 3, 6, 1030, poisson.CHUNK_LINES + 2, n]
    parts = [counts(given, 11, a, b - a) for a, b in itertools.pairwise(cuts)]
    assert np.array_equal(whole, np.concatenate(parts))
    for end in (n, n - 2, 3):
        lines = events(given, 11, end, 20 * n)
        assert np.array_equal(np.repeat(np.arange(end), whole[:end]), lines)


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("n", [1, 6, 64, 301, poisson.CHUNK_LINES + 7])
def test_leaving_out_lines_without_rate_changes_no_draw(n, several):
    rng = np.random.default_rng(n)
    mean = rng.random((3, n)) * (rng.random((3, n)) < [[0.02], [0.3], [0.9]])
    tables = count_tables(mean, several)
    for bin_ticks in (2, 40):  # bins too short to look for such lines, and long ones
        given = table(tables, bin_ticks=bin_ticks, late=3)
        stop = 3 + 3 * bin_ticks
        out, ends = np.zeros(3 * n * stop, np.int32), np.zeros(stop, np.int64)
        assert poisson.poisson_window(0, stop, *given, n, out, ends) == stop
        drawn = [np.repeat(np.arange(n), counts(given, tick, 0, n)) for tick in range(stop)]
        assert np.cumsum([lines.size for lines in drawn]).tolist() == ends.tolist()
        assert np.array_equal(np.concatenate(drawn), out[: ends[-1]])


def test_drive_adds_weight_times_events():
    given = table(shared(3.0, True))
    n = poisson.CHUNK_LINES + 9
    drawn = counts(given, 2, 0, n)
    weights = np.arange(n, dtype=np.int32) - 50
    acc = np.full(n + 4, 7, np.int32)
    poisson.poisson_drive(2, *given, 0, n, acc, 4, 1, 0, weights)
    assert np.array_equal(7 + drawn * weights, acc[4:])
    assert (acc[:4] == 7).all()
    real = np.zeros(n)
    poisson.poisson_drive(2, *given, 0, n, real, 0, 1, 0, np.array([0.37]))
    assert np.array_equal(drawn * 0.37, real)


def test_drive_goes_to_the_slot_of_the_tick():
    given = table(shared(3.0, True))
    for tick in (0, 3, 5, 6):
        acc = np.zeros(4 * 100 + 7, np.int32)
        poisson.poisson_drive(tick, *given, 0, 50, acc, 7, 4, 100, np.ones(1, np.int32))
        at = 7 + tick % 4 * 100
        assert np.array_equal(counts(given, tick, 0, 50), acc[at : at + 50])
        assert acc[at : at + 50].sum() == acc.sum() > 0


def test_late_draws_are_the_same_draws_later():
    prompt, late = table(shared(0.3, False)), table(shared(0.3, False), late=15)
    assert np.array_equal(events(prompt, 4), events(late, 19))
    assert events(late, 14).size == 0
    assert events(late, 15).size > 0


def test_bins_follow_each_other_fall_silent_or_repeat():
    tables = count_tables(np.array([[0.0], [1.0]]), False)
    once, again = table(tables, bin_ticks=3), table(tables, bin_ticks=3, repeat=1)
    assert [0, 0, 0, N, N, N, 0, 0] == [events(once, t).size for t in range(8)]
    assert [0, 0, 0, N, N, N, 0, 0, 0, N] == [events(again, t).size for t in range(10)]


def test_a_window_ends_with_the_last_tick_that_fits():
    given = table(shared(4.0, True))
    out, ends = np.zeros(40_000, np.int32), np.zeros(6, np.int64)
    assert poisson.poisson_window(0, 6, *given, N, out, ends) == 6
    some, until = np.full(ends[3] + 5, -1, np.int32), np.zeros(6, np.int64)
    assert poisson.poisson_window(0, 6, *given, N, some, until) == 4
    assert ends[:4].tolist() == until[:4].tolist()
    assert np.array_equal(out[: ends[3]], some[: ends[3]])


@pytest.mark.parametrize("mean", [0.05, 0.7, 2.0, 4.0, 60.0])
def test_counts_have_the_poisson_distribution(mean):
    given = table(shared(mean, True))
    drawn = np.concatenate([counts(given, tick, 0, 20_000) for tick in range(10)])
    # Bins of at least 20 expected events each.
    edges = np.unique(stats.poisson.ppf(np.linspace(0, 1, 60)[1:-1], mean))
    expected = np.diff(np.concatenate([[0], stats.poisson.cdf(edges, mean), [1]])) * drawn.size
    inside = np.searchsorted(edges, drawn)
    keep = expected > 20
    observed = np.bincount(inside, minlength=expected.size)
    observed = np.append(observed[keep], observed[~keep].sum() + 1e-9)
    expected = np.append(expected[keep], expected[~keep].sum() + 1e-9)
    assert stats.chisquare(observed, expected).pvalue > 1e-6


def test_lanes_ticks_and_neighbours_are_uncorrelated():
    given = table(shared(0.5, False))
    n, ticks = 4000, 200
    drawn = np.array([counts(given, tick, 0, n) for tick in range(ticks)]) - 0.5
    # Products are +-1/4: five standard deviations of their mean.
    bound = 0.25 * 5 / np.sqrt(n * ticks - 4 * max(n, ticks))
    for lag in (1, 2, 3, 4):
        assert abs((drawn[:, lag:] * drawn[:, :-lag]).mean()) < bound
        assert abs((drawn[lag:] * drawn[:-lag]).mean()) < bound
    assert abs((drawn[1:, 1:] * drawn[:-1, :-1]).mean()) < bound


@pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64") or not hasattr(poisson.poisson_drive, "py_func"),
    reason="x86-64 with numba's JIT",
)
@pytest.mark.parametrize(
    ("function", "types", "packed"),
    [
        (poisson.hash_counters, "void(u8, u8, i8, u8[::1])", r"vpmul\w+\s+.*[yz]mm|pmuludq"),
        (poisson.compare_shared, "void(u2[::1], u2[::1], i4, i8, i8, u2[::1])", "psubusw"),
        (
            poisson.compare_lines,
            "void(u2[::1], u2[:,:,::1], i4[:,:,::1], i8, i8, i8, i8, u2[::1])",
            "psubusw",
        ),
    ],
)
def test_loops_are_vector_code(function, types, packed):
    # Compiled anew: code from the cache cannot be inspected.
    fresh = numba.njit(types, nogil=True, error_model="numpy")(function.py_func)
    assert re.search(packed, "\n".join(fresh.inspect_asm().values()))
