# SPDX-License-Identifier: Apache-2.0
"""The whole device, byte for byte against the golden device; time is what the golden one lacks."""

import json
import os
import random
import zlib

import cocotb
from cobs import cobs
from cocotb.triggers import ClockCycles, RisingEdge
from streams import PATTERNS, Sink, Source, start

from spikesim.hw.config import CoreConfig
from spikesim.hw.generated import REGISTERS, Clear, Command, Status, Window
from spikesim.hw.link.framing import FENCE, encode_frame
from spikesim.hw.protocol_model import GoldenDevice

CONFIG = CoreConfig.from_dict(json.loads(os.environ["SPIKESIM_BENCH_CONFIG"]))
CLK_HZ = 20_000
PATIENCE = 60_000  # clock cycles until a reply must have come
ARGUMENTS = {1: 4, 2: 5, 3: 6, 4: 7, 5: 8, 6: 4, 7: 0, 8: 2, 9: 1, 10: 4, 11: 4}


def u(value: int, size: int) -> bytes:
    return value.to_bytes(size, "little")


def at(window: int, address: int) -> bytes:
    return u(window, 1) + u(address, 3)


def reg(name: str) -> bytes:
    return at(Window.REG, REGISTERS[name].address)


class TB:
    """Device and golden device side by side; ``ask`` compares their replies."""

    def __init__(self, dut, pattern: str = "free") -> None:
        rng = random.Random(11)
        self.dut = dut
        self.golden = GoldenDevice(CONFIG, CLK_HZ)
        self.source = Source(dut, PATTERNS[pattern](rng))
        self.sink = Sink(dut, PATTERNS[pattern](rng))
        self.seq = 0

    async def reply(self) -> bytes:
        for _ in range(PATIENCE):
            if 0 in self.sink.data:
                end = self.sink.data.index(0) + 1
                line = bytes(self.sink.data[:end])
                del self.sink.data[:end]
                return line
            await RisingEdge(self.dut.clk)
        raise AssertionError(f"expected a reply within {PATIENCE} clock cycles, got none")

    async def idle(self) -> None:
        while int(self.dut.busy_o.value):
            await RisingEdge(self.dut.clk)

    async def send(self, command: int, payload: bytes = b"", seq: int | None = None) -> None:
        seq = self.seq if seq is None else seq
        await self.source.send(encode_frame(seq % 256, command, payload))

    async def ask(
        self, command: int, payload: bytes = b"", seq: int | None = None, golden: bool = True
    ) -> tuple[int, bytes]:
        """Send one request; gives status and payload after comparing with the golden device."""
        seq = self.seq if seq is None else seq
        await self.send(command, payload, seq)
        line = await self.reply()
        body = cobs.decode(line[:-1])
        if golden:
            self.golden.push(encode_frame(seq % 256, command, payload))
            expected = self.golden.pull()
            shown = f"seq {seq} command {command:#x} payload {payload.hex()}"
            want = cobs.decode(expected[:-1])
            assert want == body, f"{shown}: expected {want.hex()}, got {body.hex()}"
        assert seq % 256 == body[0]
        if body[1] == Status.OK and command & 0x7F == Command.PING:
            self.seq = seq + 1
        elif body[1] == Status.OK and seq % 256 == self.seq % 256:
            self.seq = seq + 1
        return body[1], body[2:-2]

    async def ok(self, command: int, payload: bytes = b"", golden: bool = True) -> bytes:
        status, data = await self.ask(command, payload, golden=golden)
        assert Status.OK == status, f"command {command}: expected OK, got {Status(status).name}"
        return data

    async def write(self, window: int, address: int, *values: int) -> None:
        await self.ok(Command.WRITE, at(window, address) + b"".join(u(v, 2) for v in values))


async def device(dut, pattern: str = "free") -> TB:
    await start(dut, s_axis_tvalid=0, s_axis_tdata=0, m_axis_tready=0, break_i=0,
                rx_framing_err_i=0, rx_overrun_i=0, tx_idle_i=1)  # fmt: skip
    tb = TB(dut, pattern)
    await tb.idle()
    await tb.ok(Command.PING, b"abcd")
    return tb


async def firing_program(tb: TB, record: int = 1) -> None:
    """One population whose neurons all fire in every step; spikes are recorded."""
    groups = CONFIG.n_neurons // CONFIG.lanes
    word = 1 << 16 | 1 << 18 | 1 << 20 | (groups - 1) << 8
    await tb.write(Window.POP, 0, word & 0xFFFF, word >> 16, 0, 0)
    await tb.write(Window.REG, REGISTERS["PROGRAM_ID"].address, 1, 0)
    await tb.write(Window.REG, REGISTERS["CTRL"].address, record)


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def every_refusal_has_its_code_and_the_checks_their_order(dut):
    tb = await device(dut)
    n = CONFIG.n_neurons
    zeros = bytes(2)
    for command, payload, status in (
        (0, b"", Status.BAD_COMMAND),
        (12, bytes(300 % 249), Status.BAD_COMMAND),
        (0x7F, b"", Status.BAD_COMMAND),
        (Command.PING, b"abc", Status.BAD_LENGTH),
        (Command.READ, at(99, 0), Status.BAD_LENGTH),
        (Command.WRITE, at(0, 0), Status.BAD_LENGTH),
        (Command.WRITE, at(1, 0) + b"abc", Status.BAD_LENGTH),
        (Command.STOP, b"x", Status.BAD_LENGTH),
        (Command.EVENTS, bytes(3), Status.BAD_LENGTH),
        (Command.EVENTS, bytes(5), Status.BAD_LENGTH),
        (Command.READ, at(9, 1 << 23) + b"\x01", Status.BAD_WINDOW),
        (Command.WRITE, at(0x18, 0) + zeros, Status.BAD_WINDOW),
        (Command.CRC32, at(255, 0) + u(0, 3), Status.BAD_WINDOW),
        (Command.READ, at(Window.COUNT, n) + b"\x01", Status.BAD_ADDRESS),
        (Command.READ, at(Window.COUNT, n + 1) + b"\x00", Status.BAD_ADDRESS),
        (Command.READ, at(Window.REG, 250) + b"\x07", Status.BAD_ADDRESS),
        (Command.WRITE, at(Window.FIRED, n) + zeros, Status.BAD_ADDRESS),
        (Command.CRC32, at(Window.STATE, 0xFFFFFF) + u(0xFFFFFF, 3), Status.BAD_ADDRESS),
        (Command.WRITE, at(Window.FIRED, 0) + zeros, Status.READ_ONLY),
        (Command.WRITE, reg("MAGIC") + zeros, Status.READ_ONLY),
        (Command.WRITE, reg("CTRL") + zeros * 2, Status.READ_ONLY),
        (Command.WRITE, at(0, 65) + zeros, Status.READ_ONLY),
        (Command.WRITE, reg("SCRATCH") + zeros * 2, Status.READ_ONLY),
        (Command.READ, at(Window.COUNT, 0) + b"\x00", Status.BAD_VALUE),
        (Command.READ, at(Window.ACC, 0) + b"\x7d", Status.BAD_VALUE),
        (Command.CRC32, at(Window.REG, 0) + u(0, 3), Status.BAD_VALUE),
        (Command.RUN, u(0, 4), Status.NO_PROGRAM),
        (Command.CLEAR, u(1 << 6, 2), Status.BAD_VALUE),
        (Command.ARGMAX, u(3, 2) + u(2, 2), Status.BAD_VALUE),
        (Command.ARGMAX, u(9, 2) + u(2, 2), Status.BAD_VALUE),
        (Command.ARGMAX, u(0, 2) + u(n, 2), Status.BAD_VALUE),
        (Command.SET_BAUD, u((1 << 12) - 1, 4), Status.BAD_VALUE),
        (Command.SET_BAUD, u(1 << 24, 4), Status.BAD_VALUE),
        (Command.EVENTS, u(0, 4) + u(0x8000, 2), Status.BAD_VALUE),
        (Command.EVENTS, u(0, 4) + u(CONFIG.n_axons, 2), Status.EVENT_RANGE),
        (Command.EVENTS, u(32768, 4) + zeros, Status.EVENT_RANGE),
        (Command.EVENTS, u(0xFFFFFFFF, 4) + u(0xFFFF, 2) + zeros, Status.EVENT_RANGE),
        (Command.EVENTS, u(5, 4) + zeros * 2, Status.EVENT_ORDER),
        (Command.EVENTS, u(5, 4) + zeros * 2 + u(0x8000, 2), Status.EVENT_ORDER),
        (Command.EVENTS, u(0, 4) + b"".join(u(k, 2) for k in range(16)), Status.QUEUE_FULL),
    ):
        assert (status, b"") == await tb.ask(command, payload), (command, payload.hex())
    await tb.write(Window.REG, REGISTERS["PROGRAM_ID"].address, 0, 1)
    await tb.ok(Command.RUN, u(1, 4))
    assert Status.BAD_VALUE == (await tb.ask(Command.RUN | FENCE, u(0xFFFFFFFF, 4)))[0]
    assert Status.EVENT_PAST == (await tb.ask(Command.EVENTS, u(0, 4) + zeros))[0]
    await tb.ok(Command.READ, at(Window.REG, 0) + u(32, 1))


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def memories_read_back_and_crc_is_that_of_zlib(dut):
    tb = await device(dut, "often")
    rng = random.Random(21)
    values = [rng.randrange(1 << 16) for _ in range(122)]
    await tb.write(Window.WEIGHT, 3, *values)
    data = await tb.ok(Command.READ, at(Window.WEIGHT, 3) + u(122, 1))
    assert b"".join(u(v, 2) for v in values) == data
    crc = await tb.ok(Command.CRC32, at(Window.WEIGHT, 3) + u(122, 3))
    assert u(zlib.crc32(data), 4) == crc
    # Field by field the largest values that this core can hold.
    await tb.write(Window.SEG, 4, 63, 0x0707, 0x33, 79)
    await tb.ok(Command.CRC32, at(Window.SEG, 0) + u(12, 3))
    for window, n in ((Window.PARAM, 8), (Window.STATE, 8), (Window.POP, 16),
                      (Window.ACC, 9), (Window.COUNT, 5)):  # fmt: skip
        await tb.write(window, 0, *(rng.randrange(1 << 16) for _ in range(n)))
        await tb.ok(Command.READ, at(window, 0) + u(n, 1))
        await tb.ok(Command.CRC32, at(window, 0) + u(n, 3))
    for k, count in enumerate((3, 900, 70, 900, 1)):
        await tb.write(Window.COUNT, 4 + k, count)
    assert u(5, 2) + u(900, 2) == await tb.ok(Command.ARGMAX, u(4, 2) + u(12, 2))
    await tb.ok(Command.ARGMAX, u(8, 2) + u(8, 2))
    await tb.ok(Command.CLEAR, u(Clear.COUNTS, 2))
    assert u(6, 2) + u(0, 2) == await tb.ok(Command.ARGMAX, u(6, 2) + u(9, 2))


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def a_range_may_end_with_its_window(dut):
    tb = await device(dut)
    n, groups = CONFIG.n_neurons, CONFIG.n_groups
    for window, size in (
        (Window.REG, 256),
        (Window.WEIGHT, CONFIG.weight_words * CONFIG.lanes * CONFIG.weight_bits // 16),
        (Window.SEG, CONFIG.n_segments * 4),
        (Window.PARAM, n * 4),
        (Window.STATE, n * 4),
        (Window.POP, CONFIG.n_populations * 16),
        (Window.ACC, CONFIG.delay_slots * groups * CONFIG.lanes),
        (Window.COUNT, n),
    ):
        await tb.ok(Command.READ, at(window, size - 2) + u(2, 1))
        past = await tb.ask(Command.READ, at(window, size - 2) + u(3, 1))
        assert (Status.BAD_ADDRESS, b"") == past
    await tb.ok(Command.ARGMAX, u(0, 2) + u(n - 1, 2))
    await tb.write(Window.REG, REGISTERS["PROGRAM_ID"].address, 1, 2, 3, 0, 5)
    await tb.ok(Command.READ, reg("CTRL") + u(8, 1))


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def repeated_and_missing_numbers_get_the_reply_of_the_rule(dut):
    tb = await device(dut)
    first = await tb.ask(Command.READ, reg("MAGIC") + u(3, 1))
    seq = tb.seq
    assert first == await tb.ask(Command.READ, reg("MAGIC") + u(3, 1), seq - 1)
    # A refusal in between keeps the number and the kept reply.
    assert Status.BAD_LENGTH == (await tb.ask(Command.STOP, b"x"))[0]
    assert first == await tb.ask(Command.READ, reg("MAGIC") + u(3, 1), seq - 1)
    for k in (2, 3, 127, 128):
        assert (Status.DUPLICATE, b"") == await tb.ask(Command.STOP, b"", seq - k)
    for k in (1, 2, 127):
        got = await tb.ask(Command.STOP, b"", seq + k)
        assert (Status.BAD_SEQUENCE, u(seq % 256, 1) + b"\0") == got
    assert first == await tb.ask(Command.READ, reg("MAGIC") + u(3, 1), seq - 1)
    await tb.ok(Command.PING, b"wxyz")
    # The PING's reply is not kept.
    assert (Status.DUPLICATE, b"") == await tb.ask(Command.STOP, b"", tb.seq - 1)
    await tb.ask(Command.PING, b"0123", 255)
    await tb.ok(Command.STOP)
    assert Status.OK == (await tb.ask(Command.STOP, b"", 0))[0]
    await tb.ok(Command.READ, reg("ERR_FRAMING") + u(7, 1))


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def pipelined_frames_within_the_credit_are_all_answered(dut):
    tb = await device(dut)
    rng = random.Random(5)
    for _ in range(6):
        frames, room = [], CONFIG.rx_buffer
        while True:
            values = bytes(rng.randrange(256) for _ in range(2 * rng.randint(1, 60)))
            frame = encode_frame(tb.seq % 256, Command.WRITE, at(Window.WEIGHT, 0) + values)
            room -= len(frame)
            if room < 0:
                break
            frames.append(frame)
            tb.seq += 1
        cocotb.start_soon(tb.source.send(b"".join(frames)))
        for frame in frames:
            tb.golden.push(frame)
            assert tb.golden.pull() == await tb.reply()
    await tb.ok(Command.CRC32, at(Window.WEIGHT, 0) + u(60, 3))


@cocotb.test(timeout_time=3, timeout_unit="ms")
async def random_requests_equal_the_golden_device(dut):
    tb = await device(dut, "often")
    rng = random.Random(int(os.environ.get("SPIKESIM_SEED", "7")))
    await firing_program(tb)
    for _ in range(int(os.environ.get("SPIKESIM_REQUESTS", "220"))):
        command = rng.choice([*ARGUMENTS, Command.EVENTS, Command.EVENTS, Command.WRITE])
        payload = bytearray(rng.randbytes(max(0, ARGUMENTS[command] + rng.choice((0,) * 9 + (1,)))))
        if command in (Command.READ, Command.WRITE, Command.CRC32):
            payload[:4] = at(rng.randrange(10), rng.randrange(100))
            if command != Command.WRITE:
                payload[4:] = u(rng.randrange(130), 1) + bytes(len(payload) - 5)
            if payload[0] == Window.REG and command != Command.WRITE:
                payload[1:5] = u(rng.choice((0, 40, 48, 60)), 3) + u(rng.randint(1, 16), 1)
            if payload[0] in (Window.POP, Window.SEG) and command == Command.WRITE:
                continue  # tables stay legal: what an illegal one does is no matter of the link
        elif command == Command.EVENTS:
            step = max(0, tb.golden.core.next_step + rng.randrange(-1, 4))
            words = sorted(rng.randrange(CONFIG.n_axons + 1) for _ in range(rng.randrange(4)))
            if rng.random() < 0.5:
                words.insert(rng.randint(0, len(words)), 0x8000 + rng.randrange(4))
            payload = u(step, 4) + b"".join(u(w, 2) for w in words)
        elif command == Command.RUN:
            payload[:4] = u(rng.randrange(3), 4)
        elif command == Command.CLEAR:
            payload[:2] = u(rng.choice((1, 2, 4, 5, 32, 64)), 2)
        elif command == Command.ARGMAX and len(payload) == 4:
            payload = u(rng.randrange(20), 2) + u(rng.randrange(CONFIG.n_neurons + 2), 2)
        elif command == Command.SET_BAUD:
            payload[3:4] = b"\0" * len(payload[3:4])
        seq = tb.seq + rng.choice((0,) * 12 + (-1, -2, 1))
        await tb.ask(command | FENCE, bytes(payload), seq)
        if command == Command.RUN:
            tb.golden.pull()  # lets the golden core run until it is idle or stalled
            if tb.golden.stalled:
                await ClockCycles(dut.clk, 3000)
                await tb.ok(Command.STOP)
            await tb.idle()
    await tb.ok(Command.READ, at(Window.REG, 0) + u(72, 1))
