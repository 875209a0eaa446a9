# SPDX-License-Identifier: Apache-2.0
"""When spikes of the targets reach the weights: as the user says, with the same result."""

import numpy as np
import pytest

import spikesim
from spikesim import Network, Poisson, Simulator, ValidationError, Weights, simulate
from spikesim.learning import PairSTDP, RewardSTDP, TripletSTDP
from spikesim.network import AllToAll, FixedProbability, Uniform
from spikesim.neurons import LIFDelta

STEPS = 300


def network(rule):
    net = Network(dt=1e-3, seed=3)
    net.add_input("in", 60)
    cell = LIFDelta(tau_mem=20e-3, v_rest=0.0, v_th=1.0, v_reset=0.0, current=1.1)
    net.add_population("out", 40, cell)
    net.connect("in", "out", AllToAll(), weight=1e-3, name="fixed")
    net.connect(
        "in", "out", FixedProbability(0.4), weight=Uniform(5e-3, 15e-3), delay=2e-3, name="a",
        plasticity=rule,
    )  # fmt: skip
    net.connect(
        "out", "out", FixedProbability(0.3), weight=1e-2, delay=Uniform(1e-3, 4e-3), name="b",
        plasticity=rule,
    )  # fmt: skip
    return net


def run(net, rate=40.0, **options):
    record = ["spikes", Weights("a", every=50), Weights("b", every=99)]
    return simulate(net, {"in": Poisson(rate)}, STEPS, seed=2, record=record, **options)


@pytest.mark.parametrize(
    "rule", [TripletSTDP(0.02), PairSTDP(0.02, pairing="nearest"), RewardSTDP(0.02)], ids=repr
)
@pytest.mark.parametrize("rate", [2.0, 100.0])  # traces one by one, and for all targets at once
def test_generated_rules_give_the_same_bits_either_way(rule, rate):
    net = network(rule)
    expected = run(net, rate)
    assert 100 < len(expected.spikes["out"]) < 1200
    for options in ({}, {"blocks": 3, "threads": 2}):
        found = run(net, rate, updates="immediate", **options)
        assert expected.same_spikes(found)
        for name in ("a.w", "b.w"):
            assert np.array_equal(expected.trace(name), found.trace(name))


def test_additive_pairs_agree_to_a_millionth_of_the_largest_weight():
    net = network(PairSTDP(0.02))
    expected, found = run(net), run(net, updates={"a": "immediate"})
    assert np.abs(expected.trace("a.w") - found.trace("a.w")).max() <= 1e-6 * 0.02
    exact = [run(net, dtype="float64", updates=u).trace("b.w") for u in (None, "immediate")]
    assert np.array_equal(*exact)


def test_a_matrix_may_be_deferred_or_immediate_too():
    net = Network(dt=1e-3, seed=3)
    net.add_input("in", 60)
    net.add_population("out", 40, LIFDelta(tau_mem=20e-3, v_rest=0.0, v_th=1.0, v_reset=0.0))
    net.connect("in", "out", AllToAll(), weight=0.1, name="m", plasticity=TripletSTDP(0.2))
    runs = [simulate(net, {"in": Poisson(40.0)}, STEPS, record=Weights("m", every=50), updates=u)
            for u in (None, "deferred", "immediate")]  # fmt: skip
    assert "as a full matrix" in spikesim.explain(net)
    for other in runs[1:]:
        assert np.array_equal(runs[0].trace("m.w"), other.trace("m.w"))


def test_explain_says_which_way():
    net = network(TripletSTDP(0.02))
    assert spikesim.explain(net).count("at the next arrival") == 2
    text = spikesim.explain(net, updates={"b": "immediate"}).splitlines()
    assert ["(b)" in line for line in text if "at once through a column index" in line] == [True]
    assert Simulator(net, updates="immediate").plan.updates == {"a": "immediate", "b": "immediate"}


@pytest.mark.parametrize(
    ("updates", "message"),
    [
        ("soon", "expected updates as one of .*'deferred', 'immediate'.*, got 'soon'"),
        ({"a": "dense"}, "got 'dense'"),
        ({"fixed": "immediate"}, r"projections that learn, \['a', 'b'\], got 'fixed'"),
    ],
)
def test_what_is_no_way_is_refused(updates, message):
    with pytest.raises(ValidationError, match=message):
        Simulator(network(TripletSTDP(0.02)), updates=updates)


@pytest.mark.parametrize("rule", [TripletSTDP(0.02), PairSTDP(0.02)], ids=repr)
def test_a_checkpoint_goes_on_with_its_own_updates_only(tmp_path, rule):
    drive = {"in": Poisson(40.0)}
    now, later = (Simulator(network(rule), updates=u) for u in ("immediate", None))
    whole = now.run(drive, 200, record=Weights("b", 199))
    now.run(drive, 100, checkpoint=tmp_path / "c")
    rest = now.run(drive, 200, record=Weights("b", 199), resume=tmp_path / "c")
    assert np.array_equal(whole.trace("b.w")[-1], rest.trace("b.w")[-1])
    with pytest.raises(ValidationError, match="dtype and updates of the checkpoint"):
        later.run(drive, 200, resume=tmp_path / "c")


def test_weights_are_read_in_the_order_of_the_rows():
    net = network(TripletSTDP(0.02))
    session = Simulator(net, blocks=3).start({"in": Poisson(40.0)}, 10, record=Weights("b", 1))
    before = session.weights("b")
    assert np.array_equal(before.to_dense(), net.projections["b"].rows.to_dense())
    session.advance(10)
    after = session.weights("b")
    assert np.array_equal(after.targets, before.targets)
    assert np.array_equal(session.finish().trace("b.w")[-1], after.weights)
