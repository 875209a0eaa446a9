# SPDX-License-Identifier: Apache-2.0
"""What a run leaves behind, the same for every engine."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.core.archive import read_archive, write_archive
from spikesim.core.spikes import SpikeTrains
from spikesim.errors import ValidationError

_VERSION = 1


@dataclass(frozen=True, eq=False)
class Recording:
    """Spikes and traces of one run.

    Parameters
    ----------
    spikes : mapping of str to SpikeTrains
        Spikes by population, each over all ``steps``.
    traces : mapping of str to array, shape (steps, n)
        State by ``"population.variable"``, as it stands at the end of each tick.
    steps : int
        Ticks simulated.
    dt : float
        Tick in seconds.
    engine : str
        Which engine ran.
    meta : dict
        Anything else worth keeping that JSON can hold: seed, kernel, cycles.

    Raises
    ------
    ValidationError
        With every entry whose length is not ``steps``.

    Examples
    --------
    >>> trains = SpikeTrains([0, 2], [0, 0], n=1, steps=3)
    >>> recording = Recording({"out": trains}, {}, steps=3, dt=1e-3, engine="numba")
    >>> recording.counts("out").tolist()
    [2]
    >>> recording.raster("out")[:, 0].tolist()
    [True, False, True]
    """

    spikes: Mapping[str, SpikeTrains]
    traces: Mapping[str, npt.NDArray[Any]]
    steps: int
    dt: float
    engine: str
    meta: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        problems = [
            f"recording: expected {self.steps} steps for spikes of {name!r}, got {trains.steps}"
            for name, trains in self.spikes.items()
            if trains.steps != self.steps
        ]
        problems += [
            f"recording: expected trace {name!r} of shape ({self.steps}, n), got {trace.shape}"
            for name, trace in self.traces.items()
            if trace.ndim != 2 or trace.shape[0] != self.steps
        ]
        if problems:
            raise ValidationError(problems)
        object.__setattr__(self, "spikes", dict(self.spikes))
        object.__setattr__(self, "traces", dict(self.traces))

    def raster(self, population: str) -> npt.NDArray[np.bool_]:
        """Dense spikes of one population, bool array of shape (steps, n)."""
        return self._trains(population).raster()

    def counts(self, population: str) -> npt.NDArray[np.int64]:
        """Spikes of each neuron of one population, int64 array of shape (n,)."""
        return self._trains(population).counts()

    def trace(self, name: str) -> npt.NDArray[Any]:
        """One trace such as ``"out.v"``, array of shape (steps, n).

        Raises
        ------
        ValidationError
            If it was not recorded.
        """
        if name not in self.traces:
            raise ValidationError(
                f"recording: trace {name!r} was not recorded, only {sorted(self.traces)}; "
                f"run again with record=('spikes', {name!r})"
            )
        return self.traces[name]

    def same_spikes(self, other: Recording) -> bool:
        """Whether both runs hold the same populations with exactly the same spikes."""
        return self.spikes == other.spikes

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to one file, atomically."""
        populations, traces = list(self.spikes), list(self.traces)
        header = {
            "steps": self.steps,
            "dt": self.dt,
            "engine": self.engine,
            "meta": self.meta,
            "populations": [[name, self.spikes[name].n] for name in populations],
            "traces": traces,
        }
        arrays: dict[str, npt.NDArray[Any]] = {}
        for k, name in enumerate(populations):
            arrays[f"spikes/{k}/ticks"] = self.spikes[name].ticks
            arrays[f"spikes/{k}/index"] = self.spikes[name].index
        for k, name in enumerate(traces):
            arrays[f"traces/{k}"] = self.traces[name]
        write_archive(path, "recording", _VERSION, header, arrays)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Recording:
        """Read what ``save`` wrote; raises ValidationError on any other or damaged file."""
        header, arrays = read_archive(path, "recording", _VERSION)
        steps = header["steps"]
        spikes = {
            name: SpikeTrains(arrays[f"spikes/{k}/ticks"], arrays[f"spikes/{k}/index"], n, steps)
            for k, (name, n) in enumerate(header["populations"])
        }
        traces = {name: arrays[f"traces/{k}"] for k, name in enumerate(header["traces"])}
        return cls(spikes, traces, steps, header["dt"], header["engine"], header["meta"])

    def _trains(self, population: str) -> SpikeTrains:
        if population not in self.spikes:
            raise ValidationError(
                f"recording: no spikes of {population!r}, only of {sorted(self.spikes)}"
            )
        return self.spikes[population]
