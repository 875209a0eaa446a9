# SPDX-License-Identifier: Apache-2.0
"""No arrival at a relay is lost in silence: it is repeated, or the network is refused."""

import numpy as np
import pytest

import spikesim
from spikesim import Network, Poisson, SpikeTrains, ValidationError, simulate
from spikesim.core import CsrRows
from spikesim.learning import PairSTDP, TsodyksMarkram
from spikesim.network import (
    AllToAll,
    FixedInDegree,
    FixedOutDegree,
    FixedProbability,
    Normal,
    OneToOne,
    PairList,
    Uniform,
)
from spikesim.neurons import LIF, LIFExp, Parrot
from spikesim.sim import InhomogeneousPoisson, Simulator

N = 6


def network(neuron=None):
    net = Network(dt=1e-3, seed=2)
    net.add_input("in", N)
    net.add_input("more", N)
    net.add_population("relay", N, Parrot() if neuron is None else neuron)
    net.add_population("cells", N, LIF(beta=0.9))
    return net


@pytest.mark.parametrize("delay", [0, 3])
def test_every_spike_of_a_train_is_repeated_in_its_tick(delay):
    net = network()
    net.connect("in", "relay", OneToOne(), weight=1.0, delay_ticks=delay)
    given = Poisson(400.0).trains(N, 500, net.dt, 3, "in")
    run = simulate(net, {"in": given}, 500 + delay)
    assert given.ticks.tolist() == (run.spikes["relay"].ticks - delay).tolist()
    assert given.index.tolist() == run.spikes["relay"].index.tolist()


COUNTS = {
    "poisson": Poisson(800.0, counts=True),
    "slow": Poisson(0.05, counts=True),
    "inhomogeneous": InhomogeneousPoisson(np.full((2, N), 800.0), bin=5e-3, counts=True),
}


@pytest.mark.parametrize("drive", COUNTS)
def test_counts_onto_a_relay_are_refused_and_single_events_repeated(drive):
    net = network()
    net.connect("in", "relay", OneToOne(), weight=1.0)
    message = "input 'in': expected at most one event .*'relay', .*counts=True.*merge=True"
    with pytest.raises(ValidationError, match=message):
        simulate(net, {"in": COUNTS[drive]}, 10)
    with pytest.raises(ValidationError, match=message):
        Simulator(net).trials({"in": COUNTS[drive]}, 10, seeds=[0, 1])
    assert simulate(net, {"in": Poisson(1000.0)}, 10).counts("relay").tolist() == [10] * N


def test_counts_given_to_a_session_under_way_are_refused():
    net = network()
    net.connect("in", "relay", OneToOne(), weight=1.0)
    session = Simulator(net).start({"in": Poisson(5.0)}, 20)
    session.advance(5)
    with pytest.raises(ValidationError, match="expected at most one event"):
        session.set_inputs({"in": COUNTS["poisson"]})


def test_counts_are_refused_also_where_they_reach_a_relay_by_the_way():
    net = network()
    net.connect("in", "cells", OneToOne(), weight=0.1)
    assert simulate(net, {"in": COUNTS["poisson"]}, 5).steps == 5
    net.connect("in", "relay", PairList([3], [0]), weight=1.0)
    with pytest.raises(ValidationError, match="'relay', which repeats each arrival"):
        simulate(net, {"in": COUNTS["poisson"]}, 5)


@pytest.mark.parametrize(
    ("rule", "fan_in"),
    [
        (AllToAll(), N),
        (FixedInDegree(2), 2),
        (FixedInDegree(3, multapses=True), 3),
        (FixedProbability(1.0), N),
        (FixedOutDegree(4), None),
        (PairList([0, 1], [2, 2]), 2),
    ],
)
def test_two_synapses_onto_one_relay_are_refused_and_one_is_not(rule, fan_in):
    message = f"at most one synapse onto a neuron, got {fan_in or '.'} onto neuron"
    for pre in ("in", "cells"):
        with pytest.raises(ValidationError, match=message):
            network().connect(pre, "relay", rule, weight=1.0)
        assert network(Parrot(merge=True)).connect(pre, "relay", rule, weight=1.0).nnz
    assert network().connect("in", "relay", FixedInDegree(1), weight=1.0).nnz == N


def test_two_projections_that_meet_at_a_relay_are_refused():
    net = network()
    net.connect("in", "relay", PairList([0, 1, 2], [0, 1, 2]), weight=1.0)
    net.connect("more", "relay", PairList([3, 4], [3, 4]), weight=1.0)
    with pytest.raises(ValidationError, match="got 2 onto neuron 4"):
        net.connect("cells", "relay", PairList([5, 5], [5, 4]), weight=1.0)
    assert net.connect("cells", "relay", PairList([5], [5]), weight=1.0).nnz == 1
    assert len(net.projections) == 3


ROWS = CsrRows.from_dense(np.eye(N) * 2, delay=1)


@pytest.mark.parametrize(
    ("rule", "weight", "got"),
    [
        (OneToOne(), {"weight": 3.0}, "got 3;"),
        (OneToOne(), {"weight": 0.0}, "got 0;"),
        (OneToOne(), {"weight": -1.0}, "got -1;"),
        (OneToOne(), {"weight": np.nextafter(np.float32(1), np.float32(2))}, "got 1;"),
        (OneToOne(), {"weight": Normal(1.0, 0.1, low=0.0)}, "got 0 to 1.8"),
        (OneToOne(), {"weight": Uniform(0.5, 1.0)}, "got 0.5 to 1"),
        (np.diag([1.0, 1, 1, 1, 1, 0.5]), {}, "got 0.5 to 1"),
        (ROWS, {}, "got 2;"),
    ],
)
def test_weights_other_than_one_onto_a_relay_are_refused(rule, weight, got):
    with pytest.raises(ValidationError, match=f"'relay': expected weight 1 .*'in->relay', {got}"):
        network().connect("in", "relay", rule, **weight)
    assert network(Parrot(merge=True)).connect("in", "relay", rule, **weight).nnz == N


@pytest.mark.parametrize("rule", [PairSTDP(w_max=2.0), TsodyksMarkram()])
def test_weights_that_change_onto_a_relay_are_refused(rule):
    with pytest.raises(ValidationError, match="expected fixed weights of projection 'in->relay'"):
        network().connect("in", "relay", OneToOne(), weight=1.0, plasticity=rule)


def test_arrivals_are_merged_where_that_is_asked_for():
    net = network(Parrot(merge=True))
    net.connect("in", "relay", AllToAll(), weight=0.5)
    net.connect("more", "relay", OneToOne(), weight=-3.0)
    given = SpikeTrains([1, 1, 2, 4], [0, 1, 5, 5], n=N, steps=6)
    against = SpikeTrains([2], [3], n=N, steps=6)
    run = simulate(net, {"in": given, "more": against}, 6)
    assert [1, 4] == run.spikes["relay"].ticks[run.spikes["relay"].index == 3].tolist()
    assert [1, 2, 4] == run.spikes["relay"].ticks[run.spikes["relay"].index == 0].tolist()
    assert simulate(net, {"in": COUNTS["poisson"]}, 6).counts("relay").max() <= 6


def test_a_network_put_together_by_other_ways_is_looked_at(tmp_path):
    net = network()
    net.connect("in", "relay", OneToOne(), weight=1.0)
    net.projections["again"] = net.projections["in->relay"]
    with pytest.raises(ValidationError, match="got 2 onto neuron 0"):
        net.validate()
    with pytest.raises(ValidationError, match="got 2 onto neuron 0"):
        net.save(tmp_path / "net")


@pytest.mark.parametrize("engine", ["golden", "float"])
def test_no_engine_makes_counts_single_spikes(engine):
    net = network()
    net.connect("in", "relay", OneToOne(), weight=1.0)
    net.connect("relay", "cells", OneToOne(), weight=0.5)
    with pytest.raises(ValidationError, match=r"at most one event per line and tick .*counts=True"):
        spikesim.run(net, {"in": COUNTS["poisson"]}, 10, engine=engine)


def test_duplicates_in_given_trains_and_numbers_in_rasters_are_refused():
    with pytest.raises(ValidationError, match="neuron 0 more than once in tick 5"):
        SpikeTrains([5, 5], [0, 0], n=N, steps=9)
    net = network(LIFExp())
    with pytest.raises(ValidationError, match="'in': raster: expected bool or values 0 and 1"):
        simulate(net, {"in": np.full((3, N), 2)}, 3)
