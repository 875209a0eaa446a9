# SPDX-License-Identifier: Apache-2.0
"""Replies: payload buffer, CRC-16, COBS, delimiter, kept replies, cut replies."""

import random

import cocotb
from cobs import cobs
from cocotb.triggers import RisingEdge
from streams import PATTERNS, Sink, start

from spikesim.hw.generated import Status
from spikesim.hw.link.framing import crc16

IDLE = {"put_i": 0, "put_index_i": 0, "put_data_i": 0, "start_i": 0, "sequence_i": 0,
        "status_i": 0, "halfwords_i": 0, "expected_i": 0, "abort_i": 0}  # fmt: skip


async def put(dut, payload: bytes) -> None:
    for k in range(len(payload) // 2):
        dut.put_index_i.value = k
        dut.put_data_i.value = int.from_bytes(payload[2 * k : 2 * k + 2], "little")
        dut.put_i.value = 1
        await RisingEdge(dut.clk)
    dut.put_i.value = 0


async def begin(dut, seq: int, status: int, size: int) -> None:
    dut.sequence_i.value = seq
    dut.status_i.value = status
    dut.halfwords_i.value = size // 2
    dut.start_i.value = 1
    await RisingEdge(dut.clk)
    dut.start_i.value = 0
    await RisingEdge(dut.clk)


async def sent(dut, sink: Sink) -> bytes:
    while int(dut.busy_o.value):
        await RisingEdge(dut.clk)
    await RisingEdge(dut.clk)
    data = bytes(sink.data)
    sink.data.clear()
    return data


def line(seq: int, status: int, payload: bytes) -> bytes:
    body = bytes([seq, status]) + payload
    return cobs.encode(body + crc16(body).to_bytes(2, "little")) + b"\x00"


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def replies_equal_the_library_and_repeat_identically(dut):
    rng = random.Random(3)
    await start(dut, m_axis_tready=0, **IDLE)
    for pattern, sizes in (("free", range(0, 250, 14)), ("often", (0, 6, 248))):
        sink = Sink(dut, PATTERNS[pattern](rng))
        for size in sizes:
            payload = bytes(rng.choice((0, 0, 7, rng.randrange(256))) for _ in range(size))
            if size == 248:
                payload = b"\x01" * size
            seq = rng.randrange(256)
            await put(dut, payload)
            for _ in range(2):
                await begin(dut, seq, Status.OK, size)
                assert line(seq, Status.OK, payload) == await sent(dut, sink)
        sink.stop()


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def bad_sequence_carries_the_expected_number_and_spares_the_buffer(dut):
    await start(dut, m_axis_tready=0, **IDLE)
    sink = Sink(dut, PATTERNS["free"](random.Random(1)))
    await put(dut, b"kept")
    dut.expected_i.value = 77
    await begin(dut, 5, Status.BAD_SEQUENCE, 2)
    assert line(5, Status.BAD_SEQUENCE, bytes([77, 0])) == await sent(dut, sink)
    await begin(dut, 4, Status.OK, 4)
    assert line(4, Status.OK, b"kept") == await sent(dut, sink)


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def a_cut_reply_ends_with_its_delimiter(dut):
    await start(dut, m_axis_tready=0, **IDLE)
    sink = Sink(dut, PATTERNS["often"](random.Random(2)))
    payload = b"\x05" * 100
    await put(dut, payload)
    await begin(dut, 1, Status.OK, 100)
    while len(sink.data) < 20:
        await RisingEdge(dut.clk)
    dut.abort_i.value = 1
    await RisingEdge(dut.clk)
    dut.abort_i.value = 0
    await RisingEdge(dut.clk)
    data = await sent(dut, sink)
    assert 1 == data.count(0)
    assert b"\x00" == data[-1:]
    assert line(1, Status.OK, payload).startswith(data[:-1])
    await begin(dut, 1, Status.OK, 100)
    assert line(1, Status.OK, payload) == await sent(dut, sink)
