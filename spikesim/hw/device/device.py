# SPDX-License-Identifier: Apache-2.0
"""A core at the other end of a line: load, run, read, clear."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.engine.progress import Progress
from spikesim.errors import DeviceError
from spikesim.hw.device.capabilities import IDENTITY_HALFWORDS, Capabilities
from spikesim.hw.device.core import DeviceCore
from spikesim.hw.device.line import change_baud
from spikesim.hw.device.loading import load_program
from spikesim.hw.device.memory import Memory
from spikesim.hw.device.requests import read_payload
from spikesim.hw.device.running import CoreRun
from spikesim.hw.generated import DEFAULT_BAUD, Clear, Command, StatusBit, Window
from spikesim.hw.link.exchange import Request
from spikesim.hw.link.session import LinkSession
from spikesim.hw.link.transport import Transport, open_transport
from spikesim.hw.program import Program
from spikesim.hw.session import CoreSession
from spikesim.recording import Item, Recording

_WINDOW_RESERVE = 32  # the line buffer also takes PING, which is sent besides the window


class Device:
    """A core behind a transport; the same object for board, virtual board and model.

    Parameters
    ----------
    session : LinkSession
        Connected; ``Device.open`` makes one from a port name.

    Attributes
    ----------
    memory : Memory
        Windows and registers.
    capabilities : Capabilities
        What the core is.
    program : Program or None
        What is loaded, as far as this object knows.

    Examples
    --------
    >>> from spikesim.hw.config import CoreConfig
    >>> from spikesim.hw.link.transport import InProcessTransport
    >>> from spikesim.hw.protocol_model import GoldenDevice
    >>> model = InProcessTransport(GoldenDevice(CoreConfig.default()))
    >>> with Device.open(model) as device:
    ...     device.capabilities.config.n_neurons
    256
    """

    def __init__(self, session: LinkSession) -> None:
        self.session = session
        self.memory = Memory(self)
        self.program: Program | None = None
        payload = session.command(Command.READ, read_payload(Window.REG, 0, IDENTITY_HALFWORDS))
        halfwords = list(struct.unpack(f"<{IDENTITY_HALFWORDS}H", payload))
        self.capabilities = Capabilities.from_registers(halfwords, self.name)
        session.window = max(session.window, self.capabilities.config.rx_buffer - _WINDOW_RESERVE)

    @classmethod
    def open(
        cls,
        port: str | Transport,
        *,
        baud: int = DEFAULT_BAUD,
        timeout: float = 1.0,
        tries: int = 5,
    ) -> Device:
        """Open a port and find the core behind it.

        Parameters
        ----------
        port : str or Transport
            ``"/dev/ttyUSB0"``, ``"COM3"``, ``"tcp://127.0.0.1:7625"``, or an open transport.
        baud : int
            Bits per second; a core listens at 115200 after reset.
        timeout : float
            Seconds of silence before a frame is repeated.
        tries : int
            Silences in a row before the device counts as gone.

        Raises
        ------
        DeviceError
            One of the classes of ``spikesim.hw.link``, by what the user has to do.
        """
        transport = open_transport(port, baud)
        try:
            session = LinkSession(transport, timeout=timeout, tries=tries)
            session.connect()
            return cls(session)
        except BaseException:
            transport.close()
            raise

    def close(self) -> None:
        """Give the port back; the device keeps its program and state."""
        self.session.transport.close()

    def __enter__(self) -> Device:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        config = self.capabilities.config
        return f"Device({self.name}, N={config.n_neurons}, A={config.n_axons})"

    @property
    def name(self) -> str:
        """How messages call the device: its port."""
        return self.session.transport.name

    # --- memory ------------------------------------------------------------------------------

    def burst(
        self,
        requests: Sequence[Request],
        *,
        patience: float = 0.0,
        progress: Callable[[int], None] | None = None,
    ) -> list[bytes | None]:
        """Execute commands in order, pipelined; see ``hw.link.session.LinkSession.burst``."""
        return self.session.burst(requests, patience=patience, progress=progress)

    def read(self, window: Window | str, address: int, count: int) -> npt.NDArray[np.uint16]:
        """Read halfwords; see ``Memory.read``."""
        return self.memory.read(window, address, count)

    def write(self, window: Window | str, address: int, halfwords: npt.ArrayLike) -> None:
        """Write halfwords; see ``Memory.write``."""
        self.memory.write(window, address, halfwords)

    def register(self, name: str) -> int:
        """Value of a register by its name in docs/reference/core.md."""
        return self.memory.register(name)

    def set_register(self, name: str, value: int) -> None:
        """Write a register by its name."""
        self.memory.set_register(name, value)

    def clear(self, mask: Clear | int = Clear.STATE | Clear.COUNTS | Clear.QUEUES) -> None:
        """Clear what the mask names, once the core is idle."""
        self.memory.clear(mask)

    # --- programs ----------------------------------------------------------------------------

    def load(self, program: Program, verify: bool = True, progress: Progress = False) -> None:
        """Replace the program on the core.

        The program is checked against the core before anything is sent, and the core refuses to
        run until the last word is written and verified.

        Parameters
        ----------
        program : Program
            For a core that this one can stand in for.
        verify : bool
            Compare the CRC-32 of every memory region with that of the program.
        progress : bool or callable
            Show a bar.

        Raises
        ------
        CoreTooSmallError
            The program does not suit; the core keeps its previous one.
        VerifyError
            The core holds something else than was sent; it refuses to run.
        """
        self.capabilities.require(program, self.name)
        self.stop()
        self.program = None
        load_program(self, program, verify, progress)
        self.program = program

    def require_program(self) -> Program:
        """Give the loaded program, or raise DeviceError."""
        if self.program is None:
            raise DeviceError(
                f"device {self.name}: expected a loaded program, got none; call load first"
            )
        return self.program

    # --- runs --------------------------------------------------------------------------------

    def run(
        self,
        inputs: Mapping[str, Any],
        steps: int,
        *,
        record: Iterable[Item] | Item = ("spikes",),
        seed: int = 0,
        resume: bool = False,
        each_step: bool = False,
        progress: Progress = False,
    ) -> Recording:
        """Run the loaded program and record spikes or state.

        Parameters
        ----------
        inputs : mapping of str to SpikeTrains, bool array of shape (steps, n), or Poisson
            One entry per input of the network; a missing one is silent.
        steps : int
            Ticks.
        record : iterable of str
            ``"spikes"``; ``"population.v"`` and ``"population.i"`` (integer codes; the core then
            stops after each step to be read).
        seed : int
            For random inputs.
        resume : bool
            Go on from the present state instead of starting at tick 0. The recording has the ticks
            of the core, from where it stands, and so have random inputs; recorded inputs and
            ``steps`` count from there.
        each_step : bool
            Stop after each step to read its clock cycles into ``meta["cycles"]``.
        progress : bool or callable
            Show a bar.

        Raises
        ------
        ValidationError
            Inputs or names that do not fit the program; nothing was sent.
        DeviceError
            The link failed; see ``spikesim.hw.link``.

        Notes
        -----
        An interrupt (Ctrl-C) ends the run between two steps; what was run comes back, and
        ``complete`` is False.
        """
        core = DeviceCore(self, self.require_program(), each_step=each_step)
        first = self.memory.register("STEP") if resume else 0
        session = CoreSession(core, inputs, steps, record, seed, None, first=first)
        if not resume:
            core.restart()
        session.advance(steps, progress=progress)
        return session.finish()

    def start(self, *, resume: bool = False, spikes: bool = True) -> CoreRun:
        """Begin a run of the loaded program that is advanced by hand.

        Parameters
        ----------
        resume : bool
            Go on from the present state instead of starting at tick 0.
        spikes : bool
            Bring back spikes; without, the core only counts them.
        """
        return CoreRun(self, self.require_program(), resume=resume, spikes=spikes)

    def stop(self) -> int:
        """End a run after the step under way; give the next step."""
        return int.from_bytes(self.session.command(Command.STOP), "little")

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return bool(self.register("STATUS") & StatusBit.RUNNING)

    @contextmanager
    def _stopped_by_interrupt(self) -> Iterator[None]:
        """Leave an idle core behind when Ctrl-C ends what is inside."""
        try:
            yield
        except KeyboardInterrupt:
            self.stop()
            raise

    # --- line --------------------------------------------------------------------------------

    def set_baud(self, baud: int) -> None:
        """Change the rate of both ends.

        Raises
        ------
        ValidationError
            The core's clock cannot make this rate.
        DeviceError
            The line does not carry it; both ends are back at the old rate.
        """
        change_baud(self.session, self.capabilities.clk_hz, baud)

    def statistics(self) -> dict[str, Any]:
        """Tell what the link did: bytes, repeated frames, timeouts."""
        session = self.session.statistics
        return {name: getattr(session, name) for name in session.__slots__}
