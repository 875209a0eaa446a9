# SPDX-License-Identifier: Apache-2.0
"""The Verilated core as an engine of ``run_program``."""

from __future__ import annotations

from spikesim.core import SpikeTrains
from spikesim.hw.config import DEFAULT_CLK_HZ
from spikesim.hw.device.device import Device
from spikesim.hw.link.transport import InProcessTransport
from spikesim.hw.program import Program
from spikesim.hw.rtl.model import RtlModel
from spikesim.recording import Recording


def run_rtl(
    program: Program,
    axons: SpikeTrains,
    steps: int,
    record: tuple[str, ...],
    *,
    clk_hz: int = DEFAULT_CLK_HZ,
    progress: bool = False,
) -> Recording:
    """Run on the Verilated core in this process, through its link but without a line.

    Parameters
    ----------
    program, axons, steps, record
        As for ``spikesim.hw.engine.ProgramRunner``.
    clk_hz : int
        Clock that the core believes in, hertz.
    progress : bool
        Show a bar.

    Returns
    -------
    Recording
        ``meta`` also holds ``total_cycles``.
    """
    model = RtlModel(program.config, clk_hz)
    with Device.open(InProcessTransport(model, "rtl")) as device:
        # Stopping after each step costs little here and gives the cycles of each.
        return device.run_program(program, axons, steps, record, each_step=True, progress=progress)
