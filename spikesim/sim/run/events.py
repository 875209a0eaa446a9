# SPDX-License-Identifier: Apache-2.0
"""The window of a run is opened, and the events of the inputs are put into it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError
from spikesim.sim.inputs import InputEvents
from spikesim.sim.run.state import State


def open_window(state: State, ticks: int) -> int:
    """Open a window of at most so many ticks; gives how many there is room for.

    Raises
    ------
    ValidationError
        If the spikes that are under way leave no room for those of one tick.
    """
    n = state.inputs.open(state.record.open(ticks)) if ticks else 0
    if n == 0 < ticks:
        raise ValidationError(
            f"simulate: expected room for the spikes of {state.record.history} ticks, for "
            f"which the longest delay keeps them, got {state.record.used} of "
            f"{state.record.fired.shape[1]} per block in use at tick {state.tick}; shorten the "
            "delays, or find out why so many neurons fire"
        )
    return n


def fill_inputs(
    state: State, inputs: InputEvents, firsts: npt.NDArray[np.int64], start: int, n: int
) -> int:
    """Put the events of ``n`` ticks into the record; gives for how many there was room.

    Parameters
    ----------
    state : State
    inputs : InputEvents
    firsts : int64 array
        First line of each input of the network.
    start, n : int
        Ticks of the window.

    Raises
    ------
    ValidationError
        If there is no room for those of one tick.
    """
    parts = firsts.size
    if not parts:
        return n
    record = state.inputs
    event_start, lines = inputs.window(start, start + n)
    if event_start[n] > record.fired.shape[1] - record.used:
        record.compact()
    used = record.used
    room = record.fired.shape[1] - used
    if event_start[n] > room:
        n = int(np.searchsorted(event_start, room, side="right")) - 1
        if n < 1:
            raise ValidationError(
                f"simulate: expected at most {room} events of the inputs in one tick beside "
                f"those under way, got {event_start[1]} in tick {start}; take lower rates or "
                "shorter delays"
            )
    lines = lines[: event_start[n]]
    record.fired[0, used : used + lines.size] = lines
    marks = record.marks[0, record.row : record.row + n]
    marks[:, 0] = event_start[:n]
    marks[:, -1] = event_start[1 : n + 1]
    if parts > 1 and lines.size:
        ticks = np.repeat(np.arange(n), np.diff(event_start[: n + 1]))
        part = np.searchsorted(firsts, lines, side="right") - 1
        counts = np.bincount(ticks * parts + part, minlength=n * parts).reshape(n, parts)
        marks[:, 1:] = np.cumsum(counts, axis=1) + marks[:, :1]
    elif parts > 1:
        marks[:] = 0
    marks += used
    return n
