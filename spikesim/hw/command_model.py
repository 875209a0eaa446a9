# SPDX-License-Identifier: Apache-2.0
"""What each command of the link does to a core, after docs/design/link.md."""

from __future__ import annotations

import zlib

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
    STEP_MASK,
    WINDOWS,
    Clear,
    Command,
    Status,
    StatusBit,
    Window,
)
from spikesim.hw.golden.readable import GoldenCore
from spikesim.hw.register_model import RegisterModel

_BAUD_INCREMENTS = range(MIN_INCREMENT, MAX_INCREMENT + 1)


class RefusedCommand(Exception):  # noqa: N818 - a status, not a failure of this program
    """A command that is answered with an error status."""

    def __init__(self, status: Status) -> None:
        self.status = status


class CommandModel:
    """Commands on a golden core, and the run that one of them starts.

    Parameters
    ----------
    core : GoldenCore
    registers : RegisterModel
        Of the same core.

    Attributes
    ----------
    left : int
        Steps left to run.
    """

    def __init__(self, core: GoldenCore, registers: RegisterModel) -> None:
        self.core, self.registers = core, registers
        self.config = core.config
        self.left = 0
        self._last_event: tuple[int, int] | None = None

    @property
    def running(self) -> bool:
        """Whether steps are left to run."""
        return self.left > 0

    @property
    def stalled(self) -> bool:
        """Whether the run waits for room in the spike queue."""
        return self.running and self.registers.recording and not self.core.ready

    def advance(self, steps: int) -> None:
        """Run at most ``steps`` of the steps that are left."""
        for _ in range(min(steps, self.left)):
            if self.stalled:
                break
            self.core.step(record=self.registers.recording)
            self.left -= 1

    def _status(self) -> int:
        bits = StatusBit(0)
        if self.running:
            bits |= StatusBit.RUNNING | StatusBit.BUSY
        if self.stalled:
            bits |= StatusBit.STALLED
        if self.core.chain_flag:
            bits |= StatusBit.CHAIN
        return int(bits)

    def execute(self, command: int, payload: bytes) -> bytes:
        """Give the reply's payload, or raise RefusedCommand."""
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
            raise RefusedCommand(Status.BAD_COMMAND)
        if not REQUESTS[Command(command)].fits(len(payload)):
            raise RefusedCommand(Status.BAD_LENGTH)
        return handlers[Command(command)](payload)

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
            raise RefusedCommand(Status.BAD_VALUE)
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
                raise RefusedCommand(Status.READ_ONLY)
            self.registers.write(address, values)
        else:
            if not WINDOWS[window].writable:
                raise RefusedCommand(Status.READ_ONLY)
            self._need_idle()
            self.core.write(window, address, values)
        return b""

    def _range(self, payload: bytes, count: int) -> tuple[Window, int]:
        if payload[0] not in set(Window):
            raise RefusedCommand(Status.BAD_WINDOW)
        window = Window(payload[0])
        address = int.from_bytes(payload[1:4], "little")
        size = REG_HALFWORDS
        if window is not Window.REG:
            size = self.core.entries(window) * self.core.stride(window)
        if address + count > size:
            raise RefusedCommand(Status.BAD_ADDRESS)
        return window, address

    def _events(self, payload: bytes) -> bytes:
        step = int.from_bytes(payload[:4], "little")
        last = self._last_event
        marked = last[0] if last is not None else None
        queued: list[int] = []
        for word in _words(payload[4:]):
            if word & MARKER:
                if not word & STEP_MASK:
                    raise RefusedCommand(Status.BAD_VALUE)
                step += word & STEP_MASK
                continue
            if step < self.core.next_step:
                raise RefusedCommand(Status.EVENT_PAST)
            if last is not None and (step, word) <= last:
                raise RefusedCommand(Status.EVENT_ORDER)
            if word >= self.config.n_axons or step - self.core.next_step > EVENT_HORIZON:
                raise RefusedCommand(Status.EVENT_RANGE)
            if marked != step:
                queued.append(MARKER | step & STEP_MASK)
                marked = step
            queued.append(word)
            last = (step, word)
        if len(queued) > self.core.event_free:
            raise RefusedCommand(Status.QUEUE_FULL)
        self.core.queue_events(*queued)
        self._last_event = last
        return self.core.event_free.to_bytes(2, "little")

    def _run(self, payload: bytes) -> bytes:
        self._need_idle()
        steps = int.from_bytes(payload, "little")
        if self.registers.program_id == 0:
            raise RefusedCommand(Status.NO_PROGRAM)
        if self.core.next_step + steps > 0xFFFF_FFFF:
            raise RefusedCommand(Status.BAD_VALUE)
        self.left = steps
        return b""

    def _stop(self, payload: bytes) -> bytes:
        self.left = 0
        return self.core.next_step.to_bytes(4, "little")

    def _clear(self, payload: bytes) -> bytes:
        self._need_idle()
        mask = int.from_bytes(payload, "little")
        if mask & ~CLEAR_ALL:
            raise RefusedCommand(Status.BAD_VALUE)
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
            raise RefusedCommand(Status.BAD_VALUE)
        counts = self.core.count[first : last + 1]
        best = max(counts)
        winner = first + counts.index(best)
        return winner.to_bytes(2, "little") + best.to_bytes(2, "little")

    def _set_baud(self, payload: bytes) -> bytes:
        # The model has no line, so the rate is checked and nothing else.
        if int.from_bytes(payload, "little") not in _BAUD_INCREMENTS:
            raise RefusedCommand(Status.BAD_VALUE)
        return b""

    def _need_idle(self) -> None:
        if self.running:
            raise RefusedCommand(Status.BUSY)


def _words(data: bytes) -> list[int]:
    return [data[k] | data[k + 1] << 8 for k in range(0, len(data), 2)]
