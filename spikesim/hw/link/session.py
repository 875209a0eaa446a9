# SPDX-License-Identifier: Apache-2.0
"""Commands over a line that loses bytes, each executed exactly once.

Requests are pipelined up to the device's receive buffer and repeated from the first lost one;
docs/design/link.md is the rule, ``exchange.py`` the bookkeeping.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from spikesim.errors import DeviceError
from spikesim.hw.generated import DEFAULT_BAUD, MAGIC, PROTOCOL_VERSION, Command, Status
from spikesim.hw.link.errors import (
    CommandRefusedError,
    GarbledAnswerError,
    LinkLostError,
    NoAnswerError,
    ProtocolVersionError,
)
from spikesim.hw.link.exchange import MAX_OPEN, Exchange, Refusal, Request
from spikesim.hw.link.framing import DELIMITER, FrameReader, encode_frame
from spikesim.hw.link.transport import Transport

__all__ = ["LinkSession", "Request", "SessionStatistics"]

_LOG = logging.getLogger(__name__)
# Before the device has told its own, the window must suit the smallest one.
_FIRST_WINDOW = 256
_FIRST_TIMEOUT = 0.4
_OPEN_TRIES = 4
# Commands that give the same answer when executed twice in a row.
_REPEATABLE = frozenset(
    {Command.READ, Command.WRITE, Command.CRC32, Command.ARGMAX, Command.CLEAR, Command.PING}
)
_READS = frozenset({Command.READ, Command.CRC32, Command.ARGMAX})


@dataclass(slots=True)
class SessionStatistics:
    """What a session did, for reports and tests: bytes, frames, seconds of silence."""

    bytes_out: int = 0
    bytes_in: int = 0
    repeated: int = 0
    timeouts: int = 0
    resyncs: int = 0


class LinkSession:
    """Exactly-once commands to one device.

    Parameters
    ----------
    transport : Transport
        Byte pipe; the session is its only user.
    timeout : float
        Seconds of silence, besides the line time of what is open, before a frame is repeated.
        Doubles with every try.
    tries : int
        Silences in a row before NoAnswerError.

    Attributes
    ----------
    window : int
        Bytes of unanswered frames allowed; the device's RXBUF once that is known.
    statistics : SessionStatistics
        Totals.
    """

    def __init__(self, transport: Transport, *, timeout: float = 1.0, tries: int = 5) -> None:
        self.transport = transport
        self.timeout = timeout
        self.tries = tries
        self.window = _FIRST_WINDOW
        self.statistics = SessionStatistics()
        self._reader = FrameReader()
        self._seq = secrets.randbelow(256)
        self._in_step = False

    # --- getting in step ---------------------------------------------------------------------

    def connect(self) -> None:
        """Find the device and take the session over, whatever was said before.

        Raises
        ------
        NoAnswerError, GarbledAnswerError
            Nothing, or nothing legible, came back.
        ProtocolVersionError
            Another protocol, or no spikesim core.
        """
        seen, good = self._reader.bytes_seen, self._reader.good
        timeout = min(_FIRST_TIMEOUT, self.timeout)
        for attempt in range(_OPEN_TRIES):
            payload = self._ping(timeout)
            if payload is not None:
                self._check_identity(payload)
                return
            timeout *= 1.5
            # The device may be left at another rate; a break brings it back to the default.
            if attempt == 0:
                self.transport.send_break()
        name, baud = self.transport.name, self.transport.baud
        rate = "" if baud is None else f" at {baud} baud"
        got = self._reader.bytes_seen - seen
        if got and self._reader.good == good:
            raise GarbledAnswerError(
                f"device {name}: expected frames{rate}, got {got} bytes and no good frame; "
                f"the baud rate is probably wrong (after reset a core listens at {DEFAULT_BAUD})"
            )
        raise NoAnswerError(
            f"device {name}: expected an answer to PING{rate}, got "
            f"{'none that fits' if got else 'silence'} in {_OPEN_TRIES} tries; check that the "
            "board is powered and configured, that this is its port, and that the baud rate is "
            f"right ({DEFAULT_BAUD} after reset)"
        )

    def resync(self) -> None:
        """Put both ends in step; what was in flight is answered or lost, never later.

        Raises
        ------
        NoAnswerError
            The device is silent.
        """
        self.statistics.resyncs += 1
        self._in_step = False
        timeout = self.timeout
        for _ in range(self.tries):
            if self._ping(timeout) is not None:
                return
            timeout *= 2
        raise self._silence("PING")

    def _ping(self, timeout: float) -> bytes | None:
        """Send PING with a new nonce and drop everything before its reply; None on silence."""
        nonce = secrets.token_bytes(4)
        # The leading delimiter ends whatever half frame an earlier host has left.
        self._write(DELIMITER + encode_frame(self._seq, Command.PING, nonce))
        # Replies of a long burst that was cut may come first.
        while data := self._read(timeout):
            for frame in self._reader.feed(data):
                if (frame.seq, frame.code) == (self._seq, 0) and frame.payload[:4] == nonce:
                    self._seq = (self._seq + 1) % 256
                    self._in_step = True
                    return frame.payload
        return None

    def _check_identity(self, payload: bytes) -> None:
        name = self.transport.name
        magic = int.from_bytes(payload[4:8], "little")
        version = int.from_bytes(payload[8:10], "little")
        if len(payload) < 10 or magic != MAGIC:
            raise ProtocolVersionError(
                f"device {name}: expected a spikesim core (magic {MAGIC:#010x}), got "
                f"{payload[4:].hex(' ') or 'nothing'}; this is another device"
            )
        if version != PROTOCOL_VERSION:
            way_out = "load a newer bitstream" if version < PROTOCOL_VERSION else "update spikesim"
            raise ProtocolVersionError(
                f"device {name}: expected link protocol {PROTOCOL_VERSION}, got {version}; "
                f"{way_out}"
            )

    # --- commands ----------------------------------------------------------------------------

    def command(
        self,
        command: Command,
        payload: bytes = b"",
        *,
        fence: bool = False,
        patience: float = 0.0,
    ) -> bytes:
        """Execute one command and give its reply's payload; see ``burst``."""
        answer = self.burst([Request(command, payload, fence, answer=True)], patience=patience)[0]
        return answer or b""

    def burst(
        self,
        requests: Sequence[Request],
        *,
        patience: float = 0.0,
        progress: Callable[[int], None] | None = None,
    ) -> list[bytes | None]:
        """Execute commands in order, pipelined.

        Parameters
        ----------
        requests : sequence of Request
            A request that wants an answer and changes something (SPIKES, STOP, EVENTS) has to
            be the last.
        patience : float
            Seconds the device may be silent besides the usual, for fenced commands.
        progress : callable, optional
            Called with the number of requests done.

        Returns
        -------
        list of (bytes or None)
            Payload of each request with ``answer``; None for the others, and for a command
            that was executed while its reply is lost for good.

        Raises
        ------
        CommandRefusedError
            The first refused command; nothing behind it was executed.
        NoAnswerError
            The device fell silent.
        LinkLostError
            The device forgot the session while a command was open that must not be repeated.
        """
        for request in requests[:-1]:
            if request.answer and request.command not in _READS:
                raise ValueError(f"burst: {request.command.name} with answer has to be the last")
        answers: list[bytes | None] = [None] * len(requests)
        todo = list(enumerate(requests))
        while todo:
            if not self._in_step:
                self.resync()
            exchange = Exchange([request for _, request in todo], self._seq, self.window)
            try:
                self._run(exchange, patience, progress)
            except BaseException:
                # Also KeyboardInterrupt: replies still on the way must not meet a new burst.
                self._in_step = False
                raise
            finally:
                self._seq = exchange.seq
                self.statistics.repeated += exchange.repeated
            for (slot, _), answer in zip(todo, exchange.answers, strict=True):
                answers[slot] = answer
            # A lost answer is read again: nothing behind it has changed what it reads.
            todo = [
                (k, r) for k, r in todo if r.answer and answers[k] is None and r.command in _READS
            ]
        return answers

    def _run(
        self, exchange: Exchange, patience: float, progress: Callable[[int], None] | None
    ) -> None:
        silences, resets = 0, 0
        while not exchange.finished:
            if out := exchange.due():
                self._write(out)
            baud = self.transport.baud
            line = 10 * exchange.open_bytes / baud if baud else 0.0
            data = self._read((self.timeout + line) * 2**silences + patience)
            if not data:
                silences += 1
                self.statistics.timeouts += 1
                if silences >= self.tries:
                    raise self._silence(exchange.requests[exchange.done].command.name)
                exchange.silence()
                continue
            before = exchange.done
            for frame in self._reader.feed(data):
                try:
                    exchange.take(frame)
                except Refusal as refusal:
                    raise self._refused(exchange, refusal) from None
                if exchange.finished:
                    break
            if exchange.done > before:
                silences = resets = 0
                if progress is not None:
                    progress(exchange.done)
            if exchange.losses > MAX_OPEN * self.tries:
                raise self._silence("repeated frames")
            if exchange.forgotten:
                resets += 1
                if resets >= self.tries:
                    raise self._silence("a known sequence number")
                self._take_up(exchange)

    def _take_up(self, exchange: Exchange) -> None:
        """Go on after a reset or break of the device's link, if repeating is harmless."""
        risky = [
            r.command.name
            for r in exchange.requests[exchange.done :]
            if r.command not in _REPEATABLE
        ]
        if risky:
            raise LinkLostError(
                f"device {self.transport.name}: expected it to know the session, got a reset or "
                f"line break while {risky[0]} was open, which may have been executed or not; "
                "clear the state and run again, and load the program again if power was lost"
            )
        self._seq = (exchange.seq - 1) % 256
        self.resync()
        exchange.restart()

    def _refused(self, exchange: Exchange, refusal: Refusal) -> DeviceError:
        request = exchange.requests[refusal.at]
        try:
            status = Status(refusal.code)
        except ValueError:
            return DeviceError(
                f"device {self.transport.name}: expected a known status, got {refusal.code}; the "
                "core is newer than this spikesim, update spikesim"
            )
        return CommandRefusedError(
            self.transport.name, int(request.command), status, request.payload
        )

    # --- line --------------------------------------------------------------------------------

    def _write(self, data: bytes) -> None:
        self.statistics.bytes_out += len(data)
        self.transport.write(data)

    def _read(self, timeout: float) -> bytes:
        data = self.transport.read(timeout)
        self.statistics.bytes_in += len(data)
        return data

    def _silence(self, what: str) -> NoAnswerError:
        return NoAnswerError(
            f"device {self.transport.name}: expected an answer to {what}, got none in "
            f"{self.tries} tries; check power and cable, or raise the timeout of a slow line"
        )
