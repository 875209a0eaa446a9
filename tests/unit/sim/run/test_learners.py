# SPDX-License-Identifier: Apache-2.0
import dataclasses

import numpy as np
import pytest

from spikesim import LIF, CsrRows, Network, Poisson
from spikesim.errors import ValidationError
from spikesim.learning import PairSTDP
from spikesim.network import AllToAll, FixedInDegree, FixedTotalNumber
from spikesim.neurons import LIFDelta
from spikesim.sim import Simulator, Weights
from spikesim.sim.inputs import InhomogeneousPoisson


def learning_net(n_in, n_out, rule, weight):
    net = Network(1e-3, "learns", 3)
    net.add_input("in", n_in)
    net.add_population("out", n_out, LIFDelta(tau_mem=20e-3, v_th=1.0))
    net.connect("in", "out", rule, weight=weight, delay=2e-3, plasticity=PairSTDP(0.1))
    return net


@pytest.mark.parametrize("blocks", [1, 3])
def test_one_start_weight_for_all_is_stored_once(blocks):
    unit = np.random.default_rng(2).uniform(0.01, 0.03, (200, 1000)).astype(np.float32)
    spent = []
    for weight in (0.02, unit):
        net = learning_net(200, 1000, AllToAll(), weight)
        session = Simulator(net, blocks=blocks).start({"in": Poisson(100.0)}, 50, seed=1)
        expected = np.broadcast_to(np.float32(weight), (200, 1000))
        assert np.array_equal(expected.ravel(), session.weights("in->out").weights)
        spent.append(session.nbytes)
        session.advance(50)
        assert not np.array_equal(expected.ravel(), session.weights("in->out").weights)
    assert spent[1] - spent[0] == 4 * 200 * 1000


def test_a_synapse_that_learns_takes_six_bytes_and_its_target_a_ring():
    net = learning_net(2000, 2000, FixedInDegree(200, multapses=True), 0.02)
    session = Simulator(net).start({"in": Poisson(20.0)}, 50, seed=1)
    idle = session.nbytes
    session.advance(50)
    per_target = 64 * 4 + 32 + 16 + 40
    assert 6 * 400_000 + per_target * 2000 < idle < 6.5 * 400_000 + 2 * per_target * 2000
    # What came in within the window is held until the next.
    assert 0 < session.nbytes - idle < 2000 * 50 * 8


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_weights_are_given_in_the_type_of_the_run(dtype):
    net = learning_net(20, 30, AllToAll(), 0.05)
    session = Simulator(net, dtype=dtype).start(
        {"in": Poisson(300.0)}, 100, seed=3, record=("spikes", Weights("in->out", every=99))
    )
    session.advance(100)
    rows, read = session.weights("in->out"), session.finish().traces["in->out.w"]
    (learner,) = session._run.learners
    assert np.array_equal(learner.synapses.read(100), rows.weights)
    assert np.array_equal(rows.weights, read[-1])
    assert dtype == rows.dtype == rows.weights.dtype == read.dtype == rows.to_dense().dtype
    rounded = rows.weights.astype(np.float32)
    assert np.array_equal(rounded, rows.weights) == (dtype == "float32")
    # A network keeps float32.
    net.connect("in", "out", rows, name="again")
    assert np.array_equal(rounded, net.projections["again"].rows.weights)
    with pytest.raises(ValidationError, match="dtype as float32 or float64, got 'int8'"):
        dataclasses.replace(rows, dtype="int8")


def test_memory_is_told_by_kind():
    net = learning_net(100, 300, FixedInDegree(50, multapses=True), 0.02)
    simulator = Simulator(net)
    learning = simulator.start({}, 5).memory
    net.connect("out", "out", FixedInDegree(40, multapses=True), weight=0.01, delay=1e-3)
    both = Simulator(net).start({}, 5, record=("spikes", "out.v"))
    assert learning["static"] == learning["samples"] == 0
    assert learning["plastic"] > simulator.nbytes + 4 * 15_000
    assert both.memory["plastic"] == learning["plastic"]
    # Two bytes per synapse of one weight and one delay, and four for where each row begins.
    assert both.memory["static"] == 2 * 12_000 + 4 * 301
    assert both.memory["samples"] >= 5 * 300 * 4
    assert sum(both.memory.values()) == both.nbytes


def test_other_rates_go_on_where_the_former_left():
    rates = np.random.default_rng(1).uniform(0.0, 200.0, (2, 20))
    session = Simulator(learning_net(20, 30, AllToAll(), 0.05)).start(
        {"in": Poisson(rates[0])}, 100, seed=3
    )
    session.advance(50)
    session.set_inputs({"in": Poisson(rates[1])})
    session.advance(50)
    both = Simulator(learning_net(20, 30, AllToAll(), 0.05)).start(
        {"in": InhomogeneousPoisson(rates, bin=0.05)}, 100, seed=3
    )
    both.advance(100)
    assert both.finish().spikes["out"] == session.finish().spikes["out"]
    assert both.weights("in->out") == session.weights("in->out")
    assert both.events > 0


def test_several_events_of_a_line_in_one_tick_are_refused_where_a_projection_learns():
    net = Network(dt=1e-3)
    net.add_input("in", 3)
    net.add_population("out", 2, LIF(beta=0.9))
    net.connect("in", "out", AllToAll(), weight=0.1, plasticity=PairSTDP(w_max=1.0), name="learns")
    Simulator(net).run({"in": Poisson(900.0)}, 5)
    with pytest.raises(ValidationError, match=r"'in'.*'learns' learns, got counts=True"):
        Simulator(net).run({"in": Poisson(900.0, counts=True)}, 5)


def test_events_of_learning_projections_are_counted():
    net = Network(dt=1e-3)
    net.add_input("in", 3)
    net.add_population("out", 2, LIF(beta=0.9))
    net.connect("in", "out", AllToAll(), weight=0.1, plasticity=PairSTDP(w_max=1.0))
    raster = [[1, 0, 1], [0, 0, 0], [0, 1, 0]]
    assert Simulator(net).run({"in": raster}, 3).meta["events"] == 6


@pytest.mark.parametrize("blocks", [2, 4])
@pytest.mark.parametrize("shuffled", [False, True])
def test_as_many_synapses_as_pairs_are_no_matrix_in_any_block(blocks, shuffled):
    # With one target per block every row has one entry, or by chance one for each source.
    rng = np.random.default_rng(1)
    targets = np.concatenate([rng.permutation(4) for _ in range(4)])
    rows = CsrRows(np.arange(5) * 4, targets, np.full(16, 0.3), np.ones(16, int), 4)
    bits = []
    for n in (1, blocks):
        net = Network(dt=1e-3, seed=3)
        net.add_input("in", 4)
        net.add_population("a", 4, LIF(beta=0.9, v_th=0.5))
        rule = FixedTotalNumber(16)
        given = {} if shuffled else {"weight": 0.3}
        learns = PairSTDP(1.0, 0.02, 0.05)
        net.connect("in", "a", rows if shuffled else rule, plasticity=learns, **given)
        session = Simulator(net, blocks=n).start({"in": Poisson(200.0)}, 60, seed=1)
        session.advance(60)
        bits.append(session.weights("in->a").weights.tolist())
    assert bits[0] == bits[1]
    assert len(set(bits[0])) > 1
