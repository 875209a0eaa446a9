# SPDX-License-Identifier: Apache-2.0
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikesim.fixed.weights import ChannelWeights, IncomingWeights

WEIGHTS = st.lists(st.lists(st.integers(-8, 8), min_size=3, max_size=3), min_size=1, max_size=6)


def incoming(*blocks, n=3):
    problems = []
    return IncomingWeights("population 'p'", blocks, n, problems), problems


@given(WEIGHTS)
def test_the_bound_is_the_worst_of_all_subsets_of_spikes(rows):
    weights, problems = incoming(np.array(rows, float))
    codes = weights.codes(np.ones(3), np.full(3, 2.0), 7)
    own = np.array([[max(-7, min(7, 2 * w)) for w in row] for row in rows])
    worst = 0
    for subset in range(1 << len(rows)):
        chosen = [k for k in range(len(rows)) if subset >> k & 1]
        worst = max(worst, int(np.abs(own[chosen].sum(axis=0)).max()))
    assert [] == problems
    assert worst == codes.bound
    np.testing.assert_array_equal(own, codes.blocks[0])


def test_inhibition_alone_bounds_as_excitation_alone_does():
    up, _ = incoming(np.full((5, 3), 1.0))
    down, _ = incoming(np.full((5, 3), -1.0))
    one, scale = np.ones(3), np.full(3, 127.0)
    assert 5 * 127 == up.codes(one, scale, 127).bound == down.codes(one, scale, 127).bound
    sparse, _ = incoming((np.full(5, -1.0), np.array([1, 1, 1, 2, 0])))
    assert 3 * 127 == sparse.codes(one, scale, 127).bound


def test_a_negative_gain_turns_the_sign_of_the_codes():
    weights, _ = incoming(np.array([[0.5, -0.5, 0.25]]))
    codes = weights.codes(np.array([1.0, -1.0, -2.0]), np.array([10.0, 10.0, 10.0]), 127)
    assert [[5, 5, -5]] == codes.blocks[0].tolist()


def test_the_largest_weight_is_found_over_all_blocks_and_signs():
    weights, _ = incoming(np.array([[0.5, -2.0, 0.0]]), (np.array([-3.0]), np.array([0])))
    assert [3.0, 2.0, 0.0] == weights.largest().tolist()


def test_the_error_is_in_the_unit_of_the_weights():
    weights, _ = incoming(np.array([[0.26, 0.0, 0.0]]), (np.array([0.3]), np.array([1])))
    codes = weights.codes(np.ones(3), np.array([10.0, 10.0, 1.0]), 127)
    assert pytest.approx(0.04) == codes.error  # 2.6 becomes 3, 3.0 stays


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (np.zeros((2, 4)), r"shape \(n_pre, 3\)"),
        ((np.zeros(2), np.zeros(3, int)), "two flat arrays of one length"),
        ((np.zeros(1), np.array([3])), "targets 3..3, expected 0..2"),
        ((np.zeros(1), np.array([-1])), "targets -1..-1"),
        (np.array([[0.0, np.inf, 0.0]]), "NaN or infinity"),
    ],
)
def test_blocks_that_do_not_fit_are_named_by_number(block, message):
    _, problems = incoming(np.zeros((1, 3)), block)
    (problem,) = problems
    assert "population 'p': weight block 1" in problem
    assert re.search(message, problem)


@given(WEIGHTS, st.integers(1, 3))
def test_a_kernel_is_a_matrix_that_repeats_each_channel(rows, length):
    kernel, n = np.array(rows, float), 3 * length
    gain = np.repeat([1.0, -0.5, 2.0], length)
    scale = np.repeat([1.0, 3.0, 2.5], length)
    shared, problems = incoming(ChannelWeights(kernel), n=n)
    each, _ = incoming(np.repeat(kernel, length, axis=1), n=n)
    one, other = (weights.codes(gain, scale, 7) for weights in (shared, each))
    assert ([], (3,), 3, n) == (problems, shared.channels, shared.runs, each.runs)
    assert shared.largest().tolist() == each.largest().tolist()
    assert (one.bound, one.error) == (other.bound, other.error)
    assert np.repeat(one.blocks[0], length, axis=1).tolist() == other.blocks[0].tolist()


@pytest.mark.parametrize("shape", [(4, 5), (6,), (2, 0)])
def test_a_kernel_without_a_column_for_each_channel_is_refused(shape):
    _, problems = incoming(ChannelWeights(np.zeros(shape)), n=12)
    (text,) = problems
    assert f"channels that 12 neurons are dealt out to, got shape {shape}" in text
