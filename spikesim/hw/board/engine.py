# SPDX-License-Identifier: Apache-2.0
"""A board on a port as an engine of ``run_program``."""

from __future__ import annotations

from typing import Any

from spikesim.core import SpikeTrains
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
    """Run on the board behind ``port``; without one, start a virtual board for this run.

    Parameters
    ----------
    program, axons, steps, record
        As for ``spikesim.hw.engine.ProgramRunner``.
    port : str, optional
        As for ``Device.open``.
    baud : int
        Bits per second of a serial port.
    **options
        ``progress``, ``each_step``.
    """
    if port is not None:
        with Device.open(port, baud=baud) as device:
            return device.run_program(program, axons, steps, record, **options)
    with VirtualBoard(program.config) as board, Device.open(board.port) as device:
        return device.run_program(program, axons, steps, record, **options)
