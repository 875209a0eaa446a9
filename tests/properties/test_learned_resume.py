# SPDX-License-Identifier: Apache-2.0
"""A checkpoint of a network that learns knows nothing of blocks, threads and ranks."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spikesim.core import CsrRows
from spikesim.learning import PairSTDP, RewardSTDP, TripletSTDP, TsodyksMarkram
from spikesim.network import AllToAll, FixedProbability, Network, Uniform
from spikesim.neurons import LIF
from spikesim.sim import Poisson, Simulator
from spikesim.sim.layout import tables
from tests.reference.thread_ranks import run_ranks

RULES = (
    PairSTDP(0.5, a_plus=0.05, a_minus=0.04),
    TripletSTDP(0.5, 0.01, 0.02, 0.03, 0.01),
    TsodyksMarkram(0.3, 0.05, 0.1),
    RewardSTDP(0.5, 0.05, 0.04),
)
DRIVE = {"in": Poisson(200.0)}


def unsorted_rows(n, seed):
    """Rows whose targets stand in any order and repeat."""
    rng = np.random.default_rng(seed)
    indptr = np.append(0, np.cumsum(rng.integers(0, 9, n)))
    targets, delays = rng.integers(0, n, indptr[-1]), rng.integers(1, 4, indptr[-1])
    return CsrRows(indptr, targets, rng.uniform(0.0, 0.3, indptr[-1]), delays, n)


@st.composite
def nets(draw, rules=RULES):
    n = draw(st.integers(1, 12))
    net = Network(dt=1e-3, seed=draw(st.integers(0, 1000)))
    net.add_input("in", 7)
    bursts = st.sampled_from([0.0, 0.4])  # with the bias a target fires so often that rings fill
    net.add_population("a", n, LIF(beta=0.8, v_th=0.6, bias=draw(bursts)))
    net.connect("in", "a", AllToAll(), weight=0.3, plasticity=draw(st.sampled_from(rules)))
    learns = {k: draw(st.sampled_from(rules)) for k in ("drawn", "given")}
    net.connect("a", "a", FixedProbability(0.5), weight=Uniform(0.0, 0.3),
                delay=Uniform(1e-3, 6e-3), plasticity=learns["drawn"], name="drawn")  # fmt: skip
    net.connect("a", "a", unsorted_rows(n, net.seed), plasticity=learns["given"], name="given")
    return net


def _start(net, dtype, blocks, threads, comm=None, resume=None):
    simulator = Simulator(net, dtype=dtype, blocks=blocks, threads=threads, comm=comm)
    return simulator.start(DRIVE, 260, seed=1, resume=resume)


def _bits(session, net):
    rows = [session.weights(name) for name in net.projections]
    columns = [c.tobytes() for row in rows for c in (row.targets, row.weights, row.delays)]
    recording = session.finish()
    spikes = [t for trains in recording.spikes.values() for t in (trains.ticks, trains.index)]
    return columns, [s.tolist() for s in spikes]


def _play(session, net, until):
    for name, projection in net.projections.items():
        if isinstance(projection.plasticity, RewardSTDP):
            session.reward(name, 0.3)
    session.advance(until - session.tick)


@pytest.fixture
def _cut(monkeypatch):
    """Cut tables between threads that would be too small for it."""
    monkeypatch.setattr(tables, "CHUNK", 3)


@pytest.mark.usefixtures("_cut")
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
@given(
    net=nets(),
    dtype=st.sampled_from(["float32", "float64"]),
    before=st.tuples(st.integers(1, 4), st.integers(1, 2)),
    after=st.tuples(st.integers(1, 4), st.integers(1, 2)),
    cut=st.integers(0, 180),
)
def test_what_was_learned_goes_on_in_any_blocks_and_threads(
    tmp_path_factory, net, dtype, before, after, cut
):
    path = tmp_path_factory.getbasetemp() / "resumed"
    whole, first = _start(net, dtype, 1, 1), _start(net, dtype, *before)
    for session in (whole, first):
        _play(session, net, cut)
    first.save(path)
    rest = _start(net, dtype, *after, resume=path)
    for session in (whole, rest):
        _play(session, net, 260)
    weights, spikes = _bits(whole, net)
    early, late = _bits(first, net)[1], _bits(rest, net)
    assert weights == late[0]
    assert spikes == [a + b for a, b in zip(early, late[1], strict=True)]


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    net=nets(rules=RULES[:1]),
    before=st.integers(1, 3),
    after=st.integers(1, 3),
    more_blocks=st.integers(0, 2),
    cut=st.integers(0, 180),
)
def test_what_was_learned_goes_on_in_any_number_of_processes(
    tmp_path_factory, net, before, after, more_blocks, cut
):
    path = tmp_path_factory.getbasetemp() / "ranks"
    whole = _start(net, "float32", 1, 1)
    whole.advance(260)

    def first(comm=None):
        session = _start(net, "float32", before + more_blocks, 1, comm)
        session.advance(cut)
        session.save(path)

    def rest(comm=None):
        session = _start(net, "float32", after, 1, comm, path)
        session.advance(260 - cut)
        return _bits(session, net)

    run_ranks(before, first) if before > 1 else first()
    late = run_ranks(after, rest)[0] if after > 1 else rest()
    weights, spikes = _bits(whole, net)
    assert weights == late[0]
    for all_of_them, last in zip(spikes, late[1], strict=True):
        assert last == all_of_them[len(all_of_them) - len(last) :]
