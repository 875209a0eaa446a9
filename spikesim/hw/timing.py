# SPDX-License-Identifier: Apache-2.0
"""How long a run takes: on the core at its clock, and on the line to it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from spikesim.core import SpikeTrains
from spikesim.hw.config import DEFAULT_CLK_HZ
from spikesim.hw.device.batch import Readout, sample_requests
from spikesim.hw.device.line import BITS_PER_BYTE, line_bytes
from spikesim.hw.generated import DEFAULT_BAUD
from spikesim.hw.program import Program
from spikesim.hw.report import idle_cycles, row_cycles

#: Share of all sources that fire in a step where nothing was measured.
ASSUMED_ACTIVITY = 0.1


@dataclass(frozen=True)
class RunTime:
    """Time of a step, and of one run such as an image, on a core behind a serial line.

    Parameters
    ----------
    cycles_per_step : float
        Clock cycles.
    steps : int or None
        Steps of one run, if known.
    run_bytes : int
        Bytes of one run on the busier direction of the line; 0 if ``steps`` is None.
    measured : bool
        From sample input; otherwise from a tenth of all sources firing in each step.
    clk_hz : int
        Clock of the core, hertz.
    baud : int
        Rate of the line, bits per second.

    Examples
    --------
    >>> time = RunTime(cycles_per_step=1200.0, steps=10, run_bytes=1152, measured=True)
    >>> time.step_ms, time.run_ms, time.line_ms
    (0.1, 1.0, 100.0)
    """

    cycles_per_step: float
    steps: int | None
    run_bytes: int
    measured: bool
    clk_hz: int = DEFAULT_CLK_HZ
    baud: int = DEFAULT_BAUD

    @classmethod
    def expected(
        cls,
        program: Program,
        steps: int | None = None,
        *,
        cycles_per_step: float | None = None,
        events_per_step: float | None = None,
    ) -> RunTime:
        """Tell what a run of a program takes.

        Parameters
        ----------
        program : Program
        steps : int, optional
            Steps of one run.
        cycles_per_step, events_per_step : float, optional
            Means of measured runs; without them a tenth of all sources fire in each step.
        """
        measured = cycles_per_step is not None
        if cycles_per_step is None:
            cycles_per_step = _busy_cycles(program, ASSUMED_ACTIVITY)
        if events_per_step is None:
            events_per_step = ASSUMED_ACTIVITY * program.n_axons_used
        run_bytes = 0
        if steps is not None:
            room = program.config.event_queue - 1
            each_step = min(round(events_per_step), room, program.n_axons_used)
            run_bytes = max(_run_bytes(program, steps, each_step))
        return cls(cycles_per_step, steps, run_bytes, measured)

    @property
    def step_ms(self) -> float:
        """Milliseconds of a step at the clock."""
        return self.cycles_per_step / self.clk_hz * 1e3

    @property
    def run_ms(self) -> float | None:
        """Milliseconds of a run at the clock."""
        return None if self.steps is None else self.steps * self.step_ms

    @property
    def line_ms(self) -> float | None:
        """Milliseconds that the bytes of a run take on the line."""
        return None if self.steps is None else self.run_bytes * BITS_PER_BYTE / self.baud * 1e3

    def to_dict(self) -> dict[str, Any]:
        """Everything in a form that JSON can hold."""
        times = {"step_ms": self.step_ms, "run_ms": self.run_ms, "line_ms": self.line_ms}
        return {**asdict(self), **times}

    def __str__(self) -> str:
        basis = "as on the samples" if self.measured else "if 10 % of all sources fire"
        text = f"time: {self.step_ms:.3g} ms a step at {self.clk_hz / 1e6:g} MHz, {basis}"
        if self.steps is None:
            return text
        return (
            f"{text}\n      {self.run_ms:.3g} ms a run of {self.steps} steps; its "
            f"{self.run_bytes:,} bytes take {self.line_ms:.3g} ms on the line at "
            f"{self.baud:,} baud"
        )


def _busy_cycles(program: Program, activity: float) -> float:
    rows, first_neuron = row_cycles(program), program.config.n_axons
    total = sum(int(rows[first : first + n].sum()) for first, n in program.inputs.values())
    for first, n, _ in program.groups.values():
        total += int(rows[first_neuron + first : first_neuron + first + n].sum())
    return idle_cycles(program) + activity * total


def _run_bytes(program: Program, steps: int, events_per_step: int) -> tuple[int, int]:
    """Bytes to and from the core of one sample in a batch."""
    ticks = np.repeat(np.arange(steps), events_per_step)
    axons = np.tile(np.arange(events_per_step), steps)
    config = program.config
    trains = SpikeTrains(ticks, axons.astype(np.int32), config.n_axons, steps)
    readout = Readout([program.groups[name][:2] for name in program.outputs])
    return line_bytes(sample_requests(trains, config.event_queue) + readout.requests)
