# SPDX-License-Identifier: Apache-2.0
"""Go-back-N for one burst of requests, without any input or output of its own.

The device executes frames strictly in sequence and says what it expects when one is missing, so
an accepted frame also acknowledges all before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from spikesim.hw.generated import Command, Status
from spikesim.hw.link.framing import DELIMITER, FENCE, Frame, encode_frame

# Sequence numbers are compared modulo 256, so fewer than 128 frames may be open.
MAX_OPEN = 100


@dataclass(frozen=True, slots=True)
class Request:
    """One command.

    Parameters
    ----------
    command : Command
        What to do.
    payload : bytes
        Its arguments.
    fence : bool
        Wait until the core is idle, then execute.
    answer : bool
        The reply carries something the caller needs. Only commands that read may ask for it
        in the middle of a burst, and nothing behind them may change what they read.
    """

    command: Command
    payload: bytes = b""
    fence: bool = False
    answer: bool = False


class Refusal(Exception):  # noqa: N818 - a result that ends the burst; the session names the error
    """The device refused request ``at`` with status code ``code``."""

    def __init__(self, at: int, code: int) -> None:
        self.at, self.code = at, code
        super().__init__(at, code)


class Exchange:
    """State of one burst.

    Parameters
    ----------
    requests : sequence of Request
        In order.
    seq : int
        Number the device expects for the first of them.
    window : int
        Bytes that may be open.

    Attributes
    ----------
    done : int
        Requests known to be executed.
    answers : list of (bytes or None)
        Payloads of the requests that asked for them.
    repeated : int
        Frames sent again.
    losses : int
        Replies that told of a lost frame since a request was last done.
    forgotten : bool
        The device does not know the session any more: a reset or a break.
    """

    def __init__(self, requests: Sequence[Request], seq: int, window: int) -> None:
        self.requests = requests
        self.window = window
        self.done = 0
        self.answers: list[bytes | None] = [None] * len(requests)
        self.repeated = 0
        self.losses = 0
        self.forgotten = False
        self._first = seq
        self._frames: dict[int, bytes] = {}
        # Requests done … _next-1 are on the line; the highest ever sent is _top-1.
        self._next = 0
        self._top = 0
        self._probing = False
        # While a loss is sorted out: the last request on the line, whose reply ends the waiting.
        self._drain: int | None = None

    @property
    def finished(self) -> bool:
        """Whether every request is executed."""
        return self.done >= len(self.requests)

    @property
    def seq(self) -> int:
        """Number of the first request not known to be executed."""
        return (self._first + self.done) % 256

    @property
    def open_bytes(self) -> int:
        """Line bytes sent and not answered."""
        return sum(len(self._frame(k)) for k in range(self.done, self._next))

    def due(self) -> bytes:
        """Give the bytes to send now and count them as sent."""
        if self._drain is not None:
            return b""
        out = []
        room = self.window - self.open_bytes
        stop = min(len(self.requests), self.done + (1 if self._probing else MAX_OPEN))
        while self._next < stop:
            frame = self._frame(self._next)
            # One frame always goes: a window smaller than a frame must not stop the line.
            if len(frame) > room and self._next > self.done:
                break
            room -= len(frame)
            out.append(frame)
            self.repeated += self._next < self._top
            self._next += 1
        self._top = max(self._top, self._next)
        if out and self._probing:
            # A delimiter ends a frame that lost its own on the way.
            out.insert(0, DELIMITER)
        return b"".join(out)

    def silence(self) -> None:
        """Nothing came: repeat the first open request alone, so that no buffer overflows."""
        self._next = self.done
        self._drain = None
        self._probing = True

    def restart(self) -> None:
        """Begin again at ``done``: the device expects ``seq`` now."""
        self._next = self.done
        self._drain = None
        self._probing = False
        self.forgotten = False

    def take(self, frame: Frame) -> None:
        """Take one reply.

        Raises
        ------
        Refusal
            The device refused a request; those behind it are not executed.
        """
        at = self._index(frame.seq)
        if at is None:
            # A second answer to something already done.
            return
        self._probing = False
        if frame.code in (Status.OK, Status.DUPLICATE):
            if frame.code == Status.OK and self.requests[at].answer:
                self.answers[at] = frame.payload
            self._advance(at + 1)
        elif frame.code == Status.BAD_SEQUENCE:
            self._missing(at, frame)
        else:
            raise Refusal(at, frame.code)
        if self._drain is not None and at >= self._drain:
            self._drain = None
            self._next = self.done

    def _missing(self, at: int, frame: Frame) -> None:
        expected = frame.payload[0] if frame.payload else frame.seq
        missing = self._index(expected)
        ahead = (expected - self._first - self._top) % 256 == 0
        if expected == frame.seq or (missing is None and not ahead):
            # Refused although it is what the device waits for, or it waits for what was never
            # sent: the number is not of this session.
            self.forgotten = True
            return
        self.losses += 1
        if missing is not None and missing < at:
            self._advance(missing)
        if self._drain is None:
            # Frames behind the lost one are refused too; their replies are still on the way.
            self._drain = self._next - 1

    def _advance(self, done: int) -> None:
        for k in range(self.done, done):
            self._frames.pop(k, None)
        if done > self.done:
            self.done, self.losses = done, 0
        self._next = max(self._next, self.done)

    def _index(self, seq: int) -> int | None:
        """Which open request a reply belongs to: one that was sent and is not done."""
        at = self.done + (seq - self._first - self.done) % 256
        return at if at < min(self._top, self.done + MAX_OPEN) else None

    def _frame(self, at: int) -> bytes:
        frame = self._frames.get(at)
        if frame is None:
            request = self.requests[at]
            code = int(request.command) | (FENCE if request.fence else 0)
            frame = encode_frame((self._first + at) % 256, code, request.payload)
            self._frames[at] = frame
        return frame
