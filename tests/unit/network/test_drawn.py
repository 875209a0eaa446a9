# SPDX-License-Identifier: Apache-2.0
"""Weights and delays of drawn synapses: independent, bounded, and as late as they say."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from spikesim.network import DrawnSynapses, FixedInDegree, Normal, Shape, Uniform

DT = 1e-3


def drawn(**changes):
    rule, shape = FixedInDegree(40), Shape(50, 100, False)
    made = DrawnSynapses(rule, shape, 7, Normal(1.0, 0.1), Uniform(2e-3, 30e-3), DT, 1)
    return replace(made, **changes)


def filled(synapses):
    return synapses.filler().fill(0, synapses.n_pre)


def test_weights_and_delays_of_a_synapse_know_nothing_of_each_other():
    columns = filled(drawn())
    assert columns.weights.size == columns.delays.size == 4000
    # A number of the generator decides sign and size of a deviation apart: both are asked.
    for weights in (columns.weights, np.abs(columns.weights - 1.0)):
        # Five standard deviations of the correlation of 4,000 independent pairs.
        assert abs(np.corrcoef(weights, columns.delays)[0, 1]) < 5 / np.sqrt(4000)


@pytest.mark.parametrize("after", [1, 3])
def test_what_a_model_takes_longer_is_added_to_every_delay(after):
    own, later = drawn(), drawn(after=after)
    np.testing.assert_array_equal(filled(own).delays + after, filled(later).delays)
    assert (2 + after, 30 + after) == (later.min_delay, later.max_delay)
    assert filled(later).delays.min() >= later.min_delay
    assert filled(later).delays.max() <= later.max_delay


@pytest.mark.parametrize("mean", [-1.0, 0.0, 1.0])
def test_the_bound_of_the_weights_is_beyond_the_largest_of_either_sign(mean):
    synapses = drawn(weights=Normal(mean, 0.1))
    largest = float(np.abs(filled(synapses).weights).max())
    assert largest <= synapses.weight_bound() <= 1.5 * largest


def test_the_bound_of_many_weights_is_found_piece_by_piece():
    # The limits lie far beyond what comes out, so all rows are looked at.
    synapses = drawn(rule=FixedInDegree(300), shape=Shape(300, 2000, False), weights=Normal(0, 1))
    weights = filled(synapses).weights
    assert weights.size == 600_000
    tracemalloc.start()
    try:
        bound = synapses.weight_bound()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert float(np.abs(weights).max()) == bound
    assert peak < weights.nbytes / 3


@pytest.mark.parametrize("weight", [-2.0, 2.0])
def test_the_bound_of_one_weight_is_its_size(weight):
    assert drawn(weights=weight).weight_bound() == 2.0
