# SPDX-License-Identifier: Apache-2.0
"""Where a run puts what it records: the protocol, and the sink that keeps it in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from spikesim.core import SpikeTrains
from spikesim.recording import Recording

Ticks = npt.NDArray[np.int64]
Index = npt.NDArray[np.int32]


_LEAST_ROWS = 64


@dataclass(frozen=True)
class TraceHeader:
    """Form of one trace.

    Parameters
    ----------
    n : int
        Columns.
    dtype : str
        Of the values.
    every : int, ticks
        Sampled in ticks 0, every, 2 every, ...
    index : tuple of int, optional
        Neurons or synapses of the columns; None for all.
    span : int, ticks
        Ticks that a row is about, from its own on: the bin of a rate.
    """

    n: int
    dtype: str
    every: int = 1
    index: tuple[int, ...] | None = None
    span: int = 1


@dataclass(frozen=True)
class RecordHeader:
    """What a run is about to record.

    Parameters
    ----------
    steps : int
        Tick in which the run is asked to end.
    dt : float
        Tick in seconds.
    engine : str
    populations : mapping of str to int
        Neurons of each population whose spikes are kept.
    traces : mapping of str to TraceHeader
    meta : dict
        Known before the run, such as the seed; anything JSON can hold.
    start : int
        First tick of the run; above 0 when it goes on from a checkpoint.
    """

    steps: int | None
    dt: float
    engine: str
    populations: Mapping[str, int]
    traces: Mapping[str, TraceHeader]
    meta: dict[str, Any] = field(default_factory=dict)
    start: int = 0


class Sink(Protocol):
    """Takes what a run records, window by window.

    Order of calls: ``start``; for each window any number of ``spikes`` and ``trace``, then
    ``window``; at the end ``finish``. Arrays belong to the caller, who writes the next window into
    them: a sink copies what it keeps beyond ``window``.
    """

    def start(self, header: RecordHeader) -> None:
        """Get ready; called once before the first window."""

    def spikes(self, population: str, ticks: Ticks, index: Index) -> None:
        """Spikes of one population, sorted by (tick, index), all later than those before."""

    def trace(self, name: str, ticks: Ticks, values: npt.NDArray[Any]) -> None:
        """Rows of one trace: ticks of shape (k,), values of shape (k, n)."""

    def window(self, stop: int) -> None:
        """All spikes and rows of tick < ``stop`` were handed over."""

    def finish(self, complete: bool, meta: Mapping[str, Any]) -> None:
        """End the recording; ``complete`` tells whether the run reached its last tick."""

    def recording(self) -> Recording:
        """Give what was recorded; called after ``finish``."""


def n_samples(start: int, stop: int, every: int) -> int:
    """How many of the ticks start <= tick < stop are multiples of ``every``.

    Examples
    --------
    >>> n_samples(5, 21, 10)
    2
    """
    return max(0, -(-stop // every) - -(-start // every))


class MemorySink:
    """Keeps everything in memory.

    Examples
    --------
    >>> sink = MemorySink()
    >>> sink.start(RecordHeader(10, 1e-3, "float", {"E": 2}, {}))
    >>> sink.spikes("E", np.array([3]), np.array([1], np.int32))
    >>> sink.window(5)
    >>> sink.finish(False, {})
    >>> sink.recording().spikes["E"], sink.recording().complete
    (SpikeTrains(1 spikes, n=2, steps=5), False)
    """

    def start(self, header: RecordHeader) -> None:
        """Reserve the traces, whose size is known; raises MemoryError when there is no room."""
        self._header, self._stop, self._complete = header, header.start, False
        self._meta: dict[str, Any] = dict(header.meta)
        self._spikes: dict[str, list[tuple[Ticks, Index]]] = {p: [] for p in header.populations}
        self._ticks: dict[str, Ticks] = {}
        self._values: dict[str, npt.NDArray[Any]] = {}
        self._rows = dict.fromkeys(header.traces, 0)
        for name, trace in header.traces.items():
            stop = header.start if header.steps is None else header.steps
            rows = n_samples(header.start, stop, trace.every)
            self._ticks[name] = np.zeros(rows, dtype=np.int64)
            # Pages that are never written cost nothing, should the run be cut off.
            self._values[name] = np.zeros((rows, trace.n), dtype=trace.dtype)

    def spikes(self, population: str, ticks: Ticks, index: Index) -> None:
        """Keep a copy of the spikes."""
        if len(ticks):
            self._spikes[population].append((ticks.copy(), index.copy()))

    def trace(self, name: str, ticks: Ticks, values: npt.NDArray[Any]) -> None:
        """Copy the rows into their place."""
        lo = self._rows[name]
        self._rows[name] = hi = lo + len(ticks)
        if hi > len(self._ticks[name]):  # no end was said: twice the room, so rows move seldom
            room = max(2 * len(self._ticks[name]), hi, _LEAST_ROWS)
            self._ticks[name] = _longer(self._ticks[name], room)
            self._values[name] = _longer(self._values[name], room)
        self._ticks[name][lo:hi] = ticks
        self._values[name][lo:hi] = values

    def window(self, stop: int) -> None:
        """Note how far the run came."""
        self._stop = stop

    def finish(self, complete: bool, meta: Mapping[str, Any]) -> None:
        """Note how the run ended, and drop what came of a window that was never whole."""
        self._complete = complete
        self._meta |= meta
        for name, rows in self._rows.items():
            self._rows[name] = int(np.searchsorted(self._ticks[name][:rows], self._stop))
        for name, parts in self._spikes.items():
            self._spikes[name] = [part for part in parts if part[0][-1] < self._stop]

    def recording(self) -> Recording:
        """Give what was recorded, over the ticks that were simulated."""
        header = self._header
        steps = self._stop - header.start
        spikes = {}
        for name, n in header.populations.items():
            parts = self._spikes[name]
            ticks = np.concatenate([np.zeros(0, np.int64), *(part[0] for part in parts)])
            index = np.concatenate([np.zeros(0, np.int32), *(part[1] for part in parts)])
            # One piece from here on: the list would hold the same spikes a second time.
            self._spikes[name] = [(ticks, index)]
            spikes[name] = SpikeTrains(ticks, index, n, steps, header.start)
        rows = self._rows
        sparse = [name for name, trace in header.traces.items() if rows[name] != steps]
        subset = {n: t.index for n, t in header.traces.items() if t.index is not None}
        return Recording(
            spikes,
            {name: values[: rows[name]] for name, values in self._values.items()},
            steps,
            header.dt,
            header.engine,
            self._meta,
            {name: self._ticks[name][: rows[name]] for name in sparse},
            {name: np.array(index, dtype=np.int64) for name, index in subset.items()},
            self._complete,
            header.start,
        )


def _longer(array: npt.NDArray[Any], rows: int) -> npt.NDArray[Any]:
    longer = np.zeros((rows, *array.shape[1:]), dtype=array.dtype)
    longer[: len(array)] = array
    return longer
