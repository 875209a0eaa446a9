# SPDX-License-Identifier: Apache-2.0
"""The line to a device: its rate, and how long bytes take on it."""

from __future__ import annotations

from collections.abc import Iterable

from spikesim.errors import DeviceError
from spikesim.hw.device.requests import baud_request
from spikesim.hw.generated import DEFAULT_BAUD, REPLIES, Command
from spikesim.hw.link.errors import NoAnswerError
from spikesim.hw.link.exchange import Request
from spikesim.hw.link.framing import encode_frame
from spikesim.hw.link.session import LinkSession

BITS_PER_BYTE = 10  # 8N1: a start and a stop bit each


def change_baud(session: LinkSession, clk_hz: int, baud: int) -> None:
    """Change the rate of both ends; see ``Device.set_baud``."""
    request = baud_request(baud, clk_hz)
    transport = session.transport
    before = transport.baud
    session.command(request.command, request.payload)
    transport.set_baud(baud)
    try:
        session.resync()
    except NoAnswerError as error:
        transport.set_baud(before or DEFAULT_BAUD)
        session.resync()
        raise DeviceError(
            f"device {transport.name}: expected the line to carry {baud} baud, got silence; use "
            "a lower rate"
        ) from error


def line_bytes(requests: Iterable[Request]) -> tuple[int, int]:
    """Bytes of requests on the line, and of their replies, if nothing is lost.

    Examples
    --------
    >>> from spikesim.hw.device.requests import read_requests, run_request
    >>> from spikesim.hw.generated import Window
    >>> line_bytes([run_request(5), *read_requests(Window.COUNT, 0, 10)])
    (21, 32)
    """
    out = back = 0
    for request in requests:
        out += len(encode_frame(0, request.command, request.payload))
        back += len(encode_frame(0, 0, bytes(_reply_length(request))))
    return out, back


def _reply_length(request: Request) -> int:
    if request.command is Command.READ:
        return 2 * request.payload[4]
    return REPLIES[request.command].fixed
