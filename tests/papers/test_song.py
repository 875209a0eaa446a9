# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import numpy as np
import pytest

from spikesim.models.song_miller_abbott import (
    LEARNING,
    SongMillerAbbott,
    at_rates,
    follows,
    learn,
)


def test_network_of_the_paper():
    net = SongMillerAbbott().network(seed=1)
    rows = net.projections[LEARNING].rows
    assert net.inputs["exc"].n == 1000
    assert net.inputs["inh"].n == 200
    assert 0.0 < rows.weights.min() < rows.weights.max() <= 0.015
    assert net.projections[LEARNING].plasticity.a_minus == pytest.approx(0.00525)
    assert "inh" not in SongMillerAbbott.short().network().inputs


def test_mean_weight_of_the_benchmark_is_that_of_the_peers():
    # NEST 0.48, Brian2 0.49 at 10 s; seeds differ by 0.004.
    weights = learn(SongMillerAbbott.short(), 10.0, seed=1).numbers()
    assert 0.475 < weights["mean weight"] < 0.505


def test_weights_move_to_both_ends():
    start = learn(SongMillerAbbott.short(), 0.1, seed=1)
    end = learn(SongMillerAbbott.short(), 100.0, seed=1)
    middle = [((o.weights > 0.2) & (o.weights < 0.8)).mean() for o in (start, end)]
    assert 0.5 < middle[0]
    assert middle[1] < 0.4
    assert 0.0 <= end.weights.min() < 0.02
    assert 0.98 < end.weights.max() <= 1.0


def test_without_more_depression_all_weights_rise():
    model = replace(SongMillerAbbott.short(), ratio=0.5)
    assert learn(model, 20.0, seed=1).weights.mean() > 0.9


def test_learning_holds_the_output_rate():
    # Twice the input gives fixed weights about twice the output.
    fixed = [
        learn(SongMillerAbbott(rate_exc=rate, a_plus=1e-9), 2.0, seed=1).rates_hz.mean()
        for rate in (40.0, 80.0)
    ]
    assert follows((40.0, 80.0), fixed) > 0.8
    numbers, outcomes = at_rates((40.0, 80.0), 50.0, seed=1)
    assert abs(numbers["slope at the end"]) < 0.5
    assert outcomes[80.0].weights.mean() < outcomes[40.0].weights.mean()
    # Irregular, as the paper has it: excitation only just reaches the threshold. Six seeds give
    # 0.73 to 0.79 at 40 Hz and 1.10 to 1.32 at 80 Hz; a regular train would have 0.
    assert all(0.6 < outcome.cv < 1.6 for outcome in outcomes.values())


@pytest.mark.slow
def test_rates_after_1000_seconds():
    numbers, outcomes = at_rates((10.0, 40.0), 1000.0, seed=1)
    # 0.37 ± 0.07 over seeds, since at 10 Hz the rate still rises; fixed weights have 1.5 or more.
    assert numbers["slope at the end"] < 0.6
    for outcome in outcomes.values():
        ends = (outcome.weights < 0.2) | (outcome.weights > 0.8)
        assert ends.mean() > 0.7
    np.testing.assert_array_less(outcomes[40.0].weights.mean(), outcomes[10.0].weights.mean())
