# SPDX-License-Identifier: Apache-2.0
"""Ranges of a memory window as READ, WRITE and CRC32 commands."""

from __future__ import annotations

import struct
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError
from spikesim.hw.generated import (
    MAX_INCREMENT,
    MIN_INCREMENT,
    OVERSAMPLING,
    PHASE_BITS,
    REPLIES,
    REQUESTS,
    Clear,
    Command,
    Window,
)
from spikesim.hw.link.exchange import Request

READ_HALFWORDS = REPLIES[Command.READ].most
WRITE_HALFWORDS = REQUESTS[Command.WRITE].most


def read_payload(window: Window, address: int, count: int) -> bytes:
    """Payload of READ."""
    return bytes((window,)) + address.to_bytes(3, "little") + bytes((count,))


def read_requests(
    window: Window, address: int, count: int, *, fence: bool = False
) -> list[Request]:
    """READ commands that cover a range."""
    return [
        Request(
            Command.READ,
            read_payload(window, at, min(READ_HALFWORDS, address + count - at)),
            fence=fence,
            answer=True,
        )
        for at in range(address, address + count, READ_HALFWORDS)
    ]


def write_requests(
    window: Window, address: int, halfwords: npt.NDArray[np.uint16]
) -> list[Request]:
    """WRITE commands that cover a range."""
    data = halfwords.astype("<u2").tobytes()
    step = 2 * WRITE_HALFWORDS
    return [
        Request(
            Command.WRITE,
            bytes((window,)) + (address + at // 2).to_bytes(3, "little") + data[at : at + step],
        )
        for at in range(0, len(data), step)
    ]


def crc_request(window: Window, address: int, count: int) -> Request:
    """CRC32 of a range."""
    payload = bytes((window,)) + address.to_bytes(3, "little") + count.to_bytes(3, "little")
    return Request(Command.CRC32, payload, fence=True, answer=True)


def clear_request(mask: Clear | int) -> Request:
    """CLEAR once the core is idle."""
    return Request(Command.CLEAR, struct.pack("<H", int(mask)), fence=True)


def run_request(steps: int) -> Request:
    """RUN once the core is idle."""
    return Request(Command.RUN, struct.pack("<I", steps), fence=True)


def event_requests(frames: Iterable[bytes]) -> list[Request]:
    """EVENTS once the core is idle: the run before has then emptied the queue."""
    return [Request(Command.EVENTS, frame, fence=True) for frame in frames]


def baud_request(baud: int, clk_hz: int) -> Request:
    """SET_BAUD for a rate in bit/s on a core with a clock of ``clk_hz`` hertz.

    Raises
    ------
    ValidationError
        The core's clock cannot make this rate.
    """
    scale = OVERSAMPLING << PHASE_BITS
    increment = round(baud * scale / clk_hz)
    if not MIN_INCREMENT <= increment <= MAX_INCREMENT:
        lowest, highest = clk_hz * MIN_INCREMENT / scale, clk_hz // OVERSAMPLING
        raise ValidationError(
            f"baud rate: expected {lowest:.0f} to {highest}, got {baud}; the core samples each bit "
            f"{OVERSAMPLING} times"
        )
    return Request(Command.SET_BAUD, struct.pack("<I", increment))
