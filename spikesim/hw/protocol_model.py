# SPDX-License-Identifier: Apache-2.0
"""The device's end of the link over the golden core: bytes in, bytes out.

Follows docs/design/link.md frame by frame. It serves as a device in this process and as the
oracle of the Verilog link. Time is counted in frames: after each frame the core runs
``steps_per_frame`` steps, and a fenced command runs the core until it is idle.
"""

from __future__ import annotations

import zlib
from collections import deque

from spikesim.hw.config import DEFAULT_CLK_HZ, CoreConfig
from spikesim.hw.generated import (
    CLEAR_ALL,
    EVENT_HORIZON,
    MAGIC,
    MARKER,
    MAX_INCREMENT,
    MIN_INCREMENT,
    PROTOCOL_VERSION,
    REG_HALFWORDS,
    REPLIES,
    REQUESTS,
    SEQUENCE_NUMBERS,
    STEP_MASK,
    WINDOWS,
    Clear,
    Command,
    Status,
    StatusBit,
    Window,
)
from spikesim.hw.golden.readable import GoldenCore
from spikesim.hw.link.framing import (
    DELIMITER,
    FENCE,
    MAX_FRAME,
    Frame,
    FrameError,
    decode_frame,
    encode_frame,
)
from spikesim.hw.register_model import RegisterModel

_BAUD_INCREMENTS = range(MIN_INCREMENT, MAX_INCREMENT + 1)


class _Refused(Exception):  # noqa: N818 - a status, not a failure of this program
    def __init__(self, status: Status) -> None:
        self.status = status


class GoldenDevice:
    """A core behind a line, exact in every reply byte.

    Parameters
    ----------
    config : CoreConfig
    clk_hz : int
        What register CLK_HZ says.
    steps_per_frame : int
        Steps a running core makes while one frame is handled.

    Attributes
    ----------
    core : GoldenCore
    registers : RegisterModel
        Register file and error counters.
    """

    def __init__(
        self, config: CoreConfig, clk_hz: int = DEFAULT_CLK_HZ, *, steps_per_frame: int = 1
    ) -> None:
        self.config = config
        self.core = GoldenCore(config)
        self.registers = RegisterModel(self.core, clk_hz)
        self.steps_per_frame = steps_per_frame
        self._left = 0
        self._rest = b""
        self._waiting: deque[Frame] = deque()
        self._out: list[bytes] = []
        self._expected = 0
        self._known = False
        self._kept: tuple[int, bytes] | None = None
        self._last_event: tuple[int, int] | None = None

    # --- bytes -------------------------------------------------------------------------------

    def push(self, data: bytes) -> None:
        """Take line bytes in and handle every frame they complete."""
        *blocks, rest = (self._rest + data).split(DELIMITER)
        # The tail of a block that is too long anyway need not be kept.
        self._rest = rest if len(rest) <= 2 * MAX_FRAME else rest[: 2 * MAX_FRAME]
        for block in blocks:
            if not block:
                continue
            try:
                frame = decode_frame(block)
            except FrameError as error:
                self.registers.count("ERR_CRC" if error.crc else "ERR_FRAME")
                continue
            self.registers.frames = (self.registers.frames + 1) & 0xFFFF
            self._waiting.append(frame)
            self._work()
            self.advance(self.steps_per_frame)

    def pull(self) -> bytes:
        """Give the reply bytes; without any, let the core work until it is idle or stalled."""
        if not self._out:
            self.advance(self._left)
            self._work()
        out = b"".join(self._out)
        self._out.clear()
        return out

    def line_break(self) -> None:
        """Reset the link as a break does; the core is not touched."""
        self.registers.count("BREAKS")
        self._rest = b""
        self._waiting.clear()
        self._expected = 0
        self._known = False
        self._kept = None

    # --- core --------------------------------------------------------------------------------

    @property
    def running(self) -> bool:
        """Whether steps are left to run."""
        return self._left > 0

    @property
    def stalled(self) -> bool:
        """Whether the run waits for room in the spike queue."""
        return self.running and self.registers.recording and not self.core.ready

    def advance(self, steps: int) -> None:
        """Run at most ``steps`` of the steps that are left."""
        for _ in range(min(steps, self._left)):
            if self.stalled:
                break
            self.core.step(record=self.registers.recording)
            self._left -= 1

    def _status(self) -> int:
        bits = StatusBit(0)
        if self.running:
            bits |= StatusBit.RUNNING | StatusBit.BUSY
        if self.stalled:
            bits |= StatusBit.STALLED
        if self.core.chain_flag:
            bits |= StatusBit.CHAIN
        return int(bits)

    # --- frames ------------------------------------------------------------------------------

    def _work(self) -> None:
        while self._waiting:
            frame = self._waiting[0]
            if frame.code & FENCE and self._would_execute(frame):
                self.advance(self._left)
                if self.running:
                    # Stalled: a fenced command waits, and every frame behind it too.
                    return
            self._waiting.popleft()
            reply = self._reply(frame)
            if reply:
                self._out.append(reply)

    def _would_execute(self, frame: Frame) -> bool:
        if frame.code & ~FENCE == Command.PING:
            return True
        return self._known and frame.seq == self._expected

    def _reply(self, frame: Frame) -> bytes:
        seq, command = frame.seq, frame.code & ~FENCE
        ping = command == Command.PING
        if not ping and not self._known:
            return self._bad_sequence(seq)
        delta = (seq - self._expected) % SEQUENCE_NUMBERS
        if not ping and delta:
            if self._kept is not None and delta == SEQUENCE_NUMBERS - 1 and self._kept[0] == seq:
                return self._kept[1]
            if delta >= SEQUENCE_NUMBERS // 2:
                return encode_frame(seq, Status.DUPLICATE)
            return self._bad_sequence(seq)
        try:
            payload = self._execute(command, frame.payload)
        except _Refused as refused:
            return encode_frame(seq, refused.status)
        reply = encode_frame(seq, Status.OK, payload)
        self._expected = (seq + 1) % SEQUENCE_NUMBERS
        self._known = True
        # PING is executed again when it comes again, so its reply need not be kept.
        self._kept = None if ping else (seq, reply)
        return reply

    def _bad_sequence(self, seq: int) -> bytes:
        self.registers.count("ERR_SEQUENCE")
        return encode_frame(seq, Status.BAD_SEQUENCE, bytes((self._expected, 0)))

    def _execute(self, command: int, payload: bytes) -> bytes:
        handlers = {
            Command.PING: self._ping,
            Command.READ: self._read,
            Command.WRITE: self._write,
            Command.CRC32: self._crc32,
            Command.EVENTS: self._events,
            Command.RUN: self._run,
            Command.STOP: self._stop,
            Command.CLEAR: self._clear,
            Command.SPIKES: self._spikes,
            Command.ARGMAX: self._argmax,
            Command.SET_BAUD: self._set_baud,
        }
        if command not in set(Command):
            raise _Refused(Status.BAD_COMMAND)
        if not REQUESTS[Command(command)].fits(len(payload)):
            raise _Refused(Status.BAD_LENGTH)
        return handlers[Command(command)](payload)

    # --- commands ----------------------------------------------------------------------------

    def _ping(self, payload: bytes) -> bytes:
        return payload + MAGIC.to_bytes(4, "little") + PROTOCOL_VERSION.to_bytes(2, "little")

    def _read(self, payload: bytes) -> bytes:
        return self._halfwords(payload, payload[4], REPLIES[Command.READ].most)

    def _crc32(self, payload: bytes) -> bytes:
        count = int.from_bytes(payload[4:7], "little")
        return zlib.crc32(self._halfwords(payload, count, count)).to_bytes(4, "little")

    def _halfwords(self, payload: bytes, count: int, most: int) -> bytes:
        window, address = self._range(payload, count)
        if window is not Window.REG:
            self._need_idle()
        if not 1 <= count <= most:
            raise _Refused(Status.BAD_VALUE)
        if window is Window.REG:
            values = self.registers.read(address, count, self._status())
        else:
            values = self.core.read(window, address, count)
        return b"".join(value.to_bytes(2, "little") for value in values)

    def _write(self, payload: bytes) -> bytes:
        values = _words(payload[4:])
        count = len(values)
        window, address = self._range(payload, count)
        if window is Window.REG:
            if not self.registers.writable(address, count):
                raise _Refused(Status.READ_ONLY)
            self.registers.write(address, values)
        else:
            if not WINDOWS[window].writable:
                raise _Refused(Status.READ_ONLY)
            self._need_idle()
            self.core.write(window, address, values)
        return b""

    def _range(self, payload: bytes, count: int) -> tuple[Window, int]:
        if payload[0] not in set(Window):
            raise _Refused(Status.BAD_WINDOW)
        window = Window(payload[0])
        address = int.from_bytes(payload[1:4], "little")
        size = REG_HALFWORDS
        if window is not Window.REG:
            size = self.core.entries(window) * self.core.stride(window)
        if address + count > size:
            raise _Refused(Status.BAD_ADDRESS)
        return window, address

    def _events(self, payload: bytes) -> bytes:
        step = int.from_bytes(payload[:4], "little")
        last = self._last_event
        marked = last[0] if last is not None else None
        queued: list[int] = []
        for word in _words(payload[4:]):
            if word & MARKER:
                if not word & STEP_MASK:
                    raise _Refused(Status.BAD_VALUE)
                step += word & STEP_MASK
                continue
            if step < self.core.next_step:
                raise _Refused(Status.EVENT_PAST)
            if last is not None and (step, word) <= last:
                raise _Refused(Status.EVENT_ORDER)
            if word >= self.config.n_axons or step - self.core.next_step > EVENT_HORIZON:
                raise _Refused(Status.EVENT_RANGE)
            if marked != step:
                queued.append(MARKER | step & STEP_MASK)
                marked = step
            queued.append(word)
            last = (step, word)
        if len(queued) > self.core.event_free:
            raise _Refused(Status.QUEUE_FULL)
        self.core.queue_events(*queued)
        self._last_event = last
        return self.core.event_free.to_bytes(2, "little")

    def _run(self, payload: bytes) -> bytes:
        self._need_idle()
        steps = int.from_bytes(payload, "little")
        if self.registers.program_id == 0:
            raise _Refused(Status.NO_PROGRAM)
        if self.core.next_step + steps > 0xFFFF_FFFF:
            raise _Refused(Status.BAD_VALUE)
        self._left = steps
        return b""

    def _stop(self, payload: bytes) -> bytes:
        self._left = 0
        return self.core.next_step.to_bytes(4, "little")

    def _clear(self, payload: bytes) -> bytes:
        self._need_idle()
        mask = int.from_bytes(payload, "little")
        if mask & ~CLEAR_ALL:
            raise _Refused(Status.BAD_VALUE)
        self.core.clear(mask)
        self.registers.clear(mask)
        if mask & (Clear.QUEUES | Clear.STATE):
            self._last_event = None
        return b""

    def _spikes(self, payload: bytes) -> bytes:
        flags, step = self._status(), self.core.next_step
        words = self.core.take_spikes(min(payload[0], REPLIES[Command.SPIKES].most))
        head = flags.to_bytes(2, "little") + step.to_bytes(4, "little")
        return head + b"".join(word.to_bytes(2, "little") for word in words)

    def _argmax(self, payload: bytes) -> bytes:
        self._need_idle()
        first, last = _words(payload)
        if not first <= last < self.config.n_neurons:
            raise _Refused(Status.BAD_VALUE)
        counts = self.core.count[first : last + 1]
        best = max(counts)
        winner = first + counts.index(best)
        return winner.to_bytes(2, "little") + best.to_bytes(2, "little")

    def _set_baud(self, payload: bytes) -> bytes:
        # The model has no line, so the rate is checked and nothing else.
        if int.from_bytes(payload, "little") not in _BAUD_INCREMENTS:
            raise _Refused(Status.BAD_VALUE)
        return b""

    def _need_idle(self) -> None:
        if self.running:
            raise _Refused(Status.BUSY)


def _words(data: bytes) -> list[int]:
    return [data[k] | data[k + 1] << 8 for k in range(0, len(data), 2)]
