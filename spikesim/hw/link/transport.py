# SPDX-License-Identifier: Apache-2.0
"""Byte pipes to a device: serial port, pseudo-terminal, TCP, or a model in this process."""

from __future__ import annotations

import contextlib
import errno
import select
import socket
from pathlib import Path
from typing import Protocol

import serial

from spikesim.hw.generated import DEFAULT_BAUD
from spikesim.hw.link.errors import PortBusyError, PortNotFoundError, UnpluggedError

_READ_CHUNK = 65536


class Transport(Protocol):
    """What a session needs of a byte pipe."""

    @property
    def name(self) -> str:
        """How messages call this pipe."""
        ...

    @property
    def baud(self) -> int | None:
        """Bits per second of the line; None when no line limits the rate."""
        ...

    def write(self, data: bytes) -> None:
        """Send all bytes; raises UnpluggedError when the other end has gone."""
        ...

    def read(self, timeout: float) -> bytes:
        """Give what has arrived, waiting at most ``timeout`` seconds for the first byte."""
        ...

    def send_break(self) -> None:
        """Hold the line low long enough to reset the device's end of the link."""
        ...

    def set_baud(self, baud: int) -> None:
        """Change this end's rate."""
        ...

    def close(self) -> None:
        """Give the port back; closing twice is harmless."""
        ...


class SerialTransport:
    """A serial port or pseudo-terminal through pyserial.

    The port is opened for this process alone: a second spikesim process that opens it gets
    PortBusyError instead of stealing bytes.

    Parameters
    ----------
    port : str
        Device path or pyserial name.
    baud : int
        Bits per second.
    """

    def __init__(self, port: str, baud: int = DEFAULT_BAUD) -> None:
        self._name = port
        try:
            self._serial = serial.Serial(
                port, baudrate=baud, timeout=0.0, write_timeout=10.0, exclusive=True
            )
        except (serial.SerialException, OSError) as error:
            raise _open_error(port, error) from error
        self._timeout = 0.0

    @property
    def name(self) -> str:
        """Path of the port."""
        return self._name

    @property
    def baud(self) -> int | None:
        """Bits per second."""
        return int(self._serial.baudrate)

    def write(self, data: bytes) -> None:
        """Send all bytes."""
        try:
            self._serial.write(data)
        except (serial.SerialException, OSError) as error:
            raise _gone(self._name) from error

    def read(self, timeout: float) -> bytes:
        """Give what has arrived, waiting for the first byte only."""
        try:
            waiting = int(self._serial.in_waiting)
            if waiting:
                return bytes(self._serial.read(waiting))
            # Setting the timeout reconfigures the port in pyserial, so only when it changes.
            if timeout != self._timeout:
                self._serial.timeout = self._timeout = timeout
            first = bytes(self._serial.read(1))
            waiting = int(self._serial.in_waiting) if first else 0
            return first + bytes(self._serial.read(waiting)) if waiting else first
        except (serial.SerialException, OSError, TypeError) as error:
            # pyserial raises TypeError when the port is closed under a blocking read.
            raise _gone(self._name) from error

    def send_break(self) -> None:
        """Send a break of at least 20 bit times; a pseudo-terminal ignores it."""
        # 40 bit times at the slowest usual rate of 9600 would be 4 ms.
        with contextlib.suppress(OSError, serial.SerialException):
            self._serial.send_break(duration=0.005)

    def set_baud(self, baud: int) -> None:
        """Change this end's rate."""
        self._serial.baudrate = baud

    def close(self) -> None:
        """Give the port back."""
        with contextlib.suppress(OSError, serial.SerialException):
            self._serial.close()


class TcpTransport:
    """A virtual board, or a serial server, at a TCP address.

    Parameters
    ----------
    host, port : str, int
        Where it listens.
    timeout : float
        Seconds to wait for the connection.
    """

    def __init__(self, host: str, port: int, timeout: float = 5.0) -> None:
        self._name = f"tcp://{host}:{port}"
        try:
            self._socket = socket.create_connection((host, port), timeout)
        except OSError as error:
            raise PortNotFoundError(
                f"port {self._name}: expected a board to listen there, got {error}; start one "
                "with `spikesim board serve --tcp`"
            ) from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.settimeout(10.0)

    @property
    def name(self) -> str:
        """Address in URL form."""
        return self._name

    @property
    def baud(self) -> int | None:
        """None: the line is not the limit."""
        return None

    def write(self, data: bytes) -> None:
        """Send all bytes."""
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise _gone(self._name) from error

    def read(self, timeout: float) -> bytes:
        """Give what has arrived, waiting for the first byte only."""
        try:
            ready, _, _ = select.select([self._socket], [], [], timeout)
            if not ready:
                return b""
            data = self._socket.recv(_READ_CHUNK)
        except (OSError, ValueError) as error:
            raise _gone(self._name) from error
        if not data:
            raise UnpluggedError(
                f"device {self._name}: expected an open connection, got end of file; the board "
                "has stopped, or it serves another client and takes one at a time"
            )
        return data

    def send_break(self) -> None:
        """Do nothing: TCP carries no break."""

    def set_baud(self, baud: int) -> None:
        """Do nothing: TCP has no baud rate."""

    def close(self) -> None:
        """Close the connection."""
        with contextlib.suppress(OSError):
            self._socket.close()


class ByteDevice(Protocol):
    """A model in this process that takes and gives line bytes."""

    def push(self, data: bytes) -> None:
        """Hand bytes to the device's receiver."""
        ...

    def pull(self) -> bytes:
        """Let the device work until it answers or has nothing left to do; give its bytes."""
        ...

    def line_break(self) -> None:
        """Show the device a break."""
        ...


class InProcessTransport:
    """A golden or Verilated device in this process; a read never waits for real time."""

    def __init__(self, device: ByteDevice, name: str = "in-process") -> None:
        self._device: ByteDevice | None = device
        self._name = name

    @property
    def name(self) -> str:
        """The name it was given."""
        return self._name

    @property
    def baud(self) -> int | None:
        """None: the line is not the limit."""
        return None

    def _open(self) -> ByteDevice:
        if self._device is None:
            raise _gone(self._name)
        return self._device

    def write(self, data: bytes) -> None:
        """Hand bytes over."""
        self._open().push(data)

    def read(self, timeout: float) -> bytes:
        """Give what the device says; b"" means it has nothing left to say."""
        return self._open().pull()

    def send_break(self) -> None:
        """Show the device a break."""
        self._open().line_break()

    def set_baud(self, baud: int) -> None:
        """Do nothing: no line."""

    def close(self) -> None:
        """Let go of the device."""
        self._device = None


def open_transport(target: str | Transport, baud: int = DEFAULT_BAUD) -> Transport:
    """Open a port by its name.

    Parameters
    ----------
    target : str or Transport
        ``"/dev/ttyUSB0"``, ``"COM3"``, ``"tcp://127.0.0.1:7625"``; a Transport is given back.
    baud : int
        Bits per second of a serial port.

    Raises
    ------
    PortNotFoundError, PortBusyError
        The port does not exist or is taken.
    """
    if not isinstance(target, str):
        return target
    if target.startswith("tcp://"):
        host, colon, port = target.removeprefix("tcp://").rpartition(":")
        if not colon or not port.isdecimal():
            raise PortNotFoundError(
                f"port {target!r}: expected tcp://host:port, got no port number; "
                "for example tcp://127.0.0.1:7625"
            )
        return TcpTransport(host.strip("[]"), int(port))
    return SerialTransport(target, baud)


def _open_error(port: str, error: Exception) -> PortBusyError | PortNotFoundError:
    code = getattr(error, "errno", None)
    if code in (errno.EBUSY, errno.EAGAIN) or "exclusively lock" in str(error):
        return PortBusyError(
            f"port {port}: expected it to be free, got a lock held by another process; close "
            "the other program, or use another board"
        )
    if code == errno.EACCES:
        return PortNotFoundError(
            f"port {port}: expected permission to open it, got {error}; add your user to the "
            "group that owns the device (often dialout)"
        )
    near = sorted(str(p) for p in Path("/dev").glob("tty[UA][SC]*"))
    shown = ", ".join(near) if near else "no USB serial port on this machine"
    return PortNotFoundError(
        f"port {port}: expected a serial port, got {error}; present: {shown}; check cable and "
        "name, or start a virtual board with `spikesim board serve`"
    )


def _gone(name: str) -> UnpluggedError:
    return UnpluggedError(
        f"device {name}: expected the port to stay open, got it closed; plug the device in "
        "again, or restart the virtual board, and open it anew"
    )
