# SPDX-License-Identifier: Apache-2.0
"""Sums that 32 bits cannot hold get 64; nothing else changes."""

import numpy as np
import pytest

import spikesim
from spikesim import Network, Simulator, simulate
from spikesim.network import AllToAll, FixedInDegree, Normal
from spikesim.neurons import LIFDelta
from spikesim.sim.layout.plan import plan_network
from spikesim.sim.layout.settle import largest_load, least_load, settled_plan

CELL = LIFDelta(v_rest=0.0, v_th=1e9, v_reset=0.0, tau_mem=20e-3)


def fan_in(n, targets=3, weight=1e-3):
    net = Network(dt=1e-3, units="own")
    net.add_input("in", n)
    net.add_population("out", targets, CELL)
    net.connect("in", "out", AllToAll(), weight=weight, name="all")
    return net


def reached(net, n, **options):
    inputs = {"in": np.ones((1, n), bool)}
    return simulate(net, inputs, 1, record="out.v", **options).trace("out.v")[0]


# 1e-3 is 67,109 units of 2**-26: 32,000 of them reach 2**31.
@pytest.mark.parametrize("n", [31_998, 32_000, 32_001, 32_767, 32_768, 32_769, 150_000])
def test_any_fan_in_of_equal_weights_arrives_as_a_whole(n):
    net = fan_in(n)
    plan = Simulator(net).plan
    unit = plan.scale("out", 0)
    code = int(np.rint(np.float64(np.float32(1e-3)) / unit))
    assert plan.sum_type == ("int32" if n * code < 2**31 else "int64")
    expected = np.float32(n * code) * np.float32(unit)
    for options in ({}, {"threads": 2}, {"blocks": 3}):
        assert reached(net, n, **options).tolist() == [expected] * 3
    assert abs(expected - n * 1e-3) < 1e-5 * n * 1e-3


@pytest.mark.parametrize("n", [31_000, 33_000])
def test_explain_and_the_recording_say_which_sums(n):
    net = fan_in(n)
    kind = "int64" if n > 32_000 else "int32"
    text = spikesim.explain(net)
    assert f"due-pieces-{kind}" in text
    assert ("all sums have 64 bits" in text) is (kind == "int64")
    assert simulate(net, {}, 1).meta["kernel"] == f"due-pieces-{kind}"
    assert "due-pieces-float64" in spikesim.explain(net, dtype="float64")


def test_own_weights_with_a_large_fan_in_are_the_same_for_any_blocks():
    """36,000 sources of different weights onto each of 50 neurons, and back from them."""
    net = Network(dt=1e-3, seed=2, units="own")
    net.add_input("in", 36_000)
    net.add_population("out", 50, LIFDelta(v_rest=0.0, v_th=2.0, v_reset=0.0, tau_mem=20e-3))
    net.connect("in", "out", AllToAll(), weight=Normal(1e-3, 1e-4, high=1.2e-3))
    net.connect("out", "out", FixedInDegree(9), weight=Normal(1e-4, 1e-5), delay=2e-3)
    rng = np.random.default_rng(0)
    inputs = {"in": rng.random((40, 36_000)) < 0.02}
    inputs["in"][20] = True
    first = simulate(net, inputs, 60, record=("spikes", "out.v"))
    assert first.meta["kernel"] == "due-pieces-int64"
    assert len(first.spikes["out"]) > 50
    exact = simulate(net, inputs, 60, record=("spikes", "out.v"), dtype="float64")
    assert first.trace("out.v")[20].tolist() == [0.0] * 50  # all fired
    assert np.allclose(first.trace("out.v")[:5], exact.trace("out.v")[:5], rtol=1e-3)  # 15 bits
    for options in ({"threads": 2}, {"blocks": 4}):
        again = simulate(net, inputs, 60, record=("spikes", "out.v"), **options)
        assert first.same_spikes(again)
        assert np.array_equal(first.trace("out.v"), again.trace("out.v"))


def test_given_weights_onto_one_neuron_arrive_as_a_whole():
    net = Network(dt=1e-3, units="own")
    net.add_input("in", 400_000)
    net.add_population("out", 1, CELL)
    weights = np.linspace(1, 2, 400_000, dtype=np.float32)
    net.connect("in", "out", weights[:, None])
    plan = Simulator(net).plan
    assert plan.sum_type == "int64"
    unit = plan.scale("out", 0)
    total = int(np.rint(weights.astype(np.float64) / unit).sum())
    assert reached(net, 400_000).tolist() == [np.float32(total) * np.float32(unit)]


def test_a_coarser_unit_still_comes_before_wider_sums():
    """Networks that ran with it keep their bits."""
    net = Network(dt=1e-3, units="own")
    net.add_input("in", 4000)
    net.add_population("out", 4000, CELL)
    net.connect("in", "out", np.outer(np.ones(4000), np.arange(4000) == 0) * 1.0)
    plan = Simulator(net).plan
    assert plan.sum_type == "int32"
    assert plan.scale("out", 0) == 8 * plan_network(net).scale("out", 0)
    # One neuron has them all: told without building, since the rows are there to be counted.
    assert settled_plan(net, "float32", None, 1, None).channels == plan.channels


def test_loads_bound_what_neurons_get():
    net = fan_in(1000)
    plan = plan_network(net)
    code = np.rint(np.float64(np.float32(1e-3)) / plan.scale("out", 0))
    assert least_load(plan) == 1000 * code
    bound = np.ceil(np.float64(np.float32(1e-3)) / plan.scale("out", 0))
    assert largest_load(plan) == 4 * 1000 * bound
    given = fan_in(10)
    given.connect("in", "out", np.array([[1e-3, 0, 0]] * 9 + [[0, 0, 1e-3]]), name="given")
    plan = plan_network(given)
    bound = np.ceil(np.float64(np.float32(1e-3)) / plan.scale("out", 0))
    assert largest_load(plan) == (40 + 9) * bound
    assert least_load(plan_network(given, "float64")) == 0.0
