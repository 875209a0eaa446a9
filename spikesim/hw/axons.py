# SPDX-License-Identifier: Apache-2.0
"""Input spikes of a program by axon, asked for by steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spikesim.core import SpikeTrains
from spikesim.core.slicing import slice_name
from spikesim.engine import EventSource, event_source
from spikesim.engine.sources import RecordedEvents, driven_lines
from spikesim.errors import ValidationError
from spikesim.hw.config import way_out
from spikesim.hw.program import Program

Sources = list[tuple[int, EventSource]]
"""First axon and events of each input that is driven."""


def axon_sources(
    program: Program, inputs: Mapping[str, Any], steps: int | None, seed: int
) -> Sources:
    """Bind what drives each input to a run of a program.

    Raises
    ------
    ValidationError
        With every problem: unknown input, wrong kind or shape.
    """
    if not isinstance(inputs, Mapping):
        raise ValidationError(
            f"inputs: expected a mapping from input name to spikes, got {type(inputs).__name__}; "
            f"the inputs are {list(program.inputs)}"
        )
    sizes = {name: n for name, (_, n) in program.inputs.items()}
    found, others, problems = driven_lines(inputs, sizes)
    problems += [f"input {name!r}: expected one of {list(sizes)}" for name in others]
    sources: Sources = []
    for key, name, lines in found:
        value, n, first = inputs[key], len(lines), program.inputs[name][0] + lines.start
        name = slice_name(name, lines) if n < program.inputs[name][1] else name
        try:
            if getattr(value, "counts", False) is True:
                raise ValidationError(
                    f"expected at most one event per line and tick on a core, got {value!r} with "
                    "counts=True; split the rate over more lines, or run it in the float engine"
                )
            sources.append((first, event_source(value, name, n, program.dt, steps, seed)))
        except ValidationError as error:
            problems += [f"input {name!r}: {text}" for text in error.problems]
    if problems:
        raise ValidationError(problems)
    _check_recorded(program, sources)
    return sources


def moved(sources: Sources, ticks: int) -> Sources:
    """Play recorded events so many ticks later; random ones have a time of their own."""
    return [
        (first, RecordedEvents(source.trains.shift(ticks)))
        if isinstance(source, RecordedEvents)
        else (first, source)
        for first, source in sources
    ]


def _check_recorded(program: Program, sources: Sources) -> None:
    """Refuse too many spikes in a step before anything runs, where they are known."""
    given = [source.trains.ticks for _, source in sources if isinstance(source, RecordedEvents)]
    ticks, counts = np.unique(np.concatenate([np.zeros(0, np.int64), *given]), return_counts=True)
    if counts.size:
        busiest = int(counts.argmax())
        check_queue(program, int(counts[busiest]), int(ticks[busiest]))


def axon_window(program: Program, sources: Sources, start: int, stop: int) -> SpikeTrains:
    """Input spikes of start <= tick < stop by axon, with time counted from ``start``.

    Raises
    ------
    ValidationError
        If a step has more of them than the event queue of the core holds.
    """
    ticks, axons = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for first, source in sources:
        own_ticks, lines = source.window(start, stop)
        ticks.append(own_ticks - start)
        axons.append(lines.astype(np.int64) + first)
    config = program.config
    events = SpikeTrains(np.concatenate(ticks), np.concatenate(axons), config.n_axons, stop - start)
    busiest = np.bincount(events.ticks, minlength=1)
    check_queue(program, int(busiest.max()), start + int(busiest.argmax()))
    return events


def check_queue(program: Program, most: int, tick: int) -> None:
    """Refuse more input spikes in one step than the event queue of a core holds."""
    config = program.config
    room = config.event_queue - 1
    if most > room:
        raise ValidationError(
            f"run: expected at most {room} input spikes in one step (event queue of "
            f"{config.event_queue} words), got {most} in step {tick}; spread them over more steps, "
            f"{way_out('event_queue', most + 1)}"
        )
