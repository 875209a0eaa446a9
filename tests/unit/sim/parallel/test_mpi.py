# SPDX-License-Identifier: Apache-2.0

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spikesim.errors import ValidationError
from spikesim.learning import PairSTDP
from spikesim.network import FixedProbability, Network
from spikesim.neurons import LIF
from spikesim.sim import Poisson, Simulator, Trace, Weights, simulate
from spikesim.sim.parallel.mpi import RankError, Ranks
from tests.reference.thread_ranks import run_ranks

DRIVE = {"in": Poisson(300.0)}
STEPS = 150


def _net(seed=3, sizes=(40, 11), longest=9, shortest=1, rule=None):
    net = Network(dt=1e-3, seed=seed, name="ranks")
    net.add_input("in", sizes[0])
    net.add_population("e", sizes[0], LIF(beta=0.9, alpha=0.5, v_th=1.0, refractory_ticks=2))
    net.add_population("i", sizes[1], LIF(beta=0.8, v_th=0.7), start_tick=20)
    net.connect("in", "e", FixedProbability(0.3), weight=0.4,
                delay_ticks=lambda r, k: r.integers(0, 9, k))  # fmt: skip
    for pre, post, weight in (("e", "e", 0.1), ("e", "i", 0.3), ("i", "e", -0.5)):
        net.connect(
            pre, post, FixedProbability(0.4),
            delay_ticks=lambda r, k: r.integers(shortest, longest + 1, k),
            weight=lambda r, k, w=weight: w * r.uniform(0.5, 1.5, k),
            plasticity=rule if (pre, post) == ("e", "e") else None,
        )  # fmt: skip
    return net


@pytest.fixture(scope="module", autouse=True)
def _loaded():
    """Load the kernels once: threads must not compile the same ones side by side."""
    for dtype in ("float32", "float64"):
        simulate(_net(), DRIVE, 2, dtype=dtype, blocks=2)


@settings(max_examples=12, deadline=None)
@given(
    ranks=st.integers(2, 3),
    threads=st.integers(1, 2),
    more_blocks=st.integers(0, 3),
    dtype=st.sampled_from(["float32", "float64"]),
    seed=st.integers(0, 1000),
    sizes=st.tuples(st.integers(1, 40), st.integers(1, 12)),
    shortest=st.integers(1, 5),
    spread=st.integers(0, 70),
)
def test_any_ranks_threads_and_blocks_give_the_same_spikes_and_traces(
    ranks, threads, more_blocks, dtype, seed, sizes, shortest, spread
):
    net = _net(seed, sizes, shortest + spread, shortest)
    some = tuple(range(sizes[0]))[::-2]
    record = ("spikes", "i.v", Trace("e.v", some, every=3))
    alone = simulate(net, DRIVE, STEPS, seed=seed, dtype=dtype, record=record)
    found = run_ranks(
        ranks,
        lambda comm: simulate(
            net, DRIVE, STEPS, seed=seed, dtype=dtype, record=record, threads=threads,
            blocks=ranks * threads + more_blocks, comm=comm,
        ),
    )  # fmt: skip
    assert alone.same_spikes(found[0])
    for name in ("i.v", "e.v"):
        assert alone.trace(name).tobytes() == found[0].trace(name).tobytes()
    assert alone.meta["events"] == found[0].meta["events"]
    assert [not one.spikes and not one.traces for one in found] == [False] + [True] * (ranks - 1)


@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 1), (2, 3)])
def test_a_checkpoint_is_the_same_file_for_any_ranks_and_goes_on_in_any(tmp_path, before, after):
    net, path = _net(), tmp_path / "c"

    def first(comm=None):
        return Simulator(net, comm=comm).run(DRIVE, 70, seed=5, checkpoint=path)

    def rest(comm=None):
        return Simulator(net, comm=comm).run(DRIVE, STEPS, seed=5, resume=path, record="e.v")

    first()
    alone = path.read_bytes()
    run_ranks(before, first)
    assert alone == path.read_bytes()
    whole = Simulator(net).run(DRIVE, STEPS, seed=5, record="e.v")
    found = run_ranks(after, rest)[0]
    assert np.array_equal(whole.trace("e.v")[70:], found.trace("e.v"))


def test_weights_that_learn_are_the_same_for_any_ranks():
    net = _net(rule=PairSTDP(a_plus=0.01, a_minus=0.012, w_max=0.3))
    record = ("spikes", Weights("e->e", every=40))
    alone = simulate(net, DRIVE, STEPS, record=record, seed=1, blocks=3)
    found = run_ranks(3, lambda comm: simulate(net, DRIVE, STEPS, record=record, seed=1, comm=comm))
    assert alone.same_spikes(found[0])
    assert np.array_equal(alone.trace("e->e.w"), found[0].trace("e->e.w"))
    assert not np.array_equal(alone.trace("e->e.w")[0], alone.trace("e->e.w")[-1])


def test_a_burst_that_outgrows_the_message_makes_all_ranks_take_more_room():
    net = Network(dt=1e-3)
    net.add_population("all", 3000, LIF(beta=1.0, bias=0.25, v_th=1.0))
    alone = simulate(net, {}, 8)
    found = run_ranks(2, lambda comm: simulate(net, {}, 8, comm=comm))
    assert alone.same_spikes(found[0])
    assert 6000 == len(found[0].spikes["all"])


def test_an_error_of_one_rank_ends_all_of_them_with_its_message():
    net = _net()

    def work(comm, failing):
        def progress(done, steps):
            raise OSError("the disk is full")

        simulator = Simulator(net, comm=comm)
        if failing == "open" and comm.Get_rank() == 1:
            return simulator.run(DRIVE, STEPS, seed="x")
        return simulator.run(DRIVE, STEPS, progress=progress if failing == "middle" else False)

    first, second = run_ranks(2, lambda comm: work(comm, "open"))
    assert isinstance(second, ValidationError)
    assert isinstance(first, RankError)
    assert "rank 1 of 2 stopped: ValidationError" in str(first)
    first, second = run_ranks(2, lambda comm: work(comm, "middle"))
    assert isinstance(first, OSError)
    assert "rank 0 of 2 stopped: OSError: the disk is full" in str(second)


def test_processes_with_different_networks_or_seeds_are_refused():
    found = run_ranks(2, lambda comm: Simulator(_net(sizes=(40 + comm.Get_rank(), 11)), comm=comm))
    assert all("expected the same network" in str(error) for error in found)
    net = _net()
    found = run_ranks(2, lambda comm: simulate(net, {}, 9, seed=comm.Get_rank(), comm=comm))
    assert all("expected the same run" in str(error) for error in found)
    found = run_ranks(2, lambda comm: Simulator(net, blocks=1, comm=comm))
    assert all("at least one block for each of 2" in str(error) for error in found)


def test_what_is_no_communicator_is_refused():
    with pytest.raises(ValidationError, match="'world' or an MPI communicator, got 'all'"):
        Simulator(_net(), comm="all")


def test_each_rank_holds_its_own_rows_only():
    net = _net(sizes=(400, 100))
    whole = Simulator(net)
    parts = run_ranks(3, lambda comm: Simulator(net, comm=comm))
    entries = [sum(a.size for t in one.tables for a in t.index) for one in [whole, *parts]]
    assert entries[0] == sum(entries[1:])
    assert max(entries[1:]) < 0.4 * entries[0]


def test_one_rank_says_everything_to_itself():
    ranks = Ranks()
    assert (0, 1) == (ranks.rank, ranks.size)
    assert [2.5, -1.0] == ranks.agree(2.5, -1.0)
    assert 2**60 == ranks.total(2**60)
    assert ranks.any(True)
    assert not ranks.any(False)
