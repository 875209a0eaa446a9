# SPDX-License-Identifier: Apache-2.0
"""Frames of the link: CRC-16 and COBS, one 0x00 after each frame (docs/design/link.md)."""

from __future__ import annotations

import binascii
from collections.abc import Iterator
from dataclasses import dataclass

from spikesim.hw.generated import (
    COBS_BLOCK,
    CRC16,
    CRC_BYTES,
    FENCE,
    HEADER_BYTES,
    MAX_FRAME,
    MAX_PAYLOAD,
    MIN_FRAME,
)
from spikesim.hw.generated import DELIMITER as DELIMITER_BYTE

DELIMITER = bytes((DELIMITER_BYTE,))
__all__ = [
    "DELIMITER",
    "FENCE",
    "MAX_FRAME",
    "MIN_FRAME",
    "Frame",
    "FrameError",
    "FrameReader",
    "cobs_decode",
    "cobs_encode",
    "crc16",
    "decode_frame",
    "encode_frame",
]


class FrameError(ValueError):
    """A byte sequence between two delimiters that is no frame; ``crc`` tells which counter."""

    def __init__(self, message: str, *, crc: bool = False) -> None:
        self.crc = crc
        super().__init__(message)


def crc16(data: bytes) -> int:
    """CRC-16 of a frame, ``CRC16`` of the specification.

    ``binascii`` has the polynomial and the bit order built in; a test holds it to the
    specification.

    Examples
    --------
    >>> hex(crc16(b"123456789"))
    '0x29b1'
    """
    return binascii.crc_hqx(data, CRC16.init)


def cobs_encode(data: bytes) -> bytes:
    r"""COBS form of fewer than ``COBS_BLOCK`` bytes, without delimiter.

    Examples
    --------
    >>> cobs_encode(b"\x11\x00\x22").hex()
    '02110222'
    """
    if len(data) >= COBS_BLOCK:
        raise ValueError(
            f"cobs: expected at most {COBS_BLOCK - 1} bytes, got {len(data)}; split the payload"
        )
    return b"".join(bytes((len(part) + 1,)) + part for part in data.split(DELIMITER))


def cobs_decode(block: bytes) -> bytes:
    """Undo ``cobs_encode``; ``block`` holds no 0x00.

    Raises
    ------
    FrameError
        If a code byte points past the end.
    """
    parts = []
    at, end = 0, len(block)
    while at < end:
        code = block[at]
        stop = at + code
        if code == 0 or stop > end:
            raise FrameError("a COBS code points past the end of the frame")
        parts.append(block[at + 1 : stop])
        # A full block carries no zero of its own.
        if code != COBS_BLOCK + 1 and stop < end:
            parts.append(DELIMITER)
        at = stop
    return b"".join(parts)


def encode_frame(seq: int, code: int, payload: bytes = b"") -> bytes:
    """Give the line bytes of one frame, delimiter included.

    Parameters
    ----------
    seq, code : int
        Sequence number and command or status byte, 0 to 255.
    payload : bytes
        At most ``MAX_PAYLOAD`` bytes.
    """
    if len(payload) > MAX_PAYLOAD:
        raise ValueError(f"frame: expected at most {MAX_PAYLOAD} bytes, got {len(payload)}")
    body = bytes((seq, code)) + payload
    return cobs_encode(body + crc16(body).to_bytes(CRC_BYTES, "little")) + DELIMITER


@dataclass(frozen=True, slots=True)
class Frame:
    """A good frame: ``code`` is the command of a request or the status of a reply."""

    seq: int
    code: int
    payload: bytes


def decode_frame(block: bytes) -> Frame:
    """Give the frame in the bytes between two delimiters.

    Raises
    ------
    FrameError
        Wrong COBS, length or CRC.
    """
    body = cobs_decode(block)
    if not MIN_FRAME <= len(body) <= MAX_FRAME:
        raise FrameError(f"expected {MIN_FRAME} to {MAX_FRAME} bytes, got {len(body)}")
    if crc16(body[:-CRC_BYTES]) != int.from_bytes(body[-CRC_BYTES:], "little"):
        raise FrameError("wrong CRC-16", crc=True)
    return Frame(body[0], body[1], body[HEADER_BYTES:-CRC_BYTES])


class FrameReader:
    """Cut a byte stream into frames; anything damaged is dropped and counted.

    Attributes
    ----------
    bytes_seen, good, bad : int
        Totals since construction.
    """

    def __init__(self) -> None:
        self._rest = b""
        self.bytes_seen = 0
        self.good = 0
        self.bad = 0

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Take bytes in, give the good frames they complete."""
        self.bytes_seen += len(data)
        *blocks, rest = (self._rest + data).split(DELIMITER)
        # A line that never sends a delimiter must not fill the memory.
        self._rest = rest[-2 * MAX_FRAME :]
        frames = []
        for block in blocks:
            if not block:
                continue
            try:
                frames.append(decode_frame(block))
                self.good += 1
            except FrameError:
                self.bad += 1
        return iter(frames)
