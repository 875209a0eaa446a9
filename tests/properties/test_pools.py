# SPDX-License-Identifier: Apache-2.0
"""Populations that one kernel updates run as if each had a kernel of its own."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikesim.kernels.loop import collect
from spikesim.network import FixedInDegree, Network
from spikesim.neurons import LIF, LIFDelta, LIFExp, Parrot
from spikesim.sim import Poisson, Simulator
from spikesim.sim.layout import channels, plan
from spikesim.sim.layout import pools as pools_module
from spikesim.sim.layout.pools import accumulator_order, pools_of
from spikesim.sim.run import state, updating

MODELS = (
    LIFDelta(tau_mem=20e-3, v_th=1.0),
    LIFDelta(tau_mem=10e-3, v_th=1.0, t_ref=2e-3),
    LIFExp(tau_mem=20e-3, v_th=1.0, tau_syn={"exc": 5e-3, "inh": 10e-3}),
    LIF(beta=0.9, refractory_ticks=2),
    Parrot(merge=True),
)


def _net(kinds, sizes, starts, seed, step=0.1):
    """Every population hears the input and the one before it."""
    net = Network(1e-3, seed=seed, units="own")
    net.add_input("in", 20)
    before = "in"
    for k, (kind, n, start) in enumerate(zip(kinds, sizes, starts, strict=True)):
        model = MODELS[kind]
        net.add_population(f"p{k}", n, model, start_tick=start)
        for pre in dict.fromkeys(("in", before)):
            weight = 1.0 if isinstance(model, Parrot) else 0.4 + step * k
            for receptor in model.receptors:
                # Inhibition is weaker, so that cells fire.
                share = 1.0 if receptor == model.receptors[0] else -0.25
                net.connect(
                    pre, f"p{k}", FixedInDegree(4, multapses=True), weight=weight * share,
                    delay_ticks=1, receptor=receptor, name=f"{pre}{k}{receptor}",
                )  # fmt: skip
        before = f"p{k}"
    return net


@st.composite
def nets(draw):
    count = draw(st.integers(1, 8))
    column = st.lists(st.integers(0, len(MODELS) - 1), min_size=count, max_size=count)
    # Mostly of one kind, so that pools are long.
    kinds = draw(st.one_of(st.integers(0, 3).map(lambda kind: [kind] * count), column))
    size = st.sampled_from([1, 3, 15, 63, 64, 65, 80, 128])
    sizes = draw(st.lists(size, min_size=count, max_size=count))
    late = st.lists(st.integers(0, 3), min_size=count, max_size=count)
    starts = draw(st.one_of(st.just([0] * count), late))
    return _net(kinds, sizes, starts, draw(st.integers(0, 1000)))


def _run(net, dtype, blocks, changed):
    cells = [name for name, p in net.populations.items() if "v" in p.neuron.states]
    record = ("spikes", *(f"{name}.v" for name in cells))
    session = Simulator(net, dtype=dtype, blocks=blocks).start(
        {"in": Poisson(150.0)}, 60, seed=3, record=record
    )
    session.advance(20)
    if changed:
        # Its neighbours in the pool keep theirs.
        name = changed[0]
        lif = isinstance(net.populations[name].neuron, LIF)
        session.neurons[name]["v_th" if lif else "tau_mem"] = 0.7 if lif else 5e-3
    session.advance(15)
    session.clear()
    session.advance(25)
    recording = session.finish()
    spikes = [(t.ticks.tolist(), t.index.tolist()) for t in recording.spikes.values()]
    return spikes, {name: trace.tobytes() for name, trace in recording.traces.items()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@settings(max_examples=25, deadline=None)
@given(net=nets(), blocks=st.integers(1, 3), data=st.data())
def test_pools_change_no_bit(dtype, net, blocks, data):
    able = [n for n, p in net.populations.items() if not isinstance(p.neuron, Parrot)]
    changed = data.draw(st.lists(st.sampled_from(able), max_size=1)) if able else []
    found = _run(net, dtype, blocks, changed)
    with pytest.MonkeyPatch.context() as patch:
        alone = [[name] for name in net.populations]
        order = [(name, receptor) for name, p in net.populations.items()
                 for receptor in range(len(p.neuron.receptors))]  # fmt: skip
        for module in (pools_module, state):
            patch.setattr(module, "pools_of", lambda _: alone)
        for module in (channels, plan):
            patch.setattr(module, "accumulator_order", lambda _: order)
        assert _run(net, dtype, blocks, changed) == found


def test_a_thousand_populations_of_one_kind_take_one_update():
    net = _net([0] * 1000, [10] * 1000, [0] * 1000, 1, step=0.0)
    simulator = Simulator(net)
    session = simulator.start({}, 10)
    run = session._run
    bound = updating.updates(simulator.plan, run.state, 0, run.models, run._constants)
    assert len(bound) == 2
    assert len(pools_of(net)) == 1


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ([63, 63], [2]), ([63, 64], [1, 1]), ([64, 64], [2]), ([65, 64], [1, 1]), ([65, 63], [2]),
        ([64, 80, 128, 63, 64], [4, 1]),
    ],
)  # fmt: skip
def test_no_gap_lies_within_a_pool(sizes, expected):
    """Slices of 64 neurons and more begin at cache lines."""
    net = _net([2] * len(sizes), sizes, [0] * len(sizes), 1)
    assert [len(pool) for pool in pools_of(net)] == expected
    plan_ = Simulator(net).plan
    for pool in pools_of(net):
        for receptor in (0, 1):
            at = plan_.bases(0)[pool[0], receptor]
            for name in pool:
                assert plan_.bases(0)[name, receptor] == at
                at += net.populations[name].n
    assert [channel[:1] for channel in accumulator_order(net)][:1] == [("p0",)]


@settings(max_examples=100, deadline=None)
@given(sizes=st.lists(st.sampled_from([0, 1, 5, 63, 64, 65, 130]), min_size=1, max_size=6),
       share=st.sampled_from([0.0, 0.02, 0.5, 1.0]), seed=st.integers(0, 2**32 - 1),
       before=st.integers(0, 3))  # fmt: skip
def test_spikes_are_collected_by_population(sizes, share, seed, before):
    rng = np.random.default_rng(seed)
    edges = np.cumsum([0, *sizes])
    firsts = rng.integers(0, 1000, len(sizes))
    flags = np.zeros(max(-(-int(edges[-1]) // 64) * 64, 0), np.uint8)
    flags[: edges[-1]] = rng.random(edges[-1]) < share
    marks = np.full((1, before + len(sizes) + 2), -7, np.int64)
    marks[0, : before + 1] = 4
    if before == 0:
        marks[0, 0] = 0
    count = int(marks[0, before])
    fired = np.zeros(1000, np.int32)
    collect(5, flags, edges, firsts, before, np.array([5]), fired, marks)
    for k, (lo, hi) in enumerate(pairwise(edges)):
        mine = np.flatnonzero(flags[lo:hi]) + firsts[k]
        part = fired[marks[0, before + k] : marks[0, before + k + 1]]
        assert part.tolist() == mine.tolist()
        count += mine.size
    assert marks[0, before + len(sizes)] == count
    assert marks[0, -1] == -7
