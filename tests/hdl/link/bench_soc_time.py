# SPDX-License-Identifier: Apache-2.0
"""What the device does while the core works: fence, BUSY, STOP, break, rate changes, events."""

import random

import cocotb
from bench_soc import CLK_HZ, CONFIG, TB, at, device, firing_program, reg, u
from cobs import cobs
from cocotb.triggers import ClockCycles, RisingEdge

from spikesim.hw.generated import REGISTERS, Command, Status, StatusBit, Window
from spikesim.hw.link.framing import FENCE

PERIOD = 2000  # clock cycles of a timed step, more than any exchange of frames below takes
BAUD = 1000
DEFAULT = round(BAUD * 16 * (1 << 24) / CLK_HZ)


async def running(dut, steps: int, record: int = 0) -> TB:
    """A device in a timed run of ``steps`` steps."""
    tb = await device(dut)
    await firing_program(tb, record)
    await tb.write(Window.REG, REGISTERS["TICK_PERIOD"].address, PERIOD, 0)
    await tb.ok(Command.RUN, u(steps, 4), golden=False)
    return tb


async def register(tb: TB, name: str) -> int:
    data = await tb.ok(Command.READ, reg(name) + u(1, 1), golden=False)
    return int.from_bytes(data, "little")


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def a_running_core_answers_busy_and_a_fence_waits(dut):
    tb = await running(dut, 3)
    for command, payload in (
        (Command.READ, at(Window.COUNT, 0) + u(0, 1)),
        (Command.WRITE, at(Window.ACC, 0) + bytes(2)),
        (Command.CRC32, at(Window.STATE, 0) + u(0, 3)),
        (Command.RUN, u(1, 4)),
        (Command.CLEAR, u(0xFFFF, 2)),
        (Command.ARGMAX, u(3, 2) + u(2, 2)),
    ):
        assert (Status.BUSY, b"") == await tb.ask(command, payload, golden=False)
    read_only = await tb.ask(Command.WRITE, at(Window.FIRED, 0) + bytes(2), golden=False)
    assert Status.READ_ONLY == read_only[0]
    assert StatusBit.RUNNING | StatusBit.BUSY == await register(tb, "STATUS")
    assert 1 == int(dut.busy_o.value)
    counts = await tb.ok(Command.READ | FENCE, at(Window.COUNT, 0) + u(4, 1), golden=False)
    assert u(3, 2) * 4 == counts
    assert 0 == await register(tb, "STATUS")


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def stop_answers_after_the_step_and_run_goes_on(dut):
    tb = await running(dut, 1000)
    await ClockCycles(dut.clk, 5 * PERIOD)
    step = int.from_bytes(await tb.ok(Command.STOP, golden=False), "little")
    assert 5 <= step <= 8
    assert 0 == int(dut.busy_o.value)
    assert step == await register(tb, "STEP")
    await tb.ok(Command.RUN, u(1, 4), golden=False)
    await tb.ok(Command.CRC32 | FENCE, at(Window.COUNT, 0) + u(1, 3), golden=False)
    assert step + 1 == await register(tb, "STEP")


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def spikes_empty_the_queue_of_a_stalled_run(dut):
    tb = await running(dut, 1000, record=1)
    fit = CONFIG.spike_queue // (CONFIG.n_neurons + 1)
    await ClockCycles(dut.clk, (fit + 2) * PERIOD)
    # A stalled step also misses its tick.
    assert StatusBit.RUNNING | StatusBit.BUSY | StatusBit.STALLED | StatusBit.DEADLINE == (
        await register(tb, "STATUS")
    )
    assert u(fit, 4) == await tb.ok(Command.STOP, golden=False)
    late = u(StatusBit.DEADLINE, 2)
    words = []
    for most in (0, 1, 50, 255):
        data = await tb.ok(Command.SPIKES, u(most, 1), golden=False)
        assert late + u(fit, 4) == data[:6]
        assert 2 * min(most, 120) >= len(data) - 6
        words += [int.from_bytes(data[k : k + 2], "little") for k in range(6, len(data), 2)]
    steps = [[0x8000 + step, *range(CONFIG.n_neurons)] for step in range(fit)]
    assert [word for step in steps for word in step] == words
    assert late + u(fit, 4) == await tb.ok(Command.SPIKES, u(255, 1), golden=False)


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def events_queued_during_a_run_keep_order_with_the_queue(dut):
    tb = await running(dut, 4)
    step = await register(tb, "STEP")
    free = await register(tb, "EV_FREE")
    words = u(3, 2) + u(4, 2)
    got = await tb.ok(Command.EVENTS, u(step + 2, 4) + words, golden=False)
    assert u(free - 3, 2) == got
    # The same step goes on without a second marker; an axon at or below the last is out of order.
    for axon, status in ((4, Status.EVENT_ORDER), (3, Status.EVENT_ORDER), (5, Status.OK)):
        got = await tb.ask(Command.EVENTS, u(step + 2, 4) + u(axon, 2), golden=False)
        assert status == got[0]
    assert u(free - 4, 2) == got[1]
    before = await tb.ask(Command.EVENTS, u(step + 1, 4) + words, golden=False)
    assert Status.EVENT_ORDER == before[0]
    await tb.ok(Command.READ | FENCE, at(Window.COUNT, 0) + u(1, 1), golden=False)
    assert free == await register(tb, "EV_FREE")
    # Step + 2 has started, so what was queued for it no longer binds.
    assert Status.EVENT_PAST == (await tb.ask(Command.EVENTS, u(0, 4) + words, golden=False))[0]
    now = await register(tb, "STEP")
    await tb.ok(Command.EVENTS, u(now, 4) + u(0, 2), golden=False)


async def line_break(tb: TB) -> None:
    tb.dut.break_i.value = 1
    await RisingEdge(tb.dut.clk)
    tb.dut.break_i.value = 0
    await ClockCycles(tb.dut.clk, 8)


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def a_break_ends_the_wait_and_needs_a_ping_but_spares_the_core(dut):
    tb = await running(dut, 3)
    await tb.send(Command.READ | FENCE, at(Window.COUNT, 0) + u(4, 1))
    await tb.send(Command.STOP, seq=tb.seq + 1)
    await ClockCycles(dut.clk, 300)
    assert not tb.sink.data
    await line_break(tb)
    assert 1 == int(dut.busy_o.value)
    status, payload = await tb.ask(Command.STOP, seq=9, golden=False)
    assert (Status.BAD_SEQUENCE, b"\0\0") == (status, payload)
    await tb.ok(Command.PING, b"back", golden=False)
    assert 1 == await register(tb, "BREAKS")
    assert 1 == await register(tb, "ERR_SEQUENCE")
    await tb.ok(Command.READ | FENCE, at(Window.COUNT, 0) + u(1, 1), golden=False)
    assert 3 == await register(tb, "STEP")
    await tb.ok(Command.CLEAR, u(1 << 5, 2), golden=False)
    assert 0 == await register(tb, "BREAKS")


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def a_break_cuts_the_reply_and_drops_half_a_frame(dut):
    tb = await device(dut)
    await tb.send(Command.READ, at(Window.REG, 0) + u(72, 1))
    await tb.source.send(b"\x05\x01\x02")
    while len(tb.sink.data) < 30:
        await RisingEdge(dut.clk)
    await line_break(tb)
    await ClockCycles(dut.clk, 20)
    assert 0 == tb.sink.data[-1]
    assert len(tb.sink.data) < 80
    tb.sink.data.clear()
    await tb.ok(Command.PING, b"1234", golden=False)
    assert 0 == await register(tb, "ERR_FRAME")


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def a_new_rate_falls_back_unless_a_good_frame_confirms_it(dut):
    tb = await device(dut)
    assert DEFAULT == int(dut.baud_inc_o.value)
    for confirm in (False, True):
        dut.tx_idle_i.value = 0
        await tb.ok(Command.SET_BAUD, u(0x123456, 4), golden=False)
        await ClockCycles(dut.clk, 50)
        assert DEFAULT == int(dut.baud_inc_o.value), "the reply has not left yet"
        dut.tx_idle_i.value = 1
        await ClockCycles(dut.clk, 4)
        assert 0x123456 == int(dut.baud_inc_o.value)
        if confirm:
            await tb.ok(Command.PING, b"good", golden=False)
        await ClockCycles(dut.clk, CLK_HZ // 4)
        assert (0x123456 if confirm else DEFAULT) == int(dut.baud_inc_o.value)
    # A repeated SET_BAUD is answered, not executed again.
    await tb.ok(Command.SET_BAUD, u(0x200000, 4), golden=False)
    await ClockCycles(dut.clk, 60)
    await line_break(tb)
    assert DEFAULT == int(dut.baud_inc_o.value)


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def events_of_the_line_are_counted(dut):
    tb = await device(dut)
    for name, pulses in (("rx_framing_err_i", 3), ("rx_overrun_i", 2)):
        for _ in range(pulses):
            getattr(dut, name).value = 1
            await RisingEdge(dut.clk)
            getattr(dut, name).value = 0
            await ClockCycles(dut.clk, 8)  # a byte on the line takes longer
    await tb.source.send(b"\x02\x02\x00" + b"\x05\x01\x02\x03\x04\x00")
    data = await tb.ok(Command.READ, reg("ERR_FRAMING") + u(7, 1), golden=False)
    values = [int.from_bytes(data[k : k + 2], "little") for k in range(0, 14, 2)]
    assert [3, 2, 1, 1, 0, 0, 2] == values
    noise = bytes(random.Random(3).randrange(256) for _ in range(600)) + b"\0"
    await tb.source.send(noise)
    assert b"" != await tb.ok(Command.PING, b"ping", golden=False)
    assert 0 == len(cobs.decode(b"\x01"))
