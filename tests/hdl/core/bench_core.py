# SPDX-License-Identifier: Apache-2.0
"""cocotb tests of the whole core against the golden core."""

from __future__ import annotations

from itertools import pairwise

import cocotb
from cocotb.triggers import RisingEdge

from spikesim.hw.generated import MAX_CHAIN, Clear, Window
from tests.hdl.core.core_tb import ALL, CoreTB
from tests.hdl.core.images import ImageMaker, pack

MEMORIES = (
    Window.SEG,
    Window.PARAM,
    Window.POP,
    Window.STATE,
    Window.ACC,
    Window.COUNT,
    Window.FIRED,
)


async def random_steps(tb: CoreTB, maker: ImageMaker, steps: int, patience: float) -> int:
    """Load a random network and run single steps, comparing every word; gives the spikes seen."""
    await tb.load(maker.image())
    fired = 0
    for step in range(steps):
        axons = [a for a in range(tb.config.n_axons) if tb.rng.random() < 0.2]
        await tb.queue(step, axons[: tb.config.event_queue - 1], patience)
        await tb.run()
        tb.expect()
        await tb.check()
        fired += len(tb.golden.fired)
    return fired


@cocotb.test()
async def reset_clears_every_memory(dut):
    tb = CoreTB(dut)
    await tb.start()
    await tb.check(MEMORIES)
    last = tb.golden.entries(Window.WEIGHT) * tb.golden.stride(Window.WEIGHT) - 1
    for address in (0, 1, last // 2, last):
        assert await tb.access(Window.WEIGHT, address) == 0
    await tb.finish()


@cocotb.test()
async def host_bus_reads_what_it_wrote(dut):
    tb = CoreTB(dut, seed=2)
    await tb.start()
    image = ImageMaker(tb.config, tb.rng).image()
    for window, halfwords in image.items():
        await tb.write(window, 0, halfwords)
        assert halfwords == await tb.read(window, 0, len(halfwords))
    for window in (Window.STATE, Window.ACC, Window.COUNT, Window.PARAM, Window.POP):
        n = tb.golden.entries(window) * tb.golden.stride(window)
        await tb.write(window, 0, [tb.rng.getrandbits(16) for _ in range(n)])
    await tb.write(Window.STATE, 2, [0x55])  # one halfword alone leaves its neighbours
    await tb.check(MEMORIES)


@cocotb.test()
@cocotb.parametrize(seed=[3, 4, 5, 6], patience=[0.0, 0.5])
async def every_word_of_every_step_equals_the_golden_core(dut, seed, patience):
    tb = CoreTB(dut, seed)
    tb.spike_patience = patience
    await tb.start()
    maker = ImageMaker(tb.config, tb.rng, edgy=0.5 if seed % 2 else 0.05)
    assert await random_steps(tb, maker, 8, patience) > 0
    await tb.finish()


@cocotb.test()
async def steps_back_to_back_equal_the_golden_core(dut):
    tb = CoreTB(dut, seed=7)
    await tb.start()
    await tb.load(ImageMaker(tb.config, tb.rng, edgy=0.05).image())
    for step in range(0, 24, 2):
        await tb.queue(step, [step, step + 1])
    await tb.run(24)
    cycles = tb.expect(24)
    assert sum(cycles) == int(dut.total_cycles_o.value)
    await tb.check()
    await tb.finish()


@cocotb.test()
async def one_group_segments_in_a_row_meet_in_one_accumulator(dut):
    tb = CoreTB(dut, seed=8)
    await tb.start()
    await tb.clear(ALL)
    stride = tb.config.weight_stride
    await tb.write(Window.WEIGHT, 0, [0x7F80] * stride)  # one rail per lane
    entry = {"base": 0, "first": 1, "count": 0, "delay": 0, "valid": 1}
    spare = tb.config.n_sources - 1
    chained = {**entry, "more": 1, "next": spare}
    for source in range(4):
        words = pack(Window.SEG, chained if source % 2 else entry, 4)
        await tb.write(Window.SEG, 4 * source, words)
    await tb.write(Window.SEG, 4 * spare, pack(Window.SEG, {**entry, "valid": 0}, 4))
    await tb.queue(0, [0, 1, 2, 3])
    await tb.run()
    tb.expect()
    await tb.check()


@cocotb.test()
async def accumulators_saturate_at_every_addition(dut):
    tb = CoreTB(dut, seed=9)
    await tb.start()
    await tb.clear(ALL)
    lanes, bits = tb.config.lanes, tb.config.weight_bits
    words = [sum(w << (k * bits) for k in range(lanes)) for w in (1 << (bits - 1), 1)]
    halves = [w >> (16 * k) & 0xFFFF for w in words for k in range(tb.config.weight_stride)]
    await tb.write(Window.WEIGHT, 0, halves)
    for source, base in ((0, 0), (1, 1)):
        entry = {"base": base, "first": 0, "count": 0, "valid": 1}
        await tb.write(Window.SEG, 4 * source, pack(Window.SEG, entry, 4))
    await tb.write(Window.ACC, 0, [0x8001, 0x7FFF])
    await tb.queue(0, [0, 1])
    await tb.run()
    tb.expect()
    assert [-0x7FFF, 0x7F80] == tb.golden.acc[0][:2] or bits != 8
    await tb.check()


@cocotb.test()
async def a_chain_that_never_ends_is_cut_and_flagged(dut):
    tb = CoreTB(dut, seed=10)
    await tb.start()
    await tb.clear(ALL)
    loop = {"first": 0, "count": 0, "valid": 1, "more": 1, "next": 0}
    await tb.write(Window.SEG, 0, pack(Window.SEG, loop, 4))
    await tb.queue(0, [0, 1])
    await tb.run()
    (cycles,) = tb.expect()
    assert cycles > 2 * MAX_CHAIN
    assert int(dut.chain_flag_o.value) == 1
    await tb.check()
    await tb.clear(Clear.ERRORS)
    await tb.check()


@cocotb.test()
async def clear_leaves_what_the_mask_does_not_name(dut):
    tb = CoreTB(dut, seed=11)
    await tb.start()
    await tb.load(ImageMaker(tb.config, tb.rng).image())
    for mask in (Clear.COUNTS, Clear.STATE, Clear.QUEUES, Clear.TABLES, 0):
        step = tb.golden.next_step
        await tb.queue(step, [0, 1, 2])
        await tb.run(2)
        tb.expect(2)
        await tb.clear(mask)
        await tb.check(MEMORIES)
    await tb.finish()


@cocotb.test()
async def counters_stop_at_their_largest_value(dut):
    tb = CoreTB(dut, seed=12)
    await tb.start()
    await tb.clear(ALL)
    record = {"first": 0, "last": tb.config.n_groups - 1, "valid": 1, "record": 1, "reset": 1}
    await tb.write(Window.POP, 0, pack(Window.POP, record, 16))
    n = tb.config.n_neurons
    await tb.write(Window.COUNT, 0, [0xFFFE, 0xFFFF, 0] + [7] * (n - 3))
    await tb.run(2)  # every neuron fires in every step: threshold and floor are 0
    tb.expect(2)
    assert n == len(tb.golden.fired)
    await tb.check()
    await tb.finish()


@cocotb.test()
async def no_step_starts_under_a_lock(dut):
    tb = CoreTB(dut, seed=13)
    await tb.start()
    await tb.load(ImageMaker(tb.config, tb.rng, edgy=0.05).image())
    await tb.run(200, wait=False)
    for _ in range(10):
        await tb.clocks(tb.rng.randint(1, 400))
        dut.ev_lock_i.value = 1
        await RisingEdge(dut.clk)
        await RisingEdge(dut.clk)
        assert dut.ev_locked_o.value == 1
        step = int(dut.next_step_o.value)
        await tb.clocks(tb.rng.choice([1, 600]))
        assert step == int(dut.next_step_o.value)
        dut.ev_lock_i.value = 0
    step = int(dut.next_step_o.value)
    await tb.queue(step + 1, [1, 3])  # while the core runs
    dut.stop_i.value = 1
    await RisingEdge(dut.clk)
    dut.stop_i.value = 0
    await tb.idle()
    stopped = int(dut.next_step_o.value)
    assert step <= stopped <= step + 2
    tb.expect(stopped)
    await tb.check()
    await tb.run(5)  # a stopped run can be taken up again
    tb.expect(5)
    await tb.check()
    await tb.finish()


@cocotb.test()
async def a_recorded_step_waits_for_room(dut):
    tb = CoreTB(dut, seed=14)
    tb.spike_patience = 1.0
    await tb.start()
    await tb.clear(ALL)
    record = {"first": 0, "last": tb.config.n_groups - 1, "valid": 1, "record": 1, "reset": 1}
    await tb.write(Window.POP, 0, pack(Window.POP, record, 16))
    # One neuron stays silent: a step leaves N words, and then one word is missing for the next.
    await tb.write(Window.PARAM, 0, pack(Window.PARAM, {"v_th": 1000}, 4))
    n = tb.config.n_neurons
    fits = tb.config.spike_queue // n - 1
    await tb.run(fits + 2, wait=False)
    await tb.clocks((fits + 3) * (n + 60))
    assert dut.stalled_o.value == 1
    assert fits == int(dut.next_step_o.value)
    assert fits * n == int(dut.spk_level_o.value)
    tb.spike_patience = 0.3
    await tb.idle()
    tb.expect(fits + 2)
    await tb.check()
    await tb.finish()


@cocotb.test()
async def a_timed_run_keeps_its_period_and_counts_what_it_misses(dut):
    tb = CoreTB(dut, seed=15)
    await tb.start()
    await tb.load(ImageMaker(tb.config, tb.rng, edgy=0.05).image())
    period = 2000  # longer than any step of this core
    dut.tick_period_i.value = period
    await tb.run(4, wait=False)
    starts = []
    for clock in range(5 * period):
        step = int(dut.next_step_o.value)
        await RisingEdge(dut.clk)
        if int(dut.next_step_o.value) != step:
            starts.append(clock)
    assert [period] * 3 == [b - a for a, b in pairwise(starts)]
    assert not dut.deadline_flag_o.value
    tb.expect(4)
    await tb.check()
    dut.tick_period_i.value = 10  # far too short
    await tb.run(2)
    assert dut.deadline_flag_o.value == 1
    assert int(dut.deadline_count_o.value) > 1
    await tb.clear(Clear.ERRORS)
    assert int(dut.deadline_count_o.value) == 0
    assert dut.deadline_flag_o.value == 0
    dut.tick_period_i.value = 0
    tb.expect(2)
    await tb.check()
    await tb.finish()
