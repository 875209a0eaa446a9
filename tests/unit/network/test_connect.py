# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.core import stream
from spikesim.errors import ValidationError
from spikesim.network import AllToAll, FixedInDegree, FixedOutDegree, FixedProbability, OneToOne


def _pairs(rule, n_pre, n_post, same=False, seed=0):
    pre, post = rule.pairs(n_pre, n_post, same, stream(seed, "test"))
    return list(zip(pre.tolist(), post.tolist(), strict=True))


def test_all_to_all_is_every_pair_once():
    assert [(i, j) for i in range(3) for j in range(2)] == _pairs(AllToAll(), 3, 2)
    assert len(_pairs(AllToAll(allow_self=False), 4, 4, same=True)) == 12


def test_one_to_one_is_the_diagonal_and_needs_equal_sizes():
    assert [(0, 0), (1, 1)] == _pairs(OneToOne(), 2, 2)
    with pytest.raises(ValidationError, match="3 and 2"):
        _pairs(OneToOne(), 3, 2)


@pytest.mark.parametrize("p", [0.0, 0.001, 0.1, 0.7, 1.0])
def test_fixed_probability_draws_distinct_pairs_at_its_rate(p):
    pairs = _pairs(FixedProbability(p), 200, 150)
    total = 200 * 150
    assert len(set(pairs)) == len(pairs)
    assert pairs == sorted(pairs)
    # Five standard deviations; the seed is fixed, so this either holds or it does not.
    assert abs(len(pairs) - p * total) <= 5 * np.sqrt(total * p * (1 - p))


def test_fixed_probability_treats_every_pair_alike():
    hits = np.zeros((4, 5))
    for seed in range(2000):
        for pair in _pairs(FixedProbability(0.3), 4, 5, seed=seed):
            hits[pair] += 1
    assert np.abs(hits / 2000 - 0.3).max() < 5 * np.sqrt(0.21 / 2000)


@pytest.mark.parametrize("k", [0, 1, 5, 9])
@pytest.mark.parametrize("multapses", [False, True])
def test_in_degree_is_exact_and_without_self(k, multapses):
    pairs = _pairs(FixedInDegree(k, allow_self=False, multapses=multapses), 10, 10, same=True)
    assert [k] * 10 == np.bincount([j for _, j in pairs], minlength=10).tolist()
    assert all(i != j for i, j in pairs)
    if not multapses:
        assert len(set(pairs)) == len(pairs)


@pytest.mark.parametrize("k", [2, 7])
def test_out_degree_is_exact_and_distinct(k):
    pairs = _pairs(FixedOutDegree(k), 6, 8)
    assert [k] * 6 == np.bincount([i for i, _ in pairs], minlength=6).tolist()
    assert len(set(pairs)) == len(pairs)


@pytest.mark.parametrize("k", [2, 4])
def test_drawn_partners_are_uniform(k):
    hits = np.zeros(6)
    for seed in range(1000):
        for i, _ in _pairs(FixedInDegree(k), 6, 1, seed=seed):
            hits[i] += 1
    share = k / 6
    assert np.abs(hits / 1000 - share).max() < 5 * np.sqrt(share * (1 - share) / 1000)


@pytest.mark.parametrize(
    "draw",
    [
        lambda: FixedProbability(1.5),
        lambda: FixedProbability(float("nan")),
        lambda: _pairs(FixedInDegree(4), 3, 2),
        lambda: _pairs(FixedInDegree(3, allow_self=False), 3, 3, same=True),
        lambda: _pairs(FixedOutDegree(-1), 3, 3),
    ],
)
def test_what_cannot_be_drawn_is_refused(draw):
    with pytest.raises(ValidationError, match="expected 0 <="):
        draw()
