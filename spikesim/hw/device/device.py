# SPDX-License-Identifier: Apache-2.0
"""A core at the other end of a line: load, run, read, clear."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Mapping, Sequence
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.core import SpikeTrains
from spikesim.errors import DeviceError, ValidationError
from spikesim.hw.device.batch import BatchCounts, classify
from spikesim.hw.device.capabilities import IDENTITY_HALFWORDS, Capabilities
from spikesim.hw.device.loading import load_program
from spikesim.hw.device.requests import read_payload, read_requests, write_requests
from spikesim.hw.device.running import run_on
from spikesim.hw.engine import axon_events, only_asked, record_names, recordable
from spikesim.hw.generated import REGISTERS, WINDOWS, Clear, Command, StatusBit, Window
from spikesim.hw.link.errors import NoAnswerError
from spikesim.hw.link.session import Session
from spikesim.hw.link.transport import DEFAULT_BAUD, Transport, open_transport
from spikesim.hw.program import Program
from spikesim.recording import Item, Recording, parse_record

_WINDOW_RESERVE = 32  # the line buffer also takes PING, which is sent besides the window
# A simulated board may be this many times slower than its clock says.
_SLOWNESS = 20


class Device:
    """A core behind a transport; the same object for board, virtual board and model.

    Parameters
    ----------
    session : Session
        Connected; ``Device.open`` makes one from a port name.

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

    def __init__(self, session: Session) -> None:
        self.session = session
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
            session = Session(transport, timeout=timeout, tries=tries)
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

    def read(self, window: Window | str, address: int, count: int) -> npt.NDArray[np.uint16]:
        """Read halfwords.

        Parameters
        ----------
        window : Window or str
            Which memory.
        address, count : int
            First halfword and number of halfwords.

        Returns
        -------
        uint16 array, shape (count,)

        Raises
        ------
        ValidationError
            Unknown window or impossible range.
        CommandRefusedError
            The range leaves the window, or the core is running.
        """
        window = _window(window)
        _check_range(window, address, count)
        if count == 0:
            return np.zeros(0, np.uint16)
        answers = self.session.burst(read_requests(window, address, count))
        return np.frombuffer(b"".join(a or b"" for a in answers), "<u2").astype(np.uint16)

    def write(self, window: Window | str, address: int, halfwords: npt.ArrayLike) -> None:
        """Write halfwords; see ``read`` for arguments and errors."""
        window = _window(window)
        values = np.asarray(halfwords)
        _check_range(window, address, values.size)
        if values.ndim != 1 or (values.size and (values.min() < 0 or values.max() > 0xFFFF)):
            raise ValidationError(
                f"write to {window.name}: expected one axis of values 0 to 65535, got shape "
                f"{values.shape}; pack the table first"
            )
        self.session.burst(write_requests(window, address, values.astype(np.uint16)))

    def register(self, name: str) -> int:
        """Value of a register by its name in docs/reference/core.md."""
        if name not in REGISTERS:
            raise ValidationError(f"register {name!r}: expected one of {sorted(REGISTERS)}")
        register = REGISTERS[name]
        halfwords = self.read(Window.REG, register.address, register.halfwords)
        return sum(int(value) << (16 * k) for k, value in enumerate(halfwords))

    def set_register(self, name: str, value: int) -> None:
        """Write a register by its name."""
        if name not in REGISTERS or not REGISTERS[name].writable:
            writable = sorted(r.name for r in REGISTERS.values() if r.writable)
            raise ValidationError(f"register {name!r}: expected one of {writable}")
        register = REGISTERS[name]
        if not 0 <= value < 1 << register.width:
            raise ValidationError(
                f"register {name}: expected 0 to {(1 << register.width) - 1}, got {value}"
            )
        parts = [value >> (16 * k) & 0xFFFF for k in range(register.halfwords)]
        self.write(Window.REG, register.address, parts)

    def clear(self, mask: Clear | int = Clear.STATE | Clear.COUNTS | Clear.QUEUES) -> None:
        """Clear what the mask names, once the core is idle."""
        self.session.command(Command.CLEAR, struct.pack("<H", int(mask)), fence=True)

    # --- programs ----------------------------------------------------------------------------

    def load(self, program: Program, verify: bool = True, progress: bool = False) -> None:
        """Replace the program on the core.

        The program is checked against the core before anything is sent, and the core refuses to
        run until the last word is written and verified.

        Parameters
        ----------
        program : Program
            For a core that this one can stand in for.
        verify : bool
            Compare the CRC-32 of every memory region with that of the program.
        progress : bool
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
        load_program(self.session, self.capabilities, program, verify, progress)
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
        progress: bool = False,
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
            Go on from the present state instead of starting at tick 0.
        each_step : bool
            Stop after each step to read its clock cycles into ``meta["cycles"]``.
        progress : bool
            Show a bar.

        Raises
        ------
        ValidationError
            Inputs or names that do not fit the program; nothing was sent.
        DeviceError
            The link failed; see ``spikesim.hw.link``.

        Notes
        -----
        An interrupt (Ctrl-C) stops the core and leaves the device usable.
        """
        program = self.require_program()
        monitors = parse_record(record, recordable(program))
        axons = axon_events(program, inputs, steps, seed)
        try:
            recording = run_on(
                self, axons, steps, record_names(monitors),
                resume=resume, each_step=each_step, progress=progress,
            )  # fmt: skip
            return only_asked(recording, monitors)
        except KeyboardInterrupt:
            self.stop()
            raise

    def run_program(
        self,
        program: Program,
        axons: SpikeTrains,
        steps: int,
        record: tuple[str, ...],
        **options: Any,
    ) -> Recording:
        """Load a program unless it is the one loaded, and run it (``ProgramEngine``)."""
        if self.program != program:
            self.load(program)
        try:
            return run_on(self, axons, steps, record, **options)
        except KeyboardInterrupt:
            self.stop()
            raise

    def classify(
        self,
        rasters: npt.NDArray[np.bool_] | Sequence[npt.NDArray[np.bool_]],
        steps: int | None = None,
        *,
        state: bool = False,
        progress: bool = False,
    ) -> BatchCounts:
        """Run many samples, each from a fresh state, and count spikes on the core.

        Parameters
        ----------
        rasters : bool array, shape (samples, steps, n)
            Input spikes of the network's only input (or of all axons from 0 on).
        steps : int, optional
            Ticks per sample; by default those of the raster plus the program's latency.
        state : bool
            Also read every neuron's final state.
        progress : bool
            Show a bar.

        Returns
        -------
        BatchCounts
        """
        try:
            return classify(self, rasters, steps, state=state, progress=progress)
        except KeyboardInterrupt:
            self.stop()
            raise

    def stop(self) -> int:
        """End a run after the step under way; give the next step."""
        return int.from_bytes(self.session.command(Command.STOP), "little")

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return bool(self.register("STATUS") & StatusBit.RUNNING)

    def patience(self, steps: int) -> float:
        """Seconds to wait for ``steps`` before thinking that a reply is lost."""
        config = self.capabilities.config
        cycles = steps * 20 * config.n_neurons
        return _SLOWNESS * cycles / max(self.capabilities.clk_hz, 1)

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
        clk_hz = self.capabilities.clk_hz
        increment = round(baud * 16 * (1 << 24) / clk_hz)
        if not 1 << 12 <= increment < 1 << 24:
            raise ValidationError(
                f"baud rate: expected {clk_hz / (16 << 12):.0f} to {clk_hz // 16}, got {baud}; "
                "the core samples each bit 16 times"
            )
        transport = self.session.transport
        before = transport.baud
        self.session.command(Command.SET_BAUD, struct.pack("<I", increment))
        transport.set_baud(baud)
        try:
            self.session.resync()
        except NoAnswerError as error:
            transport.set_baud(before or DEFAULT_BAUD)
            self.session.resync()
            raise DeviceError(
                f"device {self.name}: expected the line to carry {baud} baud, got silence; use "
                "a lower rate"
            ) from error

    def statistics(self) -> dict[str, Any]:
        """Tell what the link did: bytes, repeated frames, timeouts."""
        session = self.session.statistics
        return {name: getattr(session, name) for name in session.__slots__}


def _window(window: Window | str) -> Window:
    if isinstance(window, Window):
        return window
    if window not in Window.__members__:
        raise ValidationError(f"window {window!r}: expected one of {[w.name for w in WINDOWS]}")
    return Window[window]


def _check_range(window: Window, address: int, count: int) -> None:
    if address < 0 or count < 0 or address + count > 1 << 24:
        raise ValidationError(
            f"window {window.name}: expected halfwords within 0 to 2^24 - 1, got {count} from "
            f"{address} on"
        )
