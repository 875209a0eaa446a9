# SPDX-License-Identifier: Apache-2.0
"""Synapses are the same however they are asked for."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from spikesim.core import CsrRows
from spikesim.network import (
    AllToAll,
    DistanceDependent,
    DrawnSynapses,
    Exponential,
    FixedInDegree,
    FixedOutDegree,
    FixedProbability,
    FixedTotalNumber,
    GivenRows,
    LogNormal,
    Normal,
    OneToOne,
    Shape,
    SmallWorld,
    Uniform,
)
from spikesim.network.synapses import Arena, rows_of

N = 24
RULES = st.one_of(
    st.builds(AllToAll, allow_self=st.booleans()),
    st.just(OneToOne()),
    st.builds(FixedProbability, st.floats(0, 1), st.booleans()),
    st.builds(FixedInDegree, st.integers(0, N - 1), st.booleans(), st.booleans()),
    st.builds(FixedOutDegree, st.integers(0, N - 1), st.booleans(), st.booleans()),
    st.builds(FixedTotalNumber, st.integers(0, 300), st.booleans(), st.booleans()),
    st.builds(SmallWorld, st.integers(0, 5).map(lambda k: 2 * k), st.floats(0, 1)),
    st.builds(
        DistanceDependent,
        st.just((4, 6)),
        st.just((3, 8)),
        st.floats(0.05, 2),
        st.sampled_from(["gaussian", "exponential", "ball"]),
        st.floats(0, 1),
        periodic=st.booleans(),
        allow_self=st.booleans(),
    ),
)
WEIGHTS = st.sampled_from([0.25, Normal(0, 1), Uniform(-1, 2), LogNormal(1, 0.5)])
DELAYS = st.sampled_from([3, Normal(2e-3, 1e-3), Exponential(2e-3, low=1e-3)])


@settings(max_examples=150, deadline=None)
@given(
    rule=RULES,
    weights=WEIGHTS,
    delays=DELAYS,
    key=st.integers(0, 2**64 - 1),
    same=st.booleans(),
    cuts=st.lists(st.integers(0, N), max_size=4),
)
def test_any_cut_into_ranges_gives_the_rows(rule, weights, delays, key, same, cuts):
    synapses = DrawnSynapses(rule, Shape(N, N, same), key, weights, delays, 1e-3, 1)
    rows = rows_of(synapses)
    given_rows = GivenRows(rows)
    ends = sorted({0, N, *cuts})
    filler, again = synapses.filler(), given_rows.filler()
    with ThreadPoolExecutor(2) as pool:
        parts = list(pool.map(filler.fill, ends[:-1], ends[1:]))
    assert synapses.nnz == rows.nnz
    for lo, hi, part in zip(ends[:-1], ends[1:], parts, strict=True):
        span = slice(int(rows.indptr[lo]), int(rows.indptr[hi]))
        assert np.array_equal(rows.indptr[lo : hi + 1] - rows.indptr[lo], part.indptr)
        assert np.array_equal(rows.targets[span], part.targets)
        assert np.array_equal(rows.targets[span], again.fill(lo, hi).targets)
        for column, one, all_of in (
            (part.weights, synapses.weight, rows.weights[span]),
            (part.delays, synapses.delay, rows.delays[span]),
        ):
            assert np.array_equal(all_of, column) if one is None else np.all(all_of == one)
    if rows.nnz:
        assert synapses.min_delay <= rows.delays.min()
        assert rows.delays.max() <= synapses.max_delay
        largest = np.abs(rows.weights).max()
        assert largest <= synapses.weight_bound() <= 1.3 * largest


@settings(max_examples=60, deadline=None)
@given(
    rule=RULES,
    weights=WEIGHTS,
    delays=DELAYS,
    key=st.integers(0, 2**64 - 1),
    within=st.tuples(st.integers(0, N), st.integers(0, N)).map(sorted),
    room=st.sampled_from([0, 200, 10**5]),
)
def test_only_some_targets_are_those_of_the_rows(rule, weights, delays, key, within, room):
    synapses = DrawnSynapses(rule, Shape(N, N, False), key, weights, delays, 1e-3, 1)
    rows, arena = rows_of(synapses), Arena(room)
    first, last = within
    inside = (first <= rows.targets) & (rows.targets < last)
    source = np.repeat(np.arange(N), np.diff(rows.indptr))[inside]
    for filler in (synapses.filler(), GivenRows(rows).filler()):
        arena.clear()
        part = filler.fill(0, N, (first, last), arena)
        assert np.array_equal(source, np.repeat(np.arange(N), np.diff(part.indptr)))
        assert np.array_equal(rows.targets[inside], part.targets)
        if part.weights is not None:
            assert np.array_equal(rows.weights[inside], part.weights)
        if part.delays is not None:
            assert np.array_equal(rows.delays[inside], part.delays)


@given(st.integers(0, 3), st.integers(0, 2))
def test_given_rows_know_what_they_have_in_common(n_weights, n_delays):
    weights, delays = np.arange(4) % max(n_weights, 1), 1 + np.arange(4) % max(n_delays, 1)
    synapses = GivenRows(CsrRows([0, 2, 4], [0, 1, 0, 1], weights, delays, 2))
    assert (synapses.weight is None) == (n_weights > 1)
    assert (synapses.delay is None) == (n_delays > 1)
    assert synapses.weight_bound() == weights.max()
    assert (synapses.min_delay, synapses.max_delay) == (delays.min(), delays.max())
