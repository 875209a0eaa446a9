# SPDX-License-Identifier: Apache-2.0
"""cocotb tests of the queue: every word, in order, under idle and back-pressure patterns."""

from __future__ import annotations

import random
from collections import deque

import cocotb
from cocotb.clock import Clock
from cocotb.triggers import RisingEdge

from tests.hdl.core.core_tb import parameters


class TB:
    """Source, sink and a deque as the model of what the queue holds."""

    def __init__(self, dut, seed: int) -> None:
        self.dut = dut
        self.rng = random.Random(seed)
        self.held: deque[int] = deque()
        self.moved = 0
        self.depth = parameters()["DEPTH"]

    async def start(self) -> None:
        dut = self.dut
        dut.rst.value = 1
        dut.clear_i.value = dut.s_axis_tvalid.value = dut.m_axis_tready.value = 0
        dut.s_axis_tdata.value = 0
        cocotb.start_soon(Clock(dut.clk, 2, unit="ns").start())
        await RisingEdge(dut.clk)
        await RisingEdge(dut.clk)
        dut.rst.value = 0

    async def clock(self, push: bool, pop: bool) -> None:
        """One cycle; checks level, ready and the word at the output against the model."""
        dut = self.dut
        word = self.rng.getrandbits(16)
        dut.s_axis_tdata.value, dut.s_axis_tvalid.value = word, int(push)
        dut.m_axis_tready.value = int(pop)
        await RisingEdge(dut.clk)
        assert len(self.held) == int(dut.level_o.value)
        assert int(len(self.held) < self.depth) == int(dut.s_axis_tready.value)
        if pop and dut.m_axis_tvalid.value:
            assert self.held.popleft() == int(dut.m_axis_tdata.value)
            self.moved += 1
        if push and dut.s_axis_tready.value:
            self.held.append(word)


@cocotb.test()
@cocotb.parametrize(push=[0.2, 0.9, 1.0], pop=[0.2, 0.9, 1.0])
async def words_leave_in_order(dut, push, pop):
    tb = TB(dut, seed=5)
    await tb.start()
    for _ in range(600):
        await tb.clock(tb.rng.random() < push, tb.rng.random() < pop)
    for _ in range(tb.depth + 3):
        await tb.clock(False, True)
    assert not tb.held
    assert tb.moved > 100


@cocotb.test()
async def a_full_queue_keeps_one_word_per_cycle(dut):
    tb = TB(dut, seed=6)
    await tb.start()
    for _ in range(tb.depth + 2):
        await tb.clock(True, False)
    assert len(tb.held) == tb.depth
    before = tb.moved
    for _ in range(40):
        await tb.clock(True, True)
    assert tb.moved == before + 40
    for _ in range(tb.depth + 3):
        await tb.clock(False, True)


@cocotb.test()
async def clear_empties_it_at_once(dut):
    tb = TB(dut, seed=7)
    await tb.start()
    for _ in range(5):
        await tb.clock(True, False)
    dut.s_axis_tvalid.value = 0
    dut.clear_i.value = 1
    await RisingEdge(dut.clk)
    dut.clear_i.value = 0
    tb.held.clear()
    for _ in range(20):
        await tb.clock(tb.rng.random() < 0.5, True)
