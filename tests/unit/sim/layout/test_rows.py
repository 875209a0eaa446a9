# SPDX-License-Identifier: Apache-2.0
"""Rows of many projections, uneven ones, and those of wide entries."""

import tracemalloc

import numpy as np
import pytest

from spikesim import Network, Poisson, Simulator
from spikesim.kernels.deliver import PACKED, WIDE
from spikesim.network import AllToAll, FixedInDegree, FixedTotalNumber, Normal, OneToOne, Uniform
from spikesim.neurons import LIFDelta
from spikesim.sim.layout import plan as plans
from spikesim.sim.layout import rows
from spikesim.sim.layout.plan import plan_network
from spikesim.sim.layout.tables import build_tables
from spikesim.sim.parallel.mpi import Ranks

CELL = LIFDelta(tau_mem=20e-3, v_rest=0.0, v_th=20e-3, v_reset=10e-3, t_ref=2e-3)
DRIVE = {"in": Poisson(9000.0, counts=True)}


def many(populations, per, n=5):
    """``per`` projections of 20 synapses from each population, to the next ones."""
    net = Network(1e-4, seed=1)
    for k in range(populations):
        net.add_population(f"p{k}", n, CELL)
    for k in range(populations * per):
        pre, post = k % populations, (k * 7 + k // populations) % populations
        weight = (1 + k % 11) * 1e-5
        net.connect(f"p{pre}", f"p{post}", FixedTotalNumber(20), weight=weight, name=f"c{k}")
    return net


def peak_of_build(net):
    plan = plan_network(net)
    build_tables(plan, 1, Ranks())  # compiles, and draws the degrees, which are kept
    tracemalloc.start()
    build_tables(plan, 1, Ranks())
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


def test_building_takes_memory_as_the_projections_and_not_as_their_square():
    small, large = (peak_of_build(many(populations, 5)) for populations in (60, 240))
    # Four times as many of everything; an array of projections x rows grew 16 times.
    assert large < 5 * small


def test_many_populations_are_those_of_one_cut_into_parts():
    """Pieces of a matrix between the parts of a population deliver what the matrix does."""
    rng = np.random.default_rng(3)
    weights = (rng.random((60, 60)) < 0.2) * rng.integers(-40, 80, (60, 60)) * 2.0**-16
    whole, parts = Network(1e-4), Network(1e-4)
    for net, n in ((whole, 60), (parts, 4)):
        for k in range(60 // n):
            net.add_input(f"d{k}", n)
            net.add_population(f"p{k}", n, CELL)
            net.connect(f"d{k}", f"p{k}", OneToOne(), weight=2.0**-8)
        for a in range(0, 60, n):
            for b in range(0, 60, n):
                net.connect(f"p{a // n}", f"p{b // n}", weights[a : a + n, b : b + n])
    raster = rng.random((300, 60)) < 0.05
    spikes = {}
    for net, n in ((whole, 60), (parts, 4)):
        inputs = {f"d{k}": raster[:, k * n : (k + 1) * n] for k in range(60 // n)}
        for options in ({}, {"blocks": 3, "threads": 2}):
            done = Simulator(net, **options).run(inputs, 300)
            fired = np.concatenate([done.raster(f"p{k}") for k in range(60 // n)], axis=1)
            spikes.setdefault(n, fired)
            assert np.array_equal(fired, spikes[n])
    assert spikes[60].sum() > 100
    assert np.array_equal(spikes[60], spikes[4])


@pytest.mark.parametrize("spare", [0, 1, 1024])
def test_blocks_that_get_more_synapses_than_expected_grow(monkeypatch, spare):
    """Sources in one half of the rows go to one block only, then the others come."""
    monkeypatch.setattr(rows, "_SPARE", spare)
    monkeypatch.setattr(rows, "_SIGMAS", 0.0)
    monkeypatch.setattr(rows, "CHUNK", 50)
    net = Network(1e-4, seed=1)
    net.add_input("in", 200)
    net.add_population("E", 200, CELL)
    net.connect("in", "E", OneToOne(), weight=1e-3)
    near = np.abs(np.subtract.outer(np.arange(200), np.arange(200))) < 6
    net.connect("E", "E", near * np.linspace(1e-5, 1e-3, 200), name="band")
    whole = Simulator(net, blocks=1)
    cut = Simulator(net, blocks=5)
    for simulator in (whole, cut):
        assert sum(index.size for t in simulator.tables for index in t.index) == near.sum() + 200
    assert whole.run(DRIVE, 300, seed=1).same_spikes(cut.run(DRIVE, 300, seed=1))


def test_room_grows_exactly_when_it_is_full():
    room = rows._Room(np.array([3, 4]), np.uint32, True)
    assert room.holding(np.array([3, 4])) is room
    room.index[:3], room.exact[3:7] = [1, 2, 3], [4.0, 5.0, 6.0, 7.0]
    room.used[:] = 3, 4
    wider = room.holding(np.array([1, 0]))
    assert wider is not room
    assert wider.block(0, True)[0].tolist() == [1, 2, 3]
    assert wider.block(1, True)[1].tolist() == [4.0, 5.0, 6.0, 7.0]
    assert wider.block(1, False)[0].size == 0
    assert wider.holding(np.array([3, 0])) is wider
    assert wider.holding(np.array([4, 0])) is not wider


def recurrent(n=400, delay=1.5e-3, weight=None, k=30):
    net = Network(1e-4, seed=1)
    net.add_input("in", n)
    net.add_population("E", n, CELL)
    net.connect("in", "E", OneToOne(), weight=1e-3)
    net.connect("E", "E", FixedInDegree(k), weight=weight or Normal(2e-4, 2e-5), delay=delay)
    return net


def test_entries_are_wide_only_where_32_bits_cannot_name_the_target():
    # At least 15 bits of weight: 17 name the target.
    for n, mode in ((1 << 17, PACKED), ((1 << 17) + 1, WIDE)):
        net = Network(1e-4)
        net.add_population("E", n, CELL)
        net.connect("E", "E", FixedInDegree(1), weight=Normal(1e-4, 1e-5))
        assert plan_network(net, n_blocks=1).tables[0].mode == mode
        assert plan_network(net, n_blocks=2).tables[0].mode == PACKED


@pytest.mark.parametrize("delay", [1.5e-3, Uniform(1e-4, 5e-3)])
def test_wide_entries_deliver_what_packed_ones_do(monkeypatch, delay):
    packed = Simulator(recurrent(delay=delay))
    assert [t.plan.mode for t in packed.tables if not t.plan.from_inputs] == [PACKED]
    make = plans.plan_table
    monkeypatch.setattr(
        plans, "plan_table", lambda mode, *rest: make(WIDE if mode == PACKED else mode, *rest)
    )
    wide = Simulator(recurrent(delay=delay))
    assert [t.plan.mode for t in wide.tables if not t.plan.from_inputs] == [WIDE]
    assert wide.tables[-1].index[0].dtype == np.uint64
    first = packed.run(DRIVE, 600, seed=2)
    assert len(first.spikes["E"]) > 1000
    assert first.same_spikes(wide.run(DRIVE, 600, seed=2))


@pytest.mark.parametrize("weight", [2e-4, Normal(2e-4, 2e-5)])
def test_sparse_rows_cover_many_delays_with_a_piece_and_keep_every_spike(weight, tmp_path):
    """Delays of 1 to 300 ticks, 3 synapses a row; beside it a dense projection."""

    def net():
        made = recurrent(delay=Uniform(1e-4, 0.03), weight=weight, k=3)
        made.connect("E", "E", AllToAll(), weight=-1e-5, delay=1e-3, name="dense")
        return made

    simulator = Simulator(net())
    sparse = next(t for t in simulator.plan.tables if t.longest > 200)
    assert sparse.group_bits >= 3
    whole = simulator.run(DRIVE, 900, seed=2, record=("spikes", "E.v"))
    assert len(whole.spikes["E"]) > 1000
    assert simulator.plan.slots > 1
    for options in ({"blocks": 4}, {"threads": 2}):
        other = Simulator(net(), **options)
        again = other.run(DRIVE, 900, seed=2, record=("spikes", "E.v"))
        assert whole.same_spikes(again)
        assert np.array_equal(whole.trace("E.v"), again.trace("E.v"))
    # Far from a window's end, and so that sums of many ticks are pending.
    session = simulator.start(DRIVE, 900, seed=2)
    for ticks in (1, 400, 7, 1):
        session.advance(ticks)
    session.save(tmp_path / "c")
    rest = Simulator(net(), blocks=3).run(DRIVE, 900, seed=2, resume=tmp_path / "c")
    late = whole.spikes["E"].ticks >= 409
    assert np.array_equal(whole.spikes["E"].ticks[late], rest.spikes["E"].ticks)
    assert np.array_equal(whole.spikes["E"].index[late], rest.spikes["E"].index)


@pytest.mark.parametrize(("k", "grouped"), [(10, False), (9, True)])
def test_delays_are_grouped_where_a_piece_holds_less_than_a_synapse(k, grouped):
    net = Network(1e-4)
    net.add_population("E", 1 << 17, CELL)
    net.connect("E", "E", FixedInDegree(k), weight=1e-4, delay=Uniform(0.6e-4, 10.4e-4))
    plan = plan_network(net, n_blocks=1)
    assert (plan.tables[0].shortest, plan.tables[0].longest) == (1, 10)
    assert (plan.tables[0].group_bits > 0) is grouped


@pytest.mark.parametrize(("k", "blocks"), [(39, 1), (80, 1), (159, 1), (160, 4), (1000, 4)])
def test_rows_are_cut_so_that_sums_fit_the_cache_into_pieces_of_forty_synapses(k, blocks):
    net = Network(1e-4)
    net.add_population("E", 1 << 18, CELL)
    net.connect("E", "E", FixedInDegree(k), weight=1e-5, delay=1e-3)
    assert plan_network(net).n_blocks == blocks
    assert plan_network(net, threads=3).n_blocks == max(blocks, 3)
