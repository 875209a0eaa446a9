# SPDX-License-Identifier: Apache-2.0
"""A board on a port, real or virtual, as engines of ``run_program``."""

from __future__ import annotations

from typing import Any

from spikesim.core import SpikeTrains
from spikesim.errors import ValidationError
from spikesim.hw.board.virtual import VirtualBoard
from spikesim.hw.device.device import Device
from spikesim.hw.generated import DEFAULT_BAUD
from spikesim.hw.program import Program
from spikesim.recording import Recording


def run_board(
    program: Program,
    axons: SpikeTrains,
    steps: int,
    record: tuple[str, ...],
    *,
    port: str | None = None,
    baud: int = DEFAULT_BAUD,
    **options: Any,
) -> Recording:
    """Run on the board behind ``port``.

    Parameters
    ----------
    program, axons, steps, record
        As for ``spikesim.hw.engine.ProgramRunner``.
    port : str
        As for ``Device.open``.
    baud : int
        Bits per second of a serial port.
    **options
        ``progress``, ``each_step``.

    Raises
    ------
    ValidationError
        Without a port: a simulated board would answer in the place of the real one.
    """
    if port is None:
        raise ValidationError(
            "run: engine 'board' expected port=, such as '/dev/ttyUSB0' or 'tcp://host:port', got "
            "none; engine='virtual' starts a virtual board for one run"
        )
    with Device.open(port, baud=baud) as device:
        return device.run_program(program, axons, steps, record, **options)


def run_virtual(
    program: Program,
    axons: SpikeTrains,
    steps: int,
    record: tuple[str, ...],
    **options: Any,
) -> Recording:
    """Run on a virtual board that is started for this run: the Verilated core behind a port.

    Parameters
    ----------
    program, axons, steps, record
        As for ``spikesim.hw.engine.ProgramRunner``.
    **options
        ``progress``, ``each_step``.

    Raises
    ------
    ValidationError
        With a port: that of a board, which this engine would not use.
    """
    unused = [name for name in ("port", "baud") if name in options]
    if unused:
        raise ValidationError(
            f"run: engine 'virtual' starts a board of its own, got {' and '.join(unused)}; "
            "engine='board' runs on the one behind a port"
        )
    with VirtualBoard(program.config) as board:
        return run_board(program, axons, steps, record, port=board.port, **options)
