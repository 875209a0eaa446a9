# SPDX-License-Identifier: Apache-2.0
"""A recording in the tables and objects of other libraries, loaded on first use."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spikesim.core.optional import optional_library

if TYPE_CHECKING:
    import neo
    import pandas as pd

    from spikesim.recording.recording import Recording


def spike_frame(recording: Recording) -> pd.DataFrame:
    """One row per spike: population (categorical), neuron, time in seconds."""
    pandas = optional_library("pandas", "to_pandas")
    # One pass: what is read on demand is read anew each time.
    spikes = dict(recording.spikes.items())
    return pandas.DataFrame(
        {
            "population": pandas.Categorical.from_codes(
                np.repeat(np.arange(len(spikes)), [len(t) for t in spikes.values()]),
                categories=list(spikes),
            ),
            "neuron": np.concatenate([np.zeros(0, np.int32), *(t.index for t in spikes.values())]),
            "time": np.concatenate(
                [np.zeros(0), *(t.times(recording.dt) for t in spikes.values())]
            ),
        }
    )


def trace_frame(recording: Recording, name: str) -> pd.DataFrame:
    """One row per sampled time in seconds, one column per neuron."""
    pandas = optional_library("pandas", "to_pandas")
    return pandas.DataFrame(
        recording.trace(name),
        index=pandas.Index(recording.trace_times(name), name="time"),
        columns=pandas.Index(recording.columns(name), name=name),
    )


def neo_block(recording: Recording) -> neo.Block:
    """Everything as a block of one segment."""
    library = optional_library("neo", "to_neo")
    begin, end = recording.start * recording.dt, recording.stop * recording.dt
    block = library.Block(name="spikesim", engine=recording.engine, complete=recording.complete)
    segment = library.Segment(name="run")
    block.segments.append(segment)
    for population, trains in recording.spikes.items():
        for neuron, ticks in enumerate(trains.by_neuron()):
            segment.spiketrains.append(
                library.SpikeTrain(
                    ticks * recording.dt,
                    units="s",
                    t_start=begin,
                    t_stop=end,
                    population=population,
                    neuron=neuron,
                )
            )
    for name, values in recording.traces.items():
        times = recording.trace_times(name)
        start = float(times[0]) if times.size else begin
        period = float(times[1] - times[0]) if times.size > 1 else recording.dt
        segment.analogsignals.append(
            library.AnalogSignal(
                values,
                units="Hz" if name.endswith(".rate") else "dimensionless",
                t_start=start * _seconds(),
                sampling_period=period * _seconds(),
                name=name,
                array_annotations={"column": recording.columns(name)},
            )
        )
    return block


def _seconds() -> Any:
    return optional_library("quantities", "to_neo").s
