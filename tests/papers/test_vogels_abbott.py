# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.models import comparison
from spikesim.models.vogels_abbott import DISCARD_S, REFERENCES, Coba, Cuba, main

# Mean of NEST, and four times the spread of one network from the next (of rates 0.25 and 1.2 Hz;
# of CV 0.012 and 0.032), for 1 s of 4,000 neurons.
ONE_SEED = {Cuba: (5.60, 1.0, 0.517, 0.048), Coba: (19.27, 4.8, 1.505, 0.13)}


@pytest.mark.parametrize("kind", [Cuba, Coba])
def test_one_network_is_active_as_in_nest(kind):
    model = kind()
    trains = comparison.together(comparison.after(comparison.run(model, 1.2, seed=1), DISCARD_S))
    found = comparison.rate_and_cv(trains, model.dt)
    rate, rate_spread, cv, cv_spread = ONE_SEED[kind]
    assert rate == pytest.approx(found["rate"], abs=rate_spread)
    assert cv == pytest.approx(found["cv"], abs=cv_spread)


def test_activity_of_conductance_network_outlives_its_start():
    model = Coba()
    run = comparison.run(model, 1.2, seed=2)
    last = comparison.after(run, 1.1)
    assert all(len(trains) > 0 for trains in last.values())


def test_without_a_start_the_conductance_network_stays_silent():
    run = comparison.run(Coba(n=1000, start_hz=0.0), 0.1)
    assert sum(len(trains) for trains in run.spikes.values()) == 0


def test_weights_are_those_of_the_benchmark():
    # Brette et al. give 0.27 nS and 4.5 nS against a leak of 10 nS, times driving forces of
    # 60 mV and -20 mV, for CUBA.
    assert Cuba().w_exc == pytest.approx(0.27 * 60e-3 / 10)
    assert Cuba().w_inh == pytest.approx(-4.5 * 20e-3 / 10)


def test_sources_per_neuron_stay_when_the_network_grows():
    for n in (1000, 2000):
        net = Cuba(n=n).network(seed=1)
        # binomial with mean 80 n and variance below it: five standard deviations
        assert net.n_synapses == pytest.approx(80 * n, abs=5 * np.sqrt(80 * n))


def test_excitation_and_inhibition_reach_their_receptors():
    net = Coba(n=200).network()
    assert {p.name: p.receptor for p in net.projections.values()} == {
        "exc->exc": 0, "exc->inh": 0, "inh->exc": 1, "inh->inh": 1,
        "start->exc": 0, "start->inh": 0,
    }  # fmt: skip


@pytest.mark.slow
def test_many_networks_against_nest():
    assert main([]) == 0


def test_every_reference_names_its_source():
    assert all("NEST" in reference.source for reference in REFERENCES)
