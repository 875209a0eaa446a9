# SPDX-License-Identifier: Apache-2.0
"""What can go wrong between host and device, one class for each thing a user has to do."""

from __future__ import annotations

from collections.abc import Sequence

from spikesim.errors import DeviceError, ProtocolError
from spikesim.hw.generated import Command, Status, Window


class PortNotFoundError(DeviceError):
    """There is no such port, or nobody listens there."""


class PortBusyError(DeviceError):
    """Another process holds the port."""


class UnpluggedError(DeviceError):
    """The port was there and has gone."""


class NoAnswerError(DeviceError):
    """Requests were sent again and again and nothing came back."""


class GarbledAnswerError(NoAnswerError):
    """Bytes came back, but no good frame: as a rule the baud rates differ."""


class LinkLostError(DeviceError):
    """The device forgot the session in the middle of commands that must not be repeated."""


class ProtocolVersionError(ProtocolError, DeviceError):
    """The device speaks another version of the link, or is no spikesim core."""


class CoreTooSmallError(DeviceError):
    """The program needs more, or another, core than the device has.

    Parameters
    ----------
    problems : sequence of str
        One sentence for each parameter that does not suit.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))

    def __reduce__(self) -> tuple[type[CoreTooSmallError], tuple[tuple[str, ...]]]:
        return (type(self), (self.problems,))


class VerifyError(DeviceError):
    """What the device holds differs from what was written."""


_WAYS_OUT = {
    Status.BUSY: "stop the run first, or send the command with the fence",
    Status.QUEUE_FULL: "run some steps before queueing more events",
    Status.EVENT_PAST: "queue events for steps not started; clear the state to start at 0",
    Status.EVENT_ORDER: "queue events in ascending (step, axon) order, each once",
    Status.EVENT_RANGE: "use axons the core has, and steps within the event horizon",
    Status.NO_PROGRAM: "load a program first",
    Status.READ_ONLY: "write only to writable windows and registers",
    Status.BAD_ADDRESS: "keep the range within the window; see Device.capabilities",
}


class CommandRefusedError(DeviceError):
    """The device understood a command and answered with an error status.

    Parameters
    ----------
    port : str
        Which device.
    command : int
        Command code without the fence bit.
    status : Status
        What it answered.
    payload : bytes
        Request payload, shown in part.
    """

    def __init__(self, port: str, command: int, status: Status, payload: bytes) -> None:
        self.port, self.command, self.status, self.payload = port, command, status, payload
        name = Command(command).name if command in set(Command) else f"command {command}"
        where = ""
        if command in (Command.READ, Command.WRITE, Command.CRC32) and len(payload) >= 4:
            code, address = payload[0], int.from_bytes(payload[1:4], "little")
            window = Window(code).name if code in set(Window) else f"window {code}"
            where = f" at {window} halfword {address}"
        way_out = _WAYS_OUT.get(status, "see docs/design/link.md for the rule")
        super().__init__(
            f"device {port}: expected {name}{where} to be accepted, got {status.name} "
            f"(payload {payload[:12].hex(' ')}{' …' if len(payload) > 12 else ''}); {way_out}"
        )

    def __reduce__(self) -> tuple[type[CommandRefusedError], tuple[str, int, Status, bytes]]:
        return (type(self), (self.port, self.command, self.status, self.payload))
