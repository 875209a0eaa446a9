# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest

from spikesim.errors import CompileError
from spikesim.hw.compile import Compilation
from spikesim.hw.compile.check import (
    accumulator_warnings,
    check_network,
    check_quantized,
    event_problems,
    event_warnings,
)
from spikesim.hw.compile.pipeline import compile_network
from spikesim.hw.compile.quantize import quantize
from spikesim.hw.config import CoreConfig
from spikesim.network import Network
from spikesim.neurons import LIF

CORE = CoreConfig(
    n_neurons=32, n_axons=8, lanes=4, delay_slots=4, n_segments=64, n_populations=2, spike_queue=64
)


def net_with(n_in=2, sizes=(4,), delay=0, start_tick=0, **neuron):
    net = Network(1e-3)
    net.add_input("in", n_in)
    for k, n in enumerate(sizes):
        net.add_population(f"p{k}", n, LIF(beta=0.5, **neuron), start_tick=start_tick)
    if sizes:
        net.connect("in", "p0", np.ones((n_in, sizes[0])), delay_ticks=delay)
    return net


def integers(net):
    return quantize(Compilation(net, CORE)).quantized


def test_a_network_that_just_fits_has_no_problem():
    assert [] == check_network(net_with(8, (16, 16), 3, refractory_ticks=255), CORE)


@pytest.mark.parametrize(
    ("net", "need", "limit", "change"),
    [
        (net_with(9), "need 9 axons", "has 8", "larger A"),
        (net_with(sizes=(16, 17)), "need 9 groups", "has 8", "larger N"),
        (net_with(sizes=(1, 1, 1)), "need 3 records", "has 2", "merge populations"),
        (net_with(delay=4), "got 4", "at most 3 ticks", "larger D"),
        (net_with(refractory_ticks=256), "got 256", "<= 255", "longer dt"),
        (net_with(start_tick=65536), "got 65536", "<= 65535", ""),
    ],
)
def test_each_limit_names_need_limit_and_what_to_change(net, need, limit, change):
    (problem,) = check_network(net, CORE)
    for part in (need, limit, change):
        assert part in problem


@pytest.mark.parametrize(("delay", "legal"), [(4, True), (5, False)])
def test_delays_between_populations_reach_one_tick_further(delay, legal):
    net = net_with(sizes=(2, 2))
    net.connect("p0", "p1", np.ones((2, 2)), delay_ticks=delay)
    assert legal == (check_network(net, CORE) == [])


def test_one_population_cannot_hold_two_initial_membranes():
    net = net_with(sizes=(2,), v_init=[0.1, 0.4])
    quantized = integers(net)
    (problem,) = check_quantized(net, quantized, CORE)
    assert "expected one v_init" in problem
    assert "split the population" in problem


def test_worst_case_of_an_accumulator_is_a_warning():
    net = Network(1e-3)
    net.add_input("in", 300)
    net.add_population("p0", 1, LIF(beta=0.5))
    net.connect("in", "p0", np.ones((300, 1)))
    (warning,) = accumulator_warnings(integers(net))
    assert "38100" in warning  # 300 * 127
    assert [] == accumulator_warnings(integers(net_with()))


def test_events_of_one_step_are_limited_by_the_event_queue():
    assert [] == event_problems(CORE, None) == event_problems(CORE, 511)
    assert "at most 511" in event_problems(CORE, 512)[0]
    net = Network(1e-3)
    net.add_input("in", 512)
    assert "512 lines could fire" in event_warnings(net, CORE)[0]


def test_what_only_the_float_engine_knows_is_named():
    from spikesim.learning import PairSTDP
    from spikesim.neurons import LIFAlpha

    net = Network(dt=1e-3)
    net.add_population("cells", 2, LIFAlpha())
    net.add_population("out", 2, LIF(beta=0.9))
    net.connect("cells", "out", np.eye(2), plasticity=PairSTDP(w_max=2.0), name="learns")
    with pytest.raises(CompileError) as caught:
        compile_network(net)
    assert len(caught.value.problems) == 2
    assert (
        "'cells': LIFAlpha: expected a leaky integrator of one current" in caught.value.problems[0]
    )
    assert "'learns': expected fixed weights, got the rule PairSTDP" in caught.value.problems[1]
