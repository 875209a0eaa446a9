# SPDX-License-Identifier: Apache-2.0
"""Projections onto one population share what its neurons remember, and learn as if alone."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikesim.errors import ValidationError
from spikesim.kernels.deliver import list_due, list_due_of_many
from spikesim.kernels.post_history import PostHistory
from spikesim.learning import PairSTDP, RewardSTDP
from spikesim.network import FixedTotalNumber, Network, Uniform
from spikesim.neurons import LIF
from spikesim.sim import Poisson, Simulator
from spikesim.sim.run.due import _index
from tests.properties.test_learning import PAIRS, RULES, runs
from tests.reference.plastic_drive import Drive

OTHERS = {
    PAIRS[0]: replace(PAIRS[0], w_max=2.0, a_plus=0.2),
    PAIRS[1]: replace(PAIRS[1], a_minus=0),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("rule", [*PAIRS[:2], *RULES], ids=repr)
@settings(max_examples=25, deadline=None)
@given(run=runs(), events=st.lists(st.tuples(st.integers(0, 399), st.integers(0, 3)), max_size=4))
def test_blocks_that_share_a_history_learn_as_those_that_do_not(rule, dtype, run, events):
    unit, pre, post = run
    rules = rule, OTHERS.get(rule, rule), rule
    arrivals = pre, pre[:, ::-1], pre & False  # the last one only hears of post spikes
    history = PostHistory(rule, 1e-3, 3, dtype, "deferred")
    alone = [Drive(r, unit * min(r.w_max, 1.0), dtype=dtype) for r in rules]
    together = [Drive(r, unit * min(r.w_max, 1.0), dtype=dtype, history=history) for r in rules]
    for tick in range(len(pre)):
        # What is done to one projection must not reach the others.
        for kind in [kind for when, kind in events if when == tick]:
            for drives in (alone, together):
                block = drives[kind % 3].block
                block.flush(tick) if kind < 3 else block.normalize(tick, 0.7)
            if kind == 2:
                history.rebase(tick)
        for one, other, spikes in zip(alone, together, arrivals, strict=True):
            sums = one.tick(tick, spikes[tick], post[tick]), other.deliver(tick, spikes[tick])
            assert sums[0].tolist() == sums[1].tolist()
        together[0].enter(tick, post[tick])
    for one, other in zip(alone, together, strict=True):
        assert one.block.read(len(pre)).tolist() == other.block.read(len(pre)).tolist()


def test_a_history_of_another_form_is_refused():
    rule, weights = PAIRS[0], np.full((4, 3), 0.5)
    history = PostHistory(rule, 1e-3, 3, "float32", "deferred")
    Drive(replace(rule, w_max=0.9, a_plus=0.01), weights, history=history)
    for other in (replace(rule, tau_plus=0.021), replace(rule, tau_minus=0.02), RULES[0]):
        with pytest.raises(ValidationError, match="expected a history of 3 targets"):
            Drive(other, weights, history=history)
    for how in ({"dtype": "float64"}, {"method": "immediate"}, {"dt": 2e-3}):
        with pytest.raises(ValidationError, match="give each block one of its own"):
            Drive(rule, weights, history=history, **how)
    with pytest.raises(ValidationError, match="expected a history of 2 targets"):
        Drive(rule, weights[:, :2], history=history)
    # Post spikes of these methods change weights at once, so each needs kernels of its own.
    own = PostHistory(rule, 1e-3, 3, "float32", "immediate")
    first = Drive(rule, weights, "immediate", history=own)
    with pytest.raises(ValidationError, match="'immediate' rules"):
        Drive(rule, weights, "immediate", history=own)
    assert own.blocks == [first.block]


def _net(projections):
    net = Network(dt=1e-3, seed=5)
    net.add_input("in", 40)
    net.add_population("a", 40, LIF(beta=0.8, v_th=0.6))
    net.connect("in", "a", FixedTotalNumber(400), weight=0.2)
    rules = PairSTDP(0.5, 0.05, 0.04), PairSTDP(0.4, 0.01, 0.02), RewardSTDP(0.5, 0.05, 0.04)
    for k in range(projections):
        net.connect("a" if k % 4 else "in", "a", FixedTotalNumber(60), weight=Uniform(0.0, 0.3),
                    delay=2e-3, plasticity=rules[k % 3], name=f"c{k}")  # fmt: skip
    return net


@pytest.mark.parametrize("blocks", [1, 3])
def test_many_projections_of_a_network_learn_as_if_each_had_its_own(monkeypatch, blocks):
    net = _net(12)
    found, sizes = [], []
    for shared in (True, False):
        if not shared:
            monkeypatch.setattr("spikesim.sim.run.learners.PostHistory", _Alone)
        session = Simulator(net, blocks=blocks).start({"in": Poisson(60.0)}, 400, seed=2)
        session.advance(150)
        session.reward("c2", 0.4)
        session.normalize("c1", 0.5)
        session.advance(250)
        sizes.append(session.memory["plastic"])
        weights = [session.weights(f"c{k}").weights.tolist() for k in range(12)]
        found.append((weights, session.events, session.finish().spikes["a"].index.tolist()))
    assert found[0] == found[1]
    # Eight pairs share one history and four rewards another, instead of twelve.
    ring = 64 * 4 + 32 + 16
    assert sizes[1] - sizes[0] > 7 * 40 * ring


class _Alone(PostHistory):
    """Fits no other projection."""

    @staticmethod
    def form_of(*_):
        return object()


@settings(max_examples=50, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1), tables=st.integers(2, 5), groups=st.integers(1, 3),
    blocks=st.integers(1, 2),
)  # fmt: skip
def test_one_look_for_many_tables_lists_what_a_look_for_each_does(seed, tables, groups, blocks):
    rng = np.random.default_rng(seed)
    sources, rows = 6, 8
    offsets = [
        np.append(0, np.cumsum(rng.integers(0, 3, sources * groups))).astype(np.uint32)
        for _ in range(tables)
    ]
    marks = np.zeros((blocks, rows, 2), np.int64)
    fired = np.zeros((blocks, rows * 9), np.int32)
    for block in range(blocks):
        counts = rng.integers(0, 4, rows)
        marks[block, :, 1] = np.cumsum(counts)
        marks[block, 1:, 0] = marks[block, :-1, 1]
        fired[block, : counts.sum()] = rng.integers(0, 9, counts.sum())  # some from elsewhere
    spikes = np.zeros(1, np.int64), fired, marks, np.array([0, 1, 2, 2 + sources])
    group = np.array([groups, 0, 1, 1, groups])
    room = 100
    apart, events = [], np.zeros(2, np.int64)
    for part in offsets:
        lists, n = np.zeros((3, room), np.int64), np.zeros(1, np.int64)
        list_due(rows - 1, *spikes, group, part, *lists, n, events[:1])
        apart.append(lists[:, : n[0]].tolist())
    first, entries, begin = _index(offsets)
    lists, n = np.zeros((3, tables * room), np.int64), np.zeros(tables, np.int64)
    begin = np.arange(tables) * room  # fired more than once here, so rows need more room
    n[:] = 7  # of the tick before
    list_due_of_many(rows - 1, *spikes, group, first, entries, begin, *lists, n, events[1:])
    assert apart == [lists[:, k * room : k * room + n[k]].tolist() for k in range(tables)]
    assert events[0] == events[1]
