# SPDX-License-Identifier: Apache-2.0
"""The host's end of the line: frames, transports, and a session that survives a bad line."""

from spikesim.hw.link.errors import (
    CommandRefusedError,
    CoreTooSmallError,
    GarbledAnswerError,
    LinkLostError,
    NoAnswerError,
    PortBusyError,
    PortNotFoundError,
    ProtocolVersionError,
    UnpluggedError,
    VerifyError,
)
from spikesim.hw.link.session import LinkSession, Request
from spikesim.hw.link.transport import Transport, open_transport

__all__ = [
    "CommandRefusedError",
    "CoreTooSmallError",
    "GarbledAnswerError",
    "LinkLostError",
    "NoAnswerError",
    "PortBusyError",
    "PortNotFoundError",
    "ProtocolVersionError",
    "Request",
    "LinkSession",
    "Transport",
    "UnpluggedError",
    "VerifyError",
    "open_transport",
]
