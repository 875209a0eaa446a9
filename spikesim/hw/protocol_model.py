# SPDX-License-Identifier: Apache-2.0
"""The device's end of the link over the golden core: bytes in, bytes out.

Follows docs/design/link.md frame by frame. It serves as a device in this process and as the
oracle of the Verilog link. Time is counted in frames: after each frame the core runs
``steps_per_frame`` steps, and a fenced command runs the core until it is idle.
"""

from __future__ import annotations

from collections import deque

from spikesim.hw.command_model import CommandModel, RefusedCommand
from spikesim.hw.config import DEFAULT_CLK_HZ, CoreConfig
from spikesim.hw.generated import SEQUENCE_NUMBERS, Command, Status
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
        self._commands = CommandModel(self.core, self.registers)
        self.steps_per_frame = steps_per_frame
        self._rest = b""
        self._waiting: deque[Frame] = deque()
        self._out: list[bytes] = []
        self._expected = 0
        self._known = False
        self._kept: tuple[int, bytes] | None = None

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
            self.advance(self._commands.left)
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
        return self._commands.running

    @property
    def stalled(self) -> bool:
        """Whether the run waits for room in the spike queue."""
        return self._commands.stalled

    def advance(self, steps: int) -> None:
        """Run at most ``steps`` of the steps that are left."""
        self._commands.advance(steps)

    # --- frames ------------------------------------------------------------------------------

    def _work(self) -> None:
        while self._waiting:
            frame = self._waiting[0]
            if frame.code & FENCE and self._would_execute(frame):
                self.advance(self._commands.left)
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
            payload = self._commands.execute(command, frame.payload)
        except RefusedCommand as refused:
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
