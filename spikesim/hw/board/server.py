# SPDX-License-Identifier: Apache-2.0
"""Serve a Verilated core on a pseudo-terminal and on a loopback TCP port.

A client sees what it would see of a board on a serial port. In mode "uart" every bit passes the
core's receiver and sender at the rate the client has set on the terminal, so a wrong rate fails
as it does on a board; in mode "bypass" bytes go straight to the link, as fast as they can.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import socket
import termios
import time
import tty
from collections.abc import Callable
from dataclasses import dataclass

from spikesim.errors import ValidationError
from spikesim.hw.config import DEFAULT_CLK_HZ, CoreConfig
from spikesim.hw.generated import DEFAULT_BAUD
from spikesim.hw.link.errors import PortBusyError
from spikesim.hw.program import Program
from spikesim.hw.rtl.model import RtlModel

_CHUNK_CLOCKS = 100_000
_READ = 1 << 16
# Bytes that wait for a client that does not read; a board's sender would block as well.
_OUT_LIMIT = 1 << 16
_RATES = {
    getattr(termios, name): int(name[1:])
    for name in dir(termios)
    if name[:1] == "B" and name[1:].isdecimal() and name != "B0"
}


@dataclass(frozen=True)
class BoardAddress:
    """Where a virtual board can be reached.

    Parameters
    ----------
    port : str or None
        Path of the pseudo-terminal.
    tcp : str or None
        ``tcp://host:port``.
    """

    port: str | None
    tcp: str | None


class BoardServer:
    """A Verilated core behind a terminal and a socket.

    Parameters
    ----------
    model : RtlModel
        The device.
    pty : bool
        Open a pseudo-terminal.
    tcp : int or None
        Loopback port; 0 lets the system choose, None opens none.
    mode : str
        ``"bypass"`` or ``"uart"``.
    baud : int
        Rate of the host's end until the client sets another on the terminal.
    idle_timeout : float or None
        Stop by itself after so many seconds without a byte from a client.
    watch : int or None
        File descriptor whose end of file stops the server (a parent's pipe).

    Raises
    ------
    PortBusyError
        The TCP port is taken.
    """

    def __init__(
        self,
        model: RtlModel,
        *,
        pty: bool = True,
        tcp: int | None = None,
        mode: str = "bypass",
        baud: int = DEFAULT_BAUD,
        idle_timeout: float | None = None,
        watch: int | None = None,
    ) -> None:
        if not pty and tcp is None:
            raise ValidationError("board: expected a terminal or a TCP port, got neither")
        self.model = model
        self.mode = mode
        self.idle_timeout = idle_timeout
        self._baud = baud
        model.set_line(mode, baud)
        self._selector = selectors.DefaultSelector()
        self._out = b""
        self._client: socket.socket | None = None
        self._reply_to: int | None = None
        self._master = self._slave = -1
        self._listener: socket.socket | None = None
        self._watch = watch
        self._wake_read, self._wake_write = os.pipe()
        self._selector.register(self._wake_read, selectors.EVENT_READ)
        if watch is not None:
            self._selector.register(watch, selectors.EVENT_READ)
        port = self._open_terminal() if pty else None
        address = self._listen(tcp) if tcp is not None else None
        self.address = BoardAddress(port, address)

    def _open_terminal(self) -> str:
        self._master, self._slave = os.openpty()
        # Raw before anyone knows the name; the server keeps its own end of the slave open, so
        # that a client may close and open again.
        tty.setraw(self._slave)
        attributes = termios.tcgetattr(self._slave)
        rate = getattr(termios, f"B{self._baud}", None)
        if rate is not None:
            attributes[4] = attributes[5] = rate
            termios.tcsetattr(self._slave, termios.TCSANOW, attributes)
        os.set_blocking(self._master, False)
        self._selector.register(self._master, selectors.EVENT_READ)
        return os.ttyname(self._slave)

    def _listen(self, port: int) -> str:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            listener.close()
            raise PortBusyError(
                f"board: expected TCP port {port} to be free, got {error}; choose another, or 0"
            ) from error
        listener.listen()
        listener.setblocking(False)
        self._listener = listener
        self._selector.register(listener, selectors.EVENT_READ)
        return f"tcp://127.0.0.1:{listener.getsockname()[1]}"

    # --- loop --------------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until ``stop``, the idle timeout, or the end of ``watch``."""
        last_byte = time.monotonic()
        try:
            while True:
                working = self._work()
                timeout = 0.0 if working else self.idle_timeout
                if timeout:
                    timeout = max(0.0, last_byte + timeout - time.monotonic())
                ready = self._selector.select(timeout)
                for key, events in ready:
                    if key.fd in (self._wake_read, self._watch):
                        return
                    if self._serve(key, events):
                        last_byte = time.monotonic()
                quiet = time.monotonic() - last_byte
                if self.idle_timeout is not None and quiet >= self.idle_timeout:
                    return
        finally:
            self.close()

    def stop(self) -> None:
        """End ``run``; may be called from another thread or a signal handler."""
        with contextlib.suppress(OSError):
            os.write(self._wake_write, b"x")

    def close(self) -> None:
        """Give terminal and sockets back."""
        self._selector.close()
        for owner in (self._client, self._listener):
            if owner is not None:
                owner.close()
        for fd in (self._master, self._slave, self._wake_read, self._wake_write):
            if fd >= 0:
                with contextlib.suppress(OSError):
                    os.close(fd)
        self._client = self._listener = None
        self._master = self._slave = self._wake_read = self._wake_write = -1

    def _work(self) -> bool:
        """Run the core for a while; give whether it has more to do."""
        model = self.model
        if len(self._out) >= _OUT_LIMIT:
            return False
        if model.idle and not model.pending:
            return False
        model.run_until(1, _CHUNK_CLOCKS, core_idle=True)
        self._out += model.take()
        self._flush()
        return not model.idle or model.pending > 0

    def _serve(self, key: selectors.SelectorKey, events: int) -> bool:
        """Handle one ready descriptor; give whether bytes came in."""
        if self._listener is not None and key.fd == self._listener.fileno():
            self._accept()
            return False
        if events & selectors.EVENT_WRITE:
            self._flush()
        if not events & selectors.EVENT_READ:
            return False
        try:
            if key.fd == self._master:
                data = os.read(self._master, _READ)
                self._follow_rate()
            else:
                assert self._client is not None
                data = self._client.recv(_READ)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._drop_client()
            return False
        self._reply_to = key.fd
        self.model.push(data)
        return True

    def _accept(self) -> None:
        assert self._listener is not None
        client, _ = self._listener.accept()
        if self._client is not None:
            # One line, one host: the second gets end of file at once.
            client.close()
            return
        client.setblocking(False)
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._client = client
        self._selector.register(client, selectors.EVENT_READ)

    def _drop_client(self) -> None:
        if self._client is None:
            return
        if self._reply_to == self._client.fileno():
            self._reply_to, self._out = None, b""
        self._selector.unregister(self._client)
        self._client.close()
        self._client = None

    def _follow_rate(self) -> None:
        """Bits go at the rate the client has set on the terminal."""
        if self.mode != "uart":
            return
        rate = _RATES.get(termios.tcgetattr(self._slave)[5])
        if rate is not None and rate != self._baud:
            self._baud = rate
            self.model.set_line("uart", rate)

    def _flush(self) -> None:
        """Send what the core said; what does not fit waits until the client reads."""
        target = self._reply_to
        if self._out and target is not None:
            try:
                self._out = self._out[os.write(target, self._out) :]
            except BlockingIOError:
                pass
            except OSError:
                self._out = b""
        elif target is None:
            self._out = b""
        if target is not None:
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._out else 0)
            with contextlib.suppress(KeyError, ValueError):
                self._selector.modify(target, wanted)


def serve(
    target: CoreConfig | Program | None = None,
    *,
    pty: bool = True,
    tcp: int | None = None,
    mode: str = "bypass",
    clk_hz: int = DEFAULT_CLK_HZ,
    baud: int = DEFAULT_BAUD,
    idle_timeout: float | None = None,
    watch: int | None = None,
    announce: Callable[[BoardAddress], None] | None = None,
) -> None:
    """Serve a virtual board until interrupted; see ``BoardServer`` for the arguments.

    Parameters
    ----------
    target : CoreConfig or Program, optional
        Core to build, or a program whose core to build (it is not loaded). Default: the iCE40
        UP5K core.
    clk_hz, baud : int
        Clock that the core believes in, hertz, and its rate after reset, bit/s.
    announce : callable, optional
        Called once with the addresses before the first byte is served.
    """
    config = target.config if isinstance(target, Program) else target or CoreConfig.default()
    if not 0 < baud * 16 < clk_hz:
        raise ValidationError(
            f"board: expected a baud rate below {clk_hz // 16}, got {baud}; the core samples "
            "each bit 16 times"
        )
    model = RtlModel(config, clk_hz, baud=baud)
    server = BoardServer(
        model, pty=pty, tcp=tcp, mode=mode, baud=baud, idle_timeout=idle_timeout, watch=watch
    )
    if announce is not None:
        announce(server.address)
    with contextlib.suppress(KeyboardInterrupt):
        server.run()
