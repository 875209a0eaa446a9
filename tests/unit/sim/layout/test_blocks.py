# SPDX-License-Identifier: Apache-2.0
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spikesim import Poisson
from spikesim.kernels.aligned import aligned
from spikesim.network import FixedProbability, Network, OneToOne
from spikesim.neurons import LIF
from spikesim.sim import Simulator
from spikesim.sim.layout.blocks import accumulators, bases_of, cut
from spikesim.sim.layout.plan import plan_network
from spikesim.sim.run.state import State

DRIVE = {"in": Poisson(300.0, counts=True)}


def _net(n=301, p=0.1):
    net = Network(dt=1e-3, seed=3)
    net.add_input("in", n)
    net.add_population("e", n, LIF(beta=0.9, alpha=0.5, refractory_ticks=2))
    net.add_population("few", 7, LIF(beta=0.9))
    net.add_population("i", n // 2, LIF(beta=0.8, refractory_ticks=1))
    net.connect("in", "e", OneToOne(), weight=0.7)
    for pre, post, weight in (("e", "i", 0.1), ("e", "few", 0.02), ("i", "e", -0.2)):
        mean = 0.1 * weight / p
        net.connect(
            pre, post, FixedProbability(p), weight=lambda r, k, w=mean: r.normal(w, 1e-3, k),
            delay_ticks=lambda r, k: r.integers(1, 9, k),
        )  # fmt: skip
    return net


@given(n=st.integers(0, 5000), blocks=st.integers(1, 9), line=st.sampled_from([1, 16]))
def test_blocks_cover_a_population_once_and_evenly(n, blocks, line):
    cuts = np.array([cut(n, block, blocks, line) for block in range(blocks + 1)])
    assert cuts[0] == 0
    assert cuts[-1] == n
    sizes = np.diff(cuts)
    assert sizes.min() >= 0
    assert sizes.max() - sizes.min() <= (1 if line == 1 or n < 64 * blocks else 32)


@given(sizes=st.lists(st.integers(0, 300), max_size=6), blocks=st.integers(1, 5))
def test_accumulators_of_a_block_lie_side_by_side(sizes, blocks):
    for line in (1, 16):
        bases, used = bases_of(sizes, line)
        ends = [base + size for base, size in zip(bases, sizes, strict=True)]
        assert all(end <= base for end, base in zip(ends, bases[1:], strict=False))
        assert used == max([0, *ends])
        assert used - sum(sizes) <= 15 * len(sizes)
        assert accumulators(sizes, 1, line) == used
        assert accumulators(sizes, blocks, line) <= used


@pytest.mark.parametrize("blocks", [1, 2])
def test_what_vector_code_runs_over_begins_at_a_cache_line(blocks):
    plan = plan_network(_net(), n_blocks=blocks)
    state = State.initial(plan, 10)
    for block in range(blocks):
        lo, _ = plan.slice(block, "e")
        assert state.neurons["e"]["v"][lo:].ctypes.data % 64 == 0
        assert state.sums[block][plan.bases(block)["i", 0] :].ctypes.data % 64 == 0
    assert aligned(0, np.int32).size == 0
    assert all(aligned(1024, np.float32).ctypes.data % 4096 == 0 for _ in range(3))


def test_gaps_between_accumulators_cost_no_bit_of_the_weights():
    # Two sizes that are no multiples of 16, and together just fill 10 bits.
    net = Network(dt=1e-3)
    for name, n in (("a", 817), ("b", 207)):
        net.add_population(name, n, LIF(beta=0.9))
    assert plan_network(net).line == 1
    assert plan_network(_net()).line == 16


def test_more_blocks_group_more_delays_and_a_checkpoint_fits_any_grouping(tmp_path):
    made = {blocks: Simulator(_net(p=0.6), blocks=blocks) for blocks in (1, 2, 5)}
    assert made[1].plan.slots < made[2].plan.slots
    whole = made[1].run(DRIVE, 90, seed=5)
    for before, after, stop in ((1, 5, 60), (5, 1, 2), (5, 2, 61), (2, 5, 63)):
        made[before].run(DRIVE, stop, seed=5, checkpoint=tmp_path / "c")
        rest = made[after].run(DRIVE, 90, seed=5, resume=tmp_path / "c")
        for name, train in whole.spikes.items():
            late = train.ticks >= stop
            assert np.array_equal(train.ticks[late], rest.spikes[name].ticks)
            assert np.array_equal(train.index[late], rest.spikes[name].index)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_blocks_of_whole_lines_change_no_bit_and_may_change_at_a_checkpoint(tmp_path, dtype):
    record = ("spikes", "e.v", "few.v")
    whole = Simulator(_net(), dtype=dtype).run(DRIVE, 120, seed=5, record=record)
    assert min(len(whole.spikes[name]) for name in ("e", "i")) > 500
    shared = Simulator(_net(), dtype=dtype, blocks=4, threads=2)
    again = shared.run(DRIVE, 120, seed=5, record=record)
    assert whole.same_spikes(again)
    shared.run(DRIVE, 60, seed=5, checkpoint=tmp_path / "c")
    rest = Simulator(_net(), dtype=dtype, blocks=3).run(
        DRIVE, 120, seed=5, resume=tmp_path / "c", record=record
    )
    for name in ("e.v", "few.v"):
        assert np.array_equal(whole.trace(name), again.trace(name))
        assert np.array_equal(whole.trace(name)[60:], rest.trace(name))


@pytest.mark.parametrize("longest", [3, 32767, 32768])
def test_counters_take_sixteen_bits_where_those_are_enough(longest):
    net = Network(dt=1e-3)
    net.add_population("e", 2, LIF(beta=0.5, bias=1.0, refractory_ticks=[longest, 2]))
    refr = State.initial(plan_network(net), 10).neurons["e"]["refr"]
    assert (np.int16 if longest < 2**15 else np.int32) == refr.dtype
    trains = Simulator(net).run({}, longest + 5, seed=1).spikes["e"]
    assert trains.ticks[trains.index == 0].tolist() == [0, longest + 1]
