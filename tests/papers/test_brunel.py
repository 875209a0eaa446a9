# SPDX-License-Identifier: Apache-2.0
from dataclasses import replace

import pytest

from spikesim.models import comparison
from spikesim.models.brunel import (
    DISCARD_S,
    REFERENCES,
    REGIMES,
    Brunel,
    main,
    mean_field_rate,
    measure,
)

# With a fifth of the neurons and all their sources rates stay within this of the full network
# (measured: 2 to 8 %), and correlations grow.
SMALL, SMALL_TOLERANCE = 2500, 0.12


def small(regime, seconds=0.7, seed=1):
    model = replace(REGIMES[regime], n=SMALL)
    trains = comparison.together(
        comparison.after(comparison.run(model, seconds, seed=seed), DISCARD_S)
    )
    return measure(trains, model.dt, regime)


@pytest.mark.parametrize(("regime", "theory"), [("SI fast", 55.8), ("AI", 38.0), ("SI slow", 6.5)])
def test_mean_field_rate_is_that_of_table_1(regime, theory):
    assert theory == pytest.approx(mean_field_rate(REGIMES[regime]), abs=0.06)


def test_asynchronous_neurons_fire_as_often_as_published():
    found = small("AI")
    assert 37.7 == pytest.approx(found["AI rate (Hz)"], rel=SMALL_TOLERANCE)
    assert found["AI CV"] > 0.35


def test_fast_oscillation_is_faster_than_its_irregular_neurons():
    found = small("SI fast")
    assert 60.7 == pytest.approx(found["SI fast rate (Hz)"], rel=SMALL_TOLERANCE)
    assert 180.0 == pytest.approx(found["SI fast peak (Hz)"], rel=0.15)
    assert found["SI fast CV"] > 0.7
    assert found["SI fast peak (Hz)"] > 2 * found["SI fast rate (Hz)"]


def test_dominant_excitation_makes_neurons_regular_and_synchronous():
    found = small("SR", seconds=0.7)
    assert found["SR CV"] < 0.05
    assert found["SR rate (Hz)"] > 300
    assert found["SR synchrony"] > 1.0


def test_drive_is_eta_times_what_reaches_threshold():
    # mean input of the drive alone: j * drive_hz * tau_mem = eta * v_th
    model = Brunel(eta=0.5)
    assert 0.5 * model.v_th == pytest.approx(model.j * model.drive_hz * model.tau_mem)


def test_every_neuron_has_the_same_number_of_sources():
    import numpy as np

    net = Brunel(n=250, k_exc=20).network(seed=3)
    for pre, k in (("exc", 20), ("inh", 5)):
        for post in ("exc", "inh"):
            rows = net.projections[f"{pre}->{post}"].rows
            degree = np.bincount(rows.targets, minlength=rows.n_post)
            np.testing.assert_array_equal(degree, k)


def test_synchrony_of_the_asynchronous_state_falls_with_size():
    small_net, large = small("AI"), Brunel(n=7500)
    trains = comparison.together(comparison.after(comparison.run(large, 0.7, seed=1), DISCARD_S))
    assert measure(trains, large.dt, "AI")["AI synchrony"] < 0.8 * small_net["AI synchrony"]


@pytest.mark.slow
def test_table_1_at_full_size():
    # Three seeds, 1 s each: about a minute of one core.
    assert main([]) == 0


def test_every_reference_is_of_a_regime():
    assert all(any(r.name.startswith(name) for name in REGIMES) for r in REFERENCES)
