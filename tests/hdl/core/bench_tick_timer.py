# SPDX-License-Identifier: Apache-2.0
"""cocotb tests of the tick timer: ticks keep their grid, and a late step counts once per tick."""

from __future__ import annotations

from itertools import pairwise

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge


async def run(dut, period: int, durations: list[int]) -> tuple[list[int], int]:
    """Run steps of the given lengths; gives the clock at which each started, and the misses."""
    dut.rst.value = 1
    dut.period_i.value = period
    dut.run_start_i.value = dut.running_i.value = dut.in_step_i.value = dut.take_i.value = 0
    clock = cocotb.start_soon(Clock(dut.clk, 2, unit="ns").start())
    await RisingEdge(dut.clk)
    await RisingEdge(dut.clk)
    dut.rst.value = 0
    dut.run_start_i.value = 1
    await RisingEdge(dut.clk)
    dut.run_start_i.value = 0
    dut.running_i.value = 1
    starts, misses, now, left = [], 0, 0, 0
    todo = list(durations)
    while todo or left:
        dut.in_step_i.value = int(left > 0)
        dut.take_i.value = 0
        await RisingEdge(dut.clk)
        misses += int(dut.miss_o.value)
        now += 1
        if left:
            left -= 1
        elif dut.due_o.value:
            # The taking cycle itself: the step begins in the next one.
            dut.take_i.value = 1
            await RisingEdge(dut.clk)
            misses += int(dut.miss_o.value)
            now += 1
            starts.append(now)
            left = todo.pop(0)
    clock.cancel()
    return starts, misses


@cocotb.test()
async def short_steps_start_on_the_grid(dut):
    starts, misses = await run(dut, 20, [5, 12, 1, 9, 3])
    assert [20] * 4 == [b - a for a, b in pairwise(starts)]
    assert misses == 0


@cocotb.test()
async def a_late_step_is_counted_and_the_next_ones_return_to_the_grid(dut):
    starts, misses = await run(dut, 20, [5, 27, 5, 5])
    assert misses == 1
    assert starts[1] - starts[0] == 20
    assert 27 <= starts[2] - starts[1] < 35
    assert starts[3] - starts[0] == 60


@cocotb.test()
async def period_zero_never_waits_and_never_misses(dut):
    starts, misses = await run(dut, 0, [5, 27, 5])
    assert misses == 0
    assert starts[2] - starts[0] < 40
