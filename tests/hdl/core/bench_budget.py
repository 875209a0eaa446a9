# SPDX-License-Identifier: Apache-2.0
"""cocotb tests of the default core: what a dense step costs, and the UP5K's sizes."""

from __future__ import annotations

import cocotb
from cocotb.triggers import RisingEdge

from spikesim.hw.generated import Window
from tests.hdl.core.core_tb import ALL, CoreTB
from tests.hdl.core.images import pack


async def dense_step(tb: CoreTB, groups: int, events: int) -> int:
    """Run a step with one population and rows from ``events`` axons to all of it."""
    await tb.clear(ALL)
    record = {"first": 0, "last": groups - 1, "valid": 1, "alpha_v": 4000, "reset": 1}
    await tb.write(Window.POP, 0, pack(Window.POP, record, 16))
    for axon in range(events):
        entry = {"base": axon * groups, "first": 0, "count": groups - 1, "valid": 1}
        await tb.write(Window.SEG, 4 * axon, pack(Window.SEG, entry, 4))
    words = events * groups * tb.config.weight_stride
    await tb.write(Window.WEIGHT, 0, [tb.rng.getrandbits(16) for _ in range(words)])
    await tb.queue(0, range(events))
    await tb.run()
    (cycles,) = tb.expect()
    await tb.check()
    return cycles


@cocotb.test()
async def a_dense_step_keeps_its_budget(dut):
    tb = CoreTB(dut)
    await tb.start()
    assert await dense_step(tb, groups=32, events=20) <= 1000
    assert await dense_step(tb, groups=12, events=10) <= 400
    await tb.finish()


@cocotb.test()
async def an_empty_core_runs_empty_steps(dut):
    tb = CoreTB(dut)
    await tb.start()
    await tb.run(3)
    tb.expect(3)
    await tb.check()
    await RisingEdge(dut.clk)
    await tb.finish()
