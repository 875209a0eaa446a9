# SPDX-License-Identifier: Apache-2.0
"""COBS decoder and encoder alone, against the library, for every length up to a full block."""

import random

import cocotb
from cobs import cobs
from cocotb.triggers import ReadOnly, RisingEdge
from streams import PATTERNS, Sink, start

LENGTHS = (0, 1, 2, 3, 17, 100, 252, 253, 254)


def contents(rng: random.Random, n: int) -> list[bytes]:
    return [
        bytes(n),
        bytes([1]) * n,
        bytes(rng.choice((0, 1, 255, rng.randrange(256))) for _ in range(n)),
    ]


async def decode(dut, line: bytes) -> tuple[bytes, list[bool]]:
    """Feed line bytes; gives the decoded bytes and for each frame whether it was bad."""
    data, ends = bytearray(), []
    for byte in line:
        dut.data_i.value = byte
        dut.valid_i.value = 1
        await ReadOnly()
        if int(dut.valid_o.value):
            data.append(int(dut.data_o.value))
        if int(dut.end_o.value):
            ends.append(bool(int(dut.bad_o.value)))
        await RisingEdge(dut.clk)
    dut.valid_i.value = 0
    return bytes(data), ends


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def decoder_undoes_the_library(dut):
    rng = random.Random(1)
    await start(dut, clear_i=0, data_i=0, valid_i=0)
    # 255 to 600 bytes: blocks of 254 bytes, after which no zero stands.
    for n in (*LENGTHS, 255, 256, 508, 509, 600):
        for data in contents(rng, n):
            assert (data, [False]) == await decode(dut, cobs.encode(data) + b"\x00")
    assert (b"", []) == await decode(dut, b"\x00\x00")
    for _ in range(60):
        block = bytes(rng.randrange(1, 12) for _ in range(rng.randint(1, 20)))
        try:
            expected = cobs.decode(block), [False]
        except cobs.DecodeError:
            assert [True] == (await decode(dut, block + b"\x00"))[1]
        else:
            assert expected == await decode(dut, block + b"\x00")


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def encoder_equals_the_library(dut):
    rng = random.Random(2)
    await start(dut, start_i=0, length_i=0, abort_i=0, data_i=0, m_axis_tready=0)
    memory = b""
    scanned = bytearray()

    async def serve() -> None:
        """A memory with one cycle of latency that forgets data as soon as the address moves."""
        while True:
            await ReadOnly()
            address = int(dut.address_o.value)
            if int(dut.scan_o.value):
                scanned.append(int(dut.data_i.value))
            await RisingEdge(dut.clk)
            dut.data_i.value = memory[address] if address < len(memory) else 0xEE

    cocotb.start_soon(serve())
    for pattern in ("free", "often"):
        sink = Sink(dut, PATTERNS[pattern](rng))
        for n in LENGTHS if pattern == "free" else (0, 5, 60):
            for memory in contents(rng, n):
                dut.length_i.value = n
                dut.start_i.value = 1
                await RisingEdge(dut.clk)
                dut.start_i.value = 0
                await RisingEdge(dut.clk)
                while int(dut.busy_o.value):
                    await RisingEdge(dut.clk)
                await RisingEdge(dut.clk)
                assert cobs.encode(memory) + b"\x00" == bytes(sink.data)
                assert memory == bytes(scanned)
                sink.data.clear()
                scanned.clear()
        sink.stop()
