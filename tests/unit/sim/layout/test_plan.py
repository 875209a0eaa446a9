# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.errors import ValidationError
from spikesim.kernels.deliver import CONSTANT, PACKED
from spikesim.learning import PairSTDP
from spikesim.network import AllToAll, FixedProbability, Network, OneToOne, Uniform
from spikesim.neurons import LIF
from spikesim.sim import Simulator, simulate
from spikesim.sim.layout.plan import plan_network


def _net(weights, n=30):
    """One source population per weight, each all to all onto "out" through a receptor."""
    net = Network(dt=1e-3)
    net.add_population("out", n, LIF(beta=0.9, v_th=np.inf))
    for k, weight in enumerate(weights):
        net.add_population(f"p{k}", n, LIF(beta=0.0, bias=1.0))
        net.connect(f"p{k}", "out", AllToAll(), weight=weight, name=f"c{k}")
    return net


def test_two_weights_get_a_table_each_and_many_thin_ones_are_packed():
    modes = [table.mode for table in plan_network(_net([0.1, 0.2])).tables]
    assert modes == [CONSTANT, CONSTANT]
    (table,) = plan_network(_net([0.1, 0.2, 0.3])).tables
    assert table.mode == PACKED
    assert [p.name for p in table.projections] == ["c0", "c1", "c2"]


@pytest.mark.parametrize("weights", [[0.5], [0.1, 0.2], [1.0, 1e-3, 0.25], [0.5, -0.5, 0.3, 2.0]])
def test_the_membrane_gets_what_the_weights_say_within_one_unit(weights):
    net = _net(weights)
    plan = plan_network(net)
    unit = plan.scale("out", 0)
    v = simulate(net, {}, 3, record=("out.v",)).trace("out.v")
    exact = simulate(net, {}, 3, record=("out.v",), dtype="float64").trace("out.v")
    # Each of the 30 synapses of a projection is off by half a unit at most, twice over.
    assert np.abs(v - exact).max() <= 30 * len(weights) * unit * 2
    assert np.abs(exact[-1]).max() > 0.01


def test_packed_weights_fit_their_bits():
    for weights in ([0.3, 0.2, 0.1], [3e-7, 2e-7, -1e-7], [1e6, 2e6, 3e6]):
        plan = plan_network(_net(weights))
        (table,) = Simulator(_net(weights)).tables
        codes = table.index[0].astype(np.uint32).view(np.int32) >> plan.index_bits
        given = np.unique(np.rint(np.array(weights, np.float32) / plan.scale("out", 0)))
        assert np.array_equal(given, np.unique(codes))
        assert np.abs(given).max() < 1 << (31 - plan.index_bits)


def test_a_neuron_with_far_more_synapses_than_the_mean_gets_a_coarser_unit():
    net = Network(dt=1e-3)
    net.add_input("in", 4000)
    net.add_population("out", 4000, LIF(beta=0.9))
    net.connect("in", "out", np.outer(np.ones(4000), np.arange(4000) == 0) * 1.0)
    simulator = Simulator(net)
    assert max(simulator.worst.values()) < 2**31
    v = simulator.run({"in": np.ones((1, 4000), bool)}, 1, record=("out.i",)).trace("out.i")
    assert v[0, 0] == 4000.0


def test_learning_without_bounds_needs_float64():
    from spikesim.learning import VogelsSprekeler

    net = _net([0.1])
    rule = VogelsSprekeler(eta=0.01, w_max=np.inf)
    net.connect("p0", "out", OneToOne(), weight=0.1, plasticity=rule, name="learns")
    with pytest.raises(ValidationError, match=r"'learns'.*finite w_min and w_max.*float64"):
        plan_network(net)
    plan_network(net, "float64")


@pytest.mark.parametrize("blocks", [0, -1, 1.5, "two"])
def test_blocks_that_make_no_sense_are_refused(blocks):
    with pytest.raises(ValidationError, match="blocks as an integer >= 1"):
        plan_network(_net([0.1]), n_blocks=blocks)


def test_blocks_may_be_a_numpy_integer_and_are_no_bool():
    assert plan_network(_net([0.1]), n_blocks=np.int64(2)).n_blocks == 2
    with pytest.raises(ValidationError, match="blocks as an integer"):
        plan_network(_net([0.1]), n_blocks=True)


def test_what_is_no_rule_is_refused_where_it_is_given():
    net = _net([0.1])
    with pytest.raises(ValidationError, match=r"plasticity as a rule such as .*, got 'stdp'"):
        net.connect("p0", "out", OneToOne(), weight=0.1, plasticity="stdp")


@pytest.mark.parametrize("learns", [False, True])
def test_sums_of_several_ticks_are_kept_only_where_nothing_learns(learns):
    # Rows so sparse that most pieces are empty: alone, they would share pieces among delays.
    net = Network(dt=1e-3, seed=1, units="own")
    net.add_population("a", 400, LIF(beta=0.9))
    delay = Uniform(1e-3, 30e-3)
    net.connect("a", "a", FixedProbability(0.005), weight=0.1, delay=delay)
    rule = PairSTDP(w_max=1.0) if learns else None
    net.connect("a", "a", FixedProbability(0.005), weight=0.2, delay=delay, plasticity=rule)
    plan = plan_network(net)
    assert learns == (plan.slots == 1)
    assert all(table.group_bits == 0 for table in plan.tables) == learns
