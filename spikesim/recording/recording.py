# SPDX-License-Identifier: Apache-2.0
"""What a run leaves behind, the same for every engine."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spikesim.core.listing import listed
from spikesim.core.on_demand import OnDemand
from spikesim.core.slicing import parse_slice, plain_slices
from spikesim.core.spikes import SpikeTrains
from spikesim.errors import ValidationError
from spikesim.recording.request import INPUT_SPIKES

if TYPE_CHECKING:
    import neo
    import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Recording:
    """Spikes and traces of one run, over the window of time that was recorded.

    The window is start <= tick < stop on the axis of the run: a run that goes on from a
    checkpoint at tick 20,000 gives a recording with ``start`` 20,000, whose spikes and rows keep
    their ticks and times. A run that was cut off covers what was run, not what was asked for.
    A pause of a session lies within the window, as the silence that it stands for;
    ``meta["paused_ticks"]`` tells how long all pauses were.

    Parameters
    ----------
    spikes : mapping of str to SpikeTrains
        Spikes by population, each over the same window.
    traces : mapping of str to array, shape (k, n)
        State by ``"population.variable"``, as it stands at the end of each sampled tick;
        also ``"population.rate"`` in Hz and ``"projection.w"``. Every tick (k = steps)
        and every neuron, unless the next two say otherwise.
    steps : int
        Ticks recorded.
    dt : float
        Tick in seconds.
    engine : str
        Which engine ran.
    meta : dict
        Anything else worth keeping that JSON can hold: seed, kernel, cycles.
    trace_ticks : mapping of str to int64 array, shape (k,), ticks
        When the rows of a trace were taken, ascending.
    trace_index : mapping of str to int64 array, shape (n,)
        Which neurons (or synapses) the columns of a trace are.
    complete : bool
        False when the run was cut off before the ticks it was asked for; all that is here
        is still right.
    start : int
        First tick of the window.

    Raises
    ------
    ValidationError
        With every entry whose window is another one, or whose length is not ``steps`` or not that
        of its ticks and columns.

    Examples
    --------
    >>> trains = SpikeTrains([0, 2], [0, 0], n=1, steps=3)
    >>> recording = Recording({"out": trains}, {}, steps=3, dt=1e-3, engine="float")
    >>> recording.counts("out").tolist()
    [2]
    >>> recording.raster("out")[:, 0].tolist()
    [True, False, True]
    >>> recording.times("out").tolist()
    [0.0, 0.002]
    """

    spikes: Mapping[str, SpikeTrains]
    traces: Mapping[str, npt.NDArray[Any]]
    steps: int
    dt: float
    engine: str
    meta: dict[str, Any] = field(default_factory=dict)
    trace_ticks: Mapping[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    trace_index: Mapping[str, npt.NDArray[np.int64]] = field(default_factory=dict)
    complete: bool = True
    start: int = 0

    def __post_init__(self) -> None:
        for name in ("spikes", "traces"):
            given = getattr(self, name)
            # What is read on demand stays where it is, and is checked when it is read.
            kept = given if isinstance(given, OnDemand) else dict(given)
            object.__setattr__(self, name, kept)
        for name in ("trace_ticks", "trace_index"):
            given = getattr(self, name).items()
            object.__setattr__(self, name, {k: np.asarray(v, dtype=np.int64) for k, v in given})
        problems = (
            []
            if isinstance(self.spikes, OnDemand)
            else [
                f"recording: expected {self.steps} steps from tick {self.start} on for spikes of "
                f"{name!r}, got {trains!r}"
                for name, trains in self.spikes.items()
                if (trains.start, trains.steps) != (self.start, self.steps)
            ]
        )
        if not isinstance(self.traces, OnDemand):
            for name, trace in self.traces.items():
                problems += self._trace_problems(name, trace)
        for axis in (self.trace_ticks, self.trace_index):
            problems += [
                f"recording: expected ticks and columns of recorded traces only, got {name!r}"
                for name in axis
                if name not in self.traces
            ]
        if problems:
            raise ValidationError(problems)

    @property
    def stop(self) -> int:
        """First tick after the window."""
        return self.start + self.steps

    def raster(self, population: str) -> npt.NDArray[np.bool_]:
        """Dense spikes of one population, bool array of shape (steps, n), from ``start`` on."""
        return self._trains(population).raster()

    def counts(self, population: str) -> npt.NDArray[np.int64]:
        """Spikes of each neuron of one population, int64 array of shape (n,)."""
        return self._trains(population).counts()

    def times(self, population: str) -> npt.NDArray[np.float64]:
        """Seconds from the start of the run to each spike, float64 array of shape (k,).

        ``recording.spikes[population].index`` says which neuron it was.
        """
        return self._trains(population).times(self.dt)

    def trace(self, name: str) -> npt.NDArray[Any]:
        """One trace such as ``"out.v"``, array of shape (k, n); k = steps by default.

        Raises
        ------
        ValidationError
            If it was not recorded.
        """
        return self.traces[self._known_trace(name)]

    def trace_times(self, name: str) -> npt.NDArray[np.float64]:
        """Seconds from the start of the run to the rows of one trace, float64 array (k,).

        Examples
        --------
        >>> recording = Recording({}, {"E.v": np.zeros((2, 1))}, 20, 1e-3, "float",
        ...                       trace_ticks={"E.v": [0, 10]})
        >>> recording.trace_times("E.v").tolist()
        [0.0, 0.01]
        """
        ticks = self.trace_ticks.get(self._known_trace(name))
        if ticks is None:
            ticks = np.arange(self.start, self.stop, dtype=np.int64)
        return np.multiply(ticks, self.dt, dtype=np.float64)

    def columns(self, name: str) -> npt.NDArray[np.int64]:
        """Neurons (or synapses) that the columns of one trace are, int64 array of shape (n,)."""
        key = self._known_trace(name)
        if key in self.trace_index:
            return self.trace_index[key]
        return np.arange(self.traces[key].shape[1], dtype=np.int64)

    def to_pandas(self, trace: str | None = None) -> pd.DataFrame:
        """Spikes, or one trace, as a pandas table.

        Parameters
        ----------
        trace : str, optional
            Such as ``"E.v"``: one row per sampled time in seconds, one column per neuron.
            Without it: one row per spike with population, neuron and time in seconds.

        Raises
        ------
        ValidationError
            If the trace was not recorded or pandas is not installed.
        """
        from spikesim.recording.export import spike_frame, trace_frame

        return spike_frame(self) if trace is None else trace_frame(self, trace)

    def to_neo(self) -> neo.Block:
        """Everything as a Neo block of one segment, which Elephant and others read.

        One ``neo.SpikeTrain`` per neuron, annotated with ``population`` and ``neuron``; one
        signal per trace, without a unit except for rates. ``t_start`` and ``t_stop`` are those of
        the window.

        Raises
        ------
        ValidationError
            If neo is not installed.
        """
        from spikesim.recording.export import neo_block

        return neo_block(self)

    def same_spikes(self, other: Recording) -> bool:
        """Whether both runs hold the same populations with exactly the same spikes."""
        return self.spikes == other.spikes

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write everything to one file, atomically."""
        from spikesim.recording.file import save_recording

        save_recording(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Recording:
        """Read what ``save`` wrote; raises ValidationError on any other or damaged file."""
        from spikesim.recording.file import load_recording

        return load_recording(path, cls)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        start: int | None = None,
        stop: int | None = None,
        only: Iterable[str] | None = None,
    ) -> Recording:
        """Open an HDF5 recording, whole or in part, also of a run that was cut off or goes on.

        Spikes and traces are read when they are asked for, each time anew, and not kept: a
        recording larger than memory can be opened, and read trace by trace or part by part.

        Parameters
        ----------
        path : path
            File a run wrote with ``to="run.h5"``.
        start, stop : int, ticks
            Show start <= tick < stop, which keep their ticks and times; default all that was
            recorded so far. A bin of a rate is shown when it lies within as a whole.
        only : iterable of str, optional
            Populations and traces to show; default all.

        Raises
        ------
        ValidationError
            If the file is absent, truncated, or no recording; if it has not these ticks or
            names; if h5py is not installed.
        """
        from spikesim.recording.hdf5 import read_recording

        return read_recording(path, start, stop, None if only is None else tuple(only), cls)

    def __repr__(self) -> str:
        until = "" if self.complete else ", cut off"
        return (
            f"Recording({self.engine}, ticks {self.start} to {self.stop} of {self.dt:g} s{until}, "
            f"spikes of {listed(self.spikes)}, traces {listed(self.traces)})"
        )

    def _trace_problems(self, name: str, trace: npt.NDArray[Any]) -> list[str]:
        ticks = self.trace_ticks.get(name)
        rows = self.steps if ticks is None else ticks.size
        if trace.ndim != 2 or trace.shape[0] != rows:
            return [f"recording: expected trace {name!r} of shape ({rows}, n), got {trace.shape}"]
        problems = []
        if ticks is not None and (
            (np.diff(ticks) <= 0).any() or (ticks < self.start).any() or (ticks >= self.stop).any()
        ):
            problems.append(
                f"recording: expected ascending ticks of trace {name!r} in {self.start} .. "
                f"{self.stop - 1}"
            )
        index = self.trace_index.get(name)
        if index is not None and index.shape != trace.shape[1:]:
            problems.append(
                f"recording: expected {trace.shape[1]} columns of trace {name!r}, got the numbers "
                f"of {index.size}"
            )
        return problems

    def _known_trace(self, name: str) -> str:
        key = _recorded(self.traces, name)
        if key is None:
            raise ValidationError(
                f"recording: trace {name!r} was not recorded, only {listed(self.traces)}; "
                f"run again with record=('spikes', {name!r})"
            )
        return key

    def _trains(self, population: str) -> SpikeTrains:
        key = _recorded(self.spikes, population)
        if key is None:
            sliced = parse_slice(_Sizes(self.spikes), population)
            if sliced is not None:
                return self.spikes[sliced[0]].select(np.array(sliced[1]))
            kept = f"only of {listed(self.spikes)}" if self.spikes else "nor of any population"
            raise ValidationError(
                f"recording: no spikes of {population!r}, {kept}; populations are recorded with "
                f"record='spikes' or record={f'{population}.spikes'!r}, beside others in a tuple. "
                f"{INPUT_SPIKES[0].upper()}{INPUT_SPIKES[1:]}"
            )
        return self.spikes[key]


def _recorded(kept: Iterable[str], name: str) -> str | None:
    """Find what was recorded under a name, or under the same slice written in another way."""
    if name in kept:
        return name
    meant = plain_slices(name)
    return next((key for key in kept if plain_slices(key) == meant), None)


class _Sizes(Mapping[str, int]):
    """Neurons of recorded populations; reads the spikes of one only when it is asked for."""

    def __init__(self, spikes: Mapping[str, SpikeTrains]) -> None:
        self._spikes = spikes

    def __getitem__(self, name: str) -> int:
        return self._spikes[name].n

    def __iter__(self) -> Iterator[str]:
        return iter(self._spikes)

    def __len__(self) -> int:
        return len(self._spikes)
