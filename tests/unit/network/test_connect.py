# SPDX-License-Identifier: Apache-2.0
import tracemalloc

import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.network import (
    AllToAll,
    DrawnSynapses,
    FixedInDegree,
    FixedOutDegree,
    FixedProbability,
    FixedTotalNumber,
    Normal,
    OneToOne,
    Shape,
    SmallWorld,
)
from spikesim.network.synapses import rows_of


def _synapses(rule, n_pre, n_post, same=False, seed=0, weights=1.0, delays=1):
    return DrawnSynapses(rule, Shape(n_pre, n_post, same), seed, weights, delays, 1e-3, 1)


def _pairs(rule, n_pre, n_post, same=False, seed=0):
    rows = rows_of(_synapses(rule, n_pre, n_post, same, seed))
    return list(zip(rows.sources.tolist(), rows.targets.tolist(), strict=True))


def test_all_to_all_is_every_pair_once():
    assert [(i, j) for i in range(3) for j in range(2)] == _pairs(AllToAll(), 3, 2)
    others = [(i, j) for i in range(4) for j in range(4) if i != j]
    assert others == _pairs(AllToAll(allow_self=False), 4, 4, same=True)
    assert len(_pairs(AllToAll(allow_self=False), 4, 4)) == 16


def test_one_to_one_is_the_diagonal():
    assert [(0, 0), (1, 1)] == _pairs(OneToOne(), 2, 2)


@pytest.mark.parametrize("p", [0.0, 0.001, 0.1, 0.7, 1.0])
def test_fixed_probability_draws_distinct_pairs_at_its_rate(p):
    pairs = _pairs(FixedProbability(p), 200, 150)
    total = 200 * 150
    assert len(set(pairs)) == len(pairs)
    # Five standard deviations; the seed is fixed, so this either holds or it does not.
    assert abs(len(pairs) - p * total) <= 5 * np.sqrt(total * p * (1 - p))


@pytest.mark.parametrize(
    ("rule", "share"),
    [
        (FixedProbability(0.3), 0.3),
        (FixedProbability(0.8), 0.8),
        (FixedInDegree(3), 3 / 4),
        (FixedInDegree(1, multapses=True), 1 / 4),
        (FixedOutDegree(2), 2 / 5),
        (FixedTotalNumber(7, multapses=False), 7 / 20),
    ],
)
def test_every_pair_is_drawn_alike(rule, share):
    hits = np.zeros((4, 5))
    for seed in range(2000):
        for pair in _pairs(rule, 4, 5, seed=seed):
            hits[pair] += 1
    # Five standard deviations of a binomial share.
    assert np.abs(hits / 2000 - share).max() < 5 * np.sqrt(share * (1 - share) / 2000)


def test_pairs_of_fixed_probability_are_independent():
    same_row = same_column = 0
    for seed in range(4000):
        pairs = set(_pairs(FixedProbability(0.5), 2, 2, seed=seed))
        same_row += {(0, 0), (0, 1)} <= pairs
        same_column += {(0, 0), (1, 0)} <= pairs
    for both in (same_row, same_column):
        assert abs(both / 4000 - 0.25) < 5 * np.sqrt(0.25 * 0.75 / 4000)


@pytest.mark.parametrize("k", [0, 1, 5, 9])
@pytest.mark.parametrize("multapses", [False, True])
@pytest.mark.parametrize(("rule", "side"), [(FixedInDegree, 1), (FixedOutDegree, 0)])
def test_degrees_are_exact_and_without_self(rule, side, k, multapses):
    pairs = _pairs(rule(k, allow_self=False, multapses=multapses), 10, 10, same=True)
    assert [k] * 10 == np.bincount([pair[side] for pair in pairs], minlength=10).tolist()
    assert all(i != j for i, j in pairs)
    if not multapses:
        assert len(set(pairs)) == len(pairs)


@pytest.mark.parametrize("multapses", [False, True])
def test_the_total_number_is_exact(multapses):
    pairs = _pairs(FixedTotalNumber(57, allow_self=False, multapses=multapses), 9, 9, same=True)
    assert len(pairs) == 57
    assert all(i != j for i, j in pairs)
    assert (len(set(pairs)) == 57) is not multapses


def test_in_degree_is_the_same_for_any_number_of_threads(monkeypatch):
    rule = FixedInDegree(5)
    monkeypatch.setattr("spikesim.network.connect._WORTH_A_THREAD", 0)
    rows = []
    for threads in (1, 2, 3, 7):
        monkeypatch.setattr("spikesim.network.connect._threads", lambda n=threads: n)
        rows.append(rows_of(_synapses(rule, 20, 30)))
    assert all(rows[0] == other for other in rows[1:])
    assert all(np.all(np.diff(rows[0].targets[a:b]) > 0) for a, b in _spans(rows[0]))


def test_small_world_keeps_the_ring_where_nothing_moves():
    ring = {(i, (i + d) % 11) for i in range(11) for d in (-2, -1, 1, 2)}
    assert set(_pairs(SmallWorld(4, p=0.0), 11, 11)) == ring


def test_small_world_moves_its_share_far_and_keeps_the_degree():
    n, k, p = 400, 10, 0.3
    pairs = _pairs(SmallWorld(k, p), n, n)
    assert len(set(pairs)) == len(pairs) == n * k
    far = np.array([min((j - i) % n, (i - j) % n) > k // 2 for i, j in pairs])
    assert abs(far.sum() - n * k * p) < 5 * np.sqrt(n * k * p * (1 - p))
    assert all(i != j for i, j in pairs)
    distances = np.array([(j - i) % n for i, j in pairs])[far]
    counts = np.bincount(distances, minlength=n)[k // 2 + 1 : n - k // 2]
    expected = far.sum() / (n - 1 - k)
    # Chi-square over 389 cells, variance 2 per cell, five standard deviations.
    chi = ((counts - expected) ** 2 / expected).sum()
    assert abs(chi - counts.size) < 5 * np.sqrt(2 * counts.size)


def test_drawn_weights_and_delays_are_fixed_by_source_and_place():
    plain = _synapses(FixedOutDegree(9), 8, 20)
    drawn = _synapses(FixedOutDegree(9), 8, 20, weights=Normal(0, 1), delays=Normal(4e-3, 2e-3))
    assert np.array_equal(rows_of(plain).targets, rows_of(drawn).targets)
    rows = rows_of(drawn)
    assert np.unique(rows.weights).size == 72
    assert drawn.min_delay <= rows.delays.min() < rows.delays.max() <= drawn.max_delay
    assert drawn.min_delay == 1


@pytest.mark.parametrize(
    ("weights", "n"),
    [(0.5, 3), (-2.0, 3), (Normal(0, 1), 3), (Normal(0, 1), 300), (Normal(1, 0.1), 1000)],
)
def test_the_weight_bound_is_tight(weights, n):
    synapses = _synapses(AllToAll(), n, n, weights=weights)
    largest = np.abs(rows_of(synapses).weights).max()
    assert largest <= synapses.weight_bound() <= 1.3 * largest


def test_no_synapses_are_legal():
    for rule in (FixedProbability(0.0), FixedInDegree(0), FixedTotalNumber(0), SmallWorld(0, 0.5)):
        synapses = _synapses(rule, 5, 5, weights=Normal(0, 1))
        assert (0, 0.0) == (synapses.nnz, synapses.weight_bound())
        assert rows_of(synapses).nnz == 0


@pytest.mark.parametrize(
    "rule",
    [FixedInDegree(500), FixedOutDegree(500), FixedProbability(0.1), FixedTotalNumber(2_500_000)],
)
def test_drawing_takes_at_most_twice_the_memory_of_what_is_drawn(rule):
    _synapses(rule, 5000, 5000).filler().fill(0, 9)  # compiled now
    synapses = _synapses(rule, 5000, 5000)
    tracemalloc.start()  # numpy reports its arrays
    targets = synapses.filler().fill(0, 5000).targets
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Half a megabyte: row starts, counts and cursors of 5000 sources.
    assert peak <= 2 * targets.nbytes + 500_000


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        (FixedProbability(1.5), "FixedProbability: expected 0 <= p <= 1, got 1.5"),
        (FixedProbability(float("nan")), "got nan"),
        (FixedProbability("x"), "got 'x'"),
        (FixedInDegree(4), "expected 0 <= k <= 3 distinct partners, got k = 4; lower k"),
        (FixedInDegree(3, allow_self=False), "<= 2 distinct partners"),
        (FixedInDegree(-1), "got k = -1"),
        (FixedInDegree(-1, multapses=True), "expected k >= 0, got k = -1; raise k"),
        (FixedInDegree(1.5), "k as an integer, got 1.5"),
        (FixedOutDegree(-1), "FixedOutDegree: expected 0 <= k"),
        (FixedTotalNumber(10, multapses=False), "<= 9 distinct"),
        (FixedTotalNumber(-1), "got n = -1"),
        (SmallWorld(3, 0.1), "an even 0 <= k <= 1, got k = 3"),
        (SmallWorld(0, -0.1), "0 <= p <= 1"),
    ],
)
def test_what_cannot_be_drawn_is_refused(rule, message):
    with pytest.raises(ValidationError, match=message):
        _synapses(rule, 3, 3, same=True)


@pytest.mark.parametrize("multapses", [False, True])
@pytest.mark.parametrize("rule", [FixedInDegree, FixedOutDegree, FixedTotalNumber])
def test_where_nobody_is_left_the_way_out_is_not_multapses(rule, multapses):
    with pytest.raises(ValidationError, match=r"= 0 where nobody .* got . = 1; take allow_self"):
        _synapses(rule(1, allow_self=False, multapses=multapses), 1, 1, same=True)
    assert 0 == _synapses(rule(0, allow_self=False, multapses=multapses), 1, 1, same=True).nnz


@pytest.mark.parametrize(
    ("n", "k", "legal"),
    [(9, 4, True), (9, 3, False), (9, 6, False), (8, 2, True), (8, 4, False), (8, 3, False)],
)
def test_a_ring_has_an_even_number_of_neighbours_below_half_of_its_neurons(n, k, legal):
    if legal:
        assert _synapses(SmallWorld(k, 0.5), n, n, same=True).nnz == k * n
        return
    with pytest.raises(ValidationError, match=rf"an even 0 <= k <= .*, got k = {k}"):
        _synapses(SmallWorld(k, 0.5), n, n, same=True)


def test_unequal_sizes_are_refused():
    for rule, message in ((OneToOne(), "3 and 2"), (SmallWorld(0, 0.1), "one ring, got 3 and 2")):
        with pytest.raises(ValidationError, match=message):
            _synapses(rule, 3, 2)
    with pytest.raises(ValidationError, match="pass multapses=True"):
        _synapses(FixedTotalNumber(5, multapses=False), 10**5, 10**5)


def _spans(rows):
    return zip(rows.indptr[:-1], rows.indptr[1:], strict=True)
