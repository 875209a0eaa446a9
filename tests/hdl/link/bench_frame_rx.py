# SPDX-License-Identifier: Apache-2.0
"""Received frames: COBS, CRC-16, length, and the store that keeps several of them."""

import random

import cocotb
from cobs import cobs
from cocotb.triggers import ClockCycles, ReadOnly, RisingEdge
from streams import PATTERNS, Source, start

from spikesim.hw.link.framing import crc16

RXBUF = 256
IDLE = {"clear_i": 0, "hold_i": 0, "s_axis_tvalid": 0, "s_axis_tdata": 0, "offset_i": 0, "pop_i": 0}


def line(body: bytes) -> bytes:
    return cobs.encode(body + crc16(body).to_bytes(2, "little")) + b"\x00"


def body(rng: random.Random, n: int) -> bytes:
    return bytes(rng.choice((0, 0, 1, 255, rng.randrange(256))) for _ in range(n))


class TB:
    """Counts verdicts and reads committed frames from the store."""

    def __init__(self, dut) -> None:
        self.dut = dut
        self.verdicts = {"good": 0, "bad_frame": 0, "bad_crc": 0}
        cocotb.start_soon(self._watch())

    async def _watch(self) -> None:
        while True:
            await ReadOnly()
            for name in self.verdicts:
                self.verdicts[name] += int(getattr(self.dut, f"{name}_o").value)
            await RisingEdge(self.dut.clk)

    async def peek(self, offset: int) -> int:
        self.dut.offset_i.value = offset
        await ClockCycles(self.dut.clk, 2)
        return int(self.dut.data_o.value)

    async def pop(self) -> bytes:
        while not int(self.dut.frame_o.value):
            await RisingEdge(self.dut.clk)
        length = await self.peek(0)
        data = bytes([await self.peek(1 + k) for k in range(length)])
        self.dut.offset_i.value = length + 1
        self.dut.pop_i.value = 1
        await RisingEdge(self.dut.clk)
        self.dut.pop_i.value = 0
        await RisingEdge(self.dut.clk)
        return data


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def good_frames_arrive_whole_and_in_order_under_back_pressure(dut):
    rng = random.Random(cocotb.RANDOM_SEED if hasattr(cocotb, "RANDOM_SEED") else 1)
    await start(dut, **IDLE)
    tb = TB(dut)
    bodies = [body(rng, n) for n in (2, 250, 3, 249, 2, 40, 128, 7)]
    for pattern in ("free", "often"):
        source = Source(dut, PATTERNS[pattern](rng))
        cocotb.start_soon(source.send(b"".join(line(b) for b in bodies)))
        for expected in bodies:
            await ClockCycles(dut.clk, rng.randrange(300))
            got = await tb.pop()
            assert expected == got[:-2]
    assert 0 == int(dut.frame_o.value)
    assert {"good": 16, "bad_frame": 0, "bad_crc": 0} == tb.verdicts


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def frames_within_the_credit_never_stall(dut):
    rng = random.Random(5)
    await start(dut, **IDLE)
    tb = TB(dut)
    source = Source(dut, PATTERNS["free"](rng))
    for sizes in ([2] * 42, [250], [100, 100, 40], [60, 2, 2, 180]):
        frames = [line(body(rng, n)) for n in sizes]
        while sum(map(len, frames)) > RXBUF:
            frames.pop()
        clocks = sum(map(len, frames))
        task = cocotb.start_soon(source.send(b"".join(frames)))
        await ClockCycles(dut.clk, clocks + 2)
        assert task.done(), f"sizes {sizes}: expected {clocks} bytes taken in as many clocks"
        for frame in frames:
            assert cobs.decode(frame[:-1]) == await tb.pop()


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def damaged_frames_are_dropped_and_counted_by_kind(dut):
    rng = random.Random(6)
    await start(dut, **IDLE)
    tb = TB(dut)
    source = Source(dut, PATTERNS["often"](rng))
    good = body(rng, 20)
    wrong_crc = bytearray(line(b"abcdef"))
    wrong_crc[3] ^= 0x10
    too_long = body(rng, 252)
    for data, kind in (
        (b"\x00\x00\x00", None),
        (b"\x01\x00", "bad_frame"),  # decodes to nothing
        (b"\x02\x05\x00", "bad_frame"),  # too short
        (b"\x05\x11\x22\x00", "bad_frame"),  # block cut by the delimiter
        (line(b"q"), "bad_frame"),  # three bytes with a right CRC
        (line(too_long[:251]), "bad_frame"),  # one byte too long
        (cobs.encode(bytes(range(1, 256)) * 3) + b"\x00", "bad_frame"),
        (bytes(wrong_crc), "bad_crc"),
        (line(b"hi")[:-2] + line(b"there"), "bad"),  # a lost delimiter joins two frames
    ):
        before = dict(tb.verdicts)
        await source.send(data + line(good))
        assert good == (await tb.pop())[:-2]
        assert before["good"] + 1 == tb.verdicts["good"]
        bad = {k for k in ("bad_frame", "bad_crc") if tb.verdicts[k] == before[k] + 1}
        assert (set() if kind is None else {kind}) == bad or (kind == "bad" and len(bad) == 1)
    assert 0 == int(dut.frame_o.value)


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def cobs_decoder_agrees_with_the_library_on_every_length(dut):
    rng = random.Random(7)
    await start(dut, **IDLE)
    tb = TB(dut)
    source = Source(dut, PATTERNS["free"](rng))
    for n in range(2, 251, 9):
        for fill in (bytes(n), bytes([1]) * n, body(rng, n)):
            await source.send(line(fill))
            assert fill == (await tb.pop())[:-2]


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def clear_forgets_stored_and_half_received_frames(dut):
    rng = random.Random(8)
    await start(dut, **IDLE)
    tb = TB(dut)
    source = Source(dut, PATTERNS["free"](rng))
    await source.send(line(body(rng, 30)) + line(body(rng, 9))[:5])
    dut.clear_i.value = 1
    await RisingEdge(dut.clk)
    dut.clear_i.value = 0
    await RisingEdge(dut.clk)
    assert 0 == int(dut.frame_o.value)
    good = body(rng, 33)
    await source.send(line(good))
    assert good == (await tb.pop())[:-2]
