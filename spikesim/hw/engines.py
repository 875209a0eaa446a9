# SPDX-License-Identifier: Apache-2.0
"""Everything that runs a program: integer models, Verilated core, virtual board, board."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from spikesim.errors import ValidationError
from spikesim.hw.core import ProgrammedCore
from spikesim.hw.core_engine import CoreEngine
from spikesim.hw.program import Program

if TYPE_CHECKING:
    from spikesim.hw.device import Device

Options = Mapping[str, Any] | None


def golden_engine(*, compile_options: Options = None) -> CoreEngine:
    """Give the integer model in numba.

    Parameters
    ----------
    compile_options : mapping, optional
        For ``hw.compile.compile_network``, where a network is run; of all engines here.
    """
    from spikesim.hw.golden.cores import FastCore

    return CoreEngine("golden", FastCore, compile_options)


def readable_engine(*, compile_options: Options = None) -> CoreEngine:
    """Give the specification in code, some hundred steps a second."""
    from spikesim.hw.golden.cores import ReadableCore

    return CoreEngine("golden-readable", ReadableCore, compile_options)


def rtl_engine(*, clk_hz: int | None = None, compile_options: Options = None) -> CoreEngine:
    """Give the Verilated core in this process, through its link but without a line.

    Parameters
    ----------
    clk_hz : int, optional
        Clock that the core believes in, hertz.
    """

    def core(program: Program) -> ProgrammedCore:
        from spikesim.hw.config import DEFAULT_CLK_HZ
        from spikesim.hw.device import Device
        from spikesim.hw.link.transport import InProcessTransport
        from spikesim.hw.rtl.model import RtlModel

        clock = DEFAULT_CLK_HZ if clk_hz is None else clk_hz
        model = InProcessTransport(RtlModel(program.config, clock), "rtl")
        # Stopping after each step costs little here and gives the cycles of each.
        return _device_core(lambda opened: opened.enter_context(Device.open(model)), program, True)

    return CoreEngine("rtl", core, compile_options)


def virtual_engine(
    *, baud: int | None = None, each_step: bool = False, compile_options: Options = None
) -> CoreEngine:
    """Give a virtual board of its own: the Verilated core in a process behind a serial port.

    Parameters
    ----------
    baud : int, optional
        Bits per second of the port.
    each_step : bool
        Stop after each step to read its clock cycles.
    """

    def core(program: Program) -> ProgrammedCore:
        from spikesim.hw.board.virtual import VirtualBoard

        def open_board(opened: ExitStack) -> Device:
            board = opened.enter_context(VirtualBoard(program.config))
            return opened.enter_context(_open(board.port, baud))

        return _device_core(open_board, program, each_step)

    return CoreEngine("virtual", core, compile_options)


def board_engine(
    *,
    port: str | None = None,
    baud: int | None = None,
    each_step: bool = False,
    compile_options: Options = None,
) -> CoreEngine:
    """Give the board on a port.

    Parameters
    ----------
    port : str
        As for ``Device.open``.
    baud : int, optional
        Bits per second of a serial port.
    each_step : bool
        Stop after each step to read its clock cycles.

    Raises
    ------
    ValidationError
        If no port is named.
    """
    if port is None:
        raise ValidationError(
            "engine 'board': expected port, such as port='/dev/ttyUSB0', got none; "
            "engine='virtual' starts a virtual board"
        )
    name = port

    def core(program: Program) -> ProgrammedCore:
        return _device_core(
            lambda opened: opened.enter_context(_open(name, baud)), program, each_step
        )

    return CoreEngine("board", core, compile_options)


def device_engine(device: Device, *, each_step: bool = False) -> CoreEngine:
    """Give an open device, which stays open.

    Parameters
    ----------
    device : Device
    each_step : bool
        Stop after each step to read its clock cycles.
    """

    def core(program: Program) -> ProgrammedCore:
        return _device_core(lambda opened: device, program, each_step)

    return CoreEngine(device.name, core)


def _open(port: str, baud: int | None) -> Device:
    from spikesim.hw.device import Device
    from spikesim.hw.generated import DEFAULT_BAUD

    return Device.open(port, baud=DEFAULT_BAUD if baud is None else baud)


def _device_core(
    find: Callable[[ExitStack], Device], program: Program, each_step: bool
) -> ProgrammedCore:
    """Put a program on a device; what was opened on the way is closed with the core."""
    from spikesim.hw.device.core import DeviceCore

    with ExitStack() as opened:
        core = DeviceCore(find(opened), program, each_step=each_step)
        core.on_close(opened.pop_all().close)
        return core
