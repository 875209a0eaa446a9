# SPDX-License-Identifier: Apache-2.0
"""The serial line: rate mismatch, glitches, framing, break; receiver against an ideal sender."""

import random

import cocotb
from cocotb.triggers import ClockCycles, ReadOnly, RisingEdge
from streams import PATTERNS, Source, start

BIT = 64  # clock cycles of a bit time in the middle of the range
INCREMENT = 16 * (1 << 24) // BIT


class TB:
    """Receiver with its events counted; the line is driven cycle by cycle."""

    def __init__(self, dut) -> None:
        self.dut = dut
        self.got = bytearray()
        self.framing = 0
        self.breaks = 0
        cocotb.start_soon(self._watch())

    async def _watch(self) -> None:
        dut = self.dut
        while True:
            await RisingEdge(dut.clk)
            await ReadOnly()
            if int(dut.rx_valid_o.value):
                self.got.append(int(dut.rx_data_o.value))
            self.framing += int(dut.rx_framing_err_o.value)
            self.breaks += int(dut.rx_break_o.value)

    async def level(self, value: int, cycles: int) -> None:
        self.dut.rxd_i.value = value
        if cycles:
            await ClockCycles(self.dut.clk, cycles)

    async def byte(self, value: int, bit: float, stop: int = 1) -> None:
        bits = [0, *((value >> k) & 1 for k in range(8)), stop]
        edge = done = 0.0
        for level in bits:
            edge += bit
            cycles = round(edge - done)
            done += cycles
            await self.level(level, cycles)


async def receiver(dut) -> TB:
    await start(dut, rxd_i=1, inc_i=INCREMENT, load_i=0, s_axis_tvalid=0, s_axis_tdata=0, loop_i=0)
    tb = TB(dut)
    await tb.level(1, 4 * BIT)
    return tb


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def bytes_arrive_at_both_ends_of_the_rate_tolerance(dut):
    tb = await receiver(dut)
    data = bytes([0, 255, 0x55, 0xAA, 1, 128]) + random.randbytes(12)
    for mismatch in (-0.025, 0.0, 0.025):
        for value in data:
            await tb.byte(value, BIT * (1 + mismatch))
    await tb.level(1, 2 * BIT)
    assert data * 3 == tb.got
    assert (0, 0) == (tb.framing, tb.breaks)


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def short_low_glitch_is_no_start_bit(dut):
    tb = await receiver(dut)
    await tb.level(0, BIT // 4)
    await tb.level(1, 12 * BIT)
    await tb.byte(0x3C, BIT)
    await tb.level(1, BIT)
    assert b"\x3c" == tb.got
    assert 0 == tb.framing


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def one_wrong_sample_of_three_is_outvoted(dut):
    tb = await receiver(dut)
    # 0xFF: in every data bit one sixteenth of the bit, at its middle, is low.
    await tb.level(0, BIT)
    for _ in range(8):
        await tb.level(1, BIT // 2)
        await tb.level(0, BIT // 16)
        await tb.level(1, BIT - BIT // 2 - BIT // 16)
    await tb.level(1, 2 * BIT)
    assert b"\xff" == tb.got


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def low_stop_bit_drops_the_byte_and_is_counted(dut):
    tb = await receiver(dut)
    await tb.byte(0x12, BIT, stop=0)
    await tb.level(1, 3 * BIT)
    await tb.byte(0x34, BIT)
    await tb.level(1, BIT)
    assert b"\x34" == tb.got
    assert (1, 0) == (tb.framing, tb.breaks)


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def twenty_low_bit_times_are_one_break_and_fewer_are_none(dut):
    tb = await receiver(dut)
    await tb.level(0, 19 * BIT)
    await tb.level(1, 3 * BIT)
    assert 0 == tb.breaks
    await tb.level(0, 60 * BIT)
    assert 1 == tb.breaks
    await tb.level(1, 3 * BIT)
    await tb.byte(0x77, BIT)
    await tb.level(1, BIT)
    assert (1, 2) == (tb.breaks, tb.framing)
    assert b"\x77" == tb.got


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def sent_bytes_come_back_through_the_receiver(dut):
    tb = await receiver(dut)
    dut.loop_i.value = 1
    data = bytes([0, 255, 0x80, 1]) + random.randbytes(12)
    for pattern in ("free", "often"):
        await Source(dut, PATTERNS[pattern](random.Random(1))).send(data)
    await ClockCycles(dut.clk, 12 * BIT)
    assert data * 2 == tb.got
    assert 0 == tb.framing
    assert 1 == int(dut.tx_idle_o.value)


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def a_sent_byte_takes_ten_bit_times(dut):
    await receiver(dut)
    cocotb.start_soon(Source(dut, PATTERNS["free"](random.Random(1))).send(b"\x00"))
    low = 0
    await ClockCycles(dut.clk, 2)
    cycles = 2
    while not int(dut.tx_idle_o.value):
        low += int(dut.txd_o.value) == 0
        cycles += 1
        await RisingEdge(dut.clk)
    # The start bit begins between two ticks, so it may be a sixteenth short.
    assert 9 * BIT - BIT // 16 - 2 <= low <= 9 * BIT + 2
    assert 10 * BIT - BIT // 16 - 2 <= cycles <= 10 * BIT + 6
