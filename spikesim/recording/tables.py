# SPDX-License-Identifier: Apache-2.0
"""How spikes and traces lie in the HDF5 files of each format version; see ``hdf5``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from spikesim.core.spikes import SpikeTrains
from spikesim.recording.stored import stored

# Rows read at a time, and rows of several populations read in one pass: 3 MB and 50 MB.
_SLAB, _PASS = 1 << 18, 1 << 22
Ticks = npt.NDArray[np.int64]


class TableLayout(Protocol):
    """Where things lie in the window of one open recording."""

    populations: dict[str, int]
    """Names and sizes."""
    traces: dict[str, Any]
    """Entries of the header by name."""

    def trains(self, file: Any, populations: tuple[str, ...]) -> list[SpikeTrains]:
        """Spikes of some populations, in one pass."""

    def batches(self, file: Any, populations: tuple[str, ...]) -> list[tuple[str, ...]]:
        """Split populations into groups that are read in one pass without filling the memory."""

    def ticks(self, file: Any, trace: str) -> Ticks:
        """Ticks of the rows of one trace."""

    def values(self, file: Any, trace: str) -> npt.NDArray[Any]:
        """Rows of one trace."""

    def columns(self, file: Any, trace: str) -> npt.NDArray[np.int64]:
        """Neurons or synapses of one trace."""

    def is_subset(self, trace: str) -> bool:
        """Whether the columns of one trace are some of the neurons or synapses only."""


class Groups:
    """Version 1: a group for each population and each trace."""

    def __init__(self, header: Mapping[str, Any], start: int, stop: int) -> None:
        self.populations: dict[str, int] = dict(header["populations"])
        self.traces: dict[str, Any] = {trace["name"]: trace for trace in header["traces"]}
        self._start, self._stop = start, stop

    def trains(self, file: Any, populations: tuple[str, ...]) -> list[SpikeTrains]:
        """Spikes of some populations."""
        found = []
        for name in populations:
            k = list(self.populations).index(name)
            group = file[f"spikes/{k}"]
            part = _rows(group["ticks"], int(file["rows"][k]), self._start, self._stop)
            n, steps = self.populations[name], self._stop - self._start
            trains = SpikeTrains(group["ticks"][part], group["index"][part], n, steps, self._start)
            found.append(trains)
        return found

    def batches(self, file: Any, populations: tuple[str, ...]) -> list[tuple[str, ...]]:
        """One population at a time."""
        return [(name,) for name in populations]

    def ticks(self, file: Any, trace: str) -> Ticks:
        """Ticks of the rows of one trace."""
        group, part = self._group(file, trace)
        ticks: Ticks = group["ticks"][part]
        return ticks

    def values(self, file: Any, trace: str) -> npt.NDArray[Any]:
        """Rows of one trace."""
        group, part = self._group(file, trace)
        values: npt.NDArray[Any] = group["values"][part]
        return values

    def columns(self, file: Any, trace: str) -> npt.NDArray[np.int64]:
        """Neurons or synapses of one trace."""
        columns: npt.NDArray[np.int64] = self._group(file, trace)[0]["index"][:]
        return columns

    def is_subset(self, trace: str) -> bool:
        """Whether the columns of one trace are some of the neurons or synapses only."""
        return bool(self.traces[trace]["subset"])

    def _group(self, file: Any, trace: str) -> tuple[Any, slice]:
        k = list(self.traces).index(trace)
        group, rows = file[f"traces/{k}"], int(file["rows"][len(self.populations) + k])
        span = self.traces[trace]["every"] if trace.endswith(".rate") else 1
        return group, _rows(group["ticks"], rows, self._start, self._stop - span + 1)


class Tables:
    """Version 2: one table of all spikes, and one of all traces with the same ticks."""

    def __init__(self, header: Mapping[str, Any], start: int, stop: int) -> None:
        self.populations: dict[str, int] = dict(header["populations"])
        self.traces: dict[str, Any] = {trace["name"]: trace for trace in header["traces"]}
        self._start, self._stop = start, stop
        self._first = np.cumsum([0, *self.populations.values()], dtype=np.int64)
        self._place = {name: k for k, name in enumerate(self.populations)}

    def trains(self, file: Any, populations: tuple[str, ...]) -> list[SpikeTrains]:
        """Spikes of some populations, in one pass over the table."""
        steps = self._stop - self._start
        return [
            SpikeTrains(ticks, index, self.populations[name], steps, self._start)
            for name, ticks, index in zip(
                populations, *self._columns_of(file, populations), strict=True
            )
        ]

    def _columns_of(
        self, file: Any, populations: tuple[str, ...]
    ) -> tuple[list[npt.NDArray[Any]], list[npt.NDArray[Any]]]:
        """Ticks and neurons of each of some populations."""
        wanted = np.array([self._place[name] for name in populations], dtype=np.int64)
        # Sorting 16 bits takes a tenth of the time of 64.
        dtype: Any = np.int16 if wanted.size < 1 << 15 else np.int64
        order: npt.NDArray[np.integer] = np.full(len(self.populations), -1, dtype)
        order[wanted] = np.arange(wanted.size)
        lo, hi = self._first[wanted.min()], self._first[wanted.max() + 1]
        ticks, neurons, ranks = [], [], []
        for part, neuron in self._slabs(file):
            kept = (neuron >= lo) & (neuron < hi)
            if not kept.any():
                continue
            tick = self._in_order(file["spikes/ticks"], part, self._rows_of(file))
            if wanted.size > 1:
                owner = self._owner(neuron)
                kept &= order[owner] >= 0
                ranks.append(order[owner[kept]])
                neuron = neuron - self._first[owner]
            else:
                neuron = neuron - lo
            every = bool(kept.all())
            ticks.append(tick if every else tick[kept])
            neurons.append(neuron.astype(np.int32) if every else neuron[kept].astype(np.int32))
        when = np.concatenate([np.zeros(0, np.int64), *ticks])
        index = np.concatenate([np.zeros(0, np.int32), *neurons])
        if wanted.size == 1:
            return [when], [index]
        # Rows are sorted by tick: a stable sort by population keeps that.
        rank = np.concatenate([order[:0], *ranks])
        sort = np.argsort(rank, kind="stable")
        ends = np.searchsorted(rank[sort], np.arange(1, wanted.size))
        return np.split(when[sort], ends), np.split(index[sort], ends)

    def batches(self, file: Any, populations: tuple[str, ...]) -> list[tuple[str, ...]]:
        """Split populations, in their order, into groups of about 50 MB of spikes."""
        counts = np.zeros(len(self.populations), dtype=np.int64)
        for _, neuron in self._slabs(file):
            counts += np.bincount(self._owner(neuron), minlength=counts.size)
        batches: list[list[str]] = [[]]
        room = _PASS
        for name in populations:
            rows = int(counts[self._place[name]])
            if rows > room and batches[-1]:
                batches.append([])
                room = _PASS
            batches[-1].append(name)
            room -= rows
        return [tuple(batch) for batch in batches]

    def ticks(self, file: Any, trace: str) -> Ticks:
        """Ticks of the rows of one trace."""
        table, rows, part = self._table(file, trace)
        return self._in_order(table["ticks"], part, rows)

    def values(self, file: Any, trace: str) -> npt.NDArray[Any]:
        """Rows of one trace."""
        table, rows, part = self._table(file, trace)
        values: npt.NDArray[Any] = stored(table["values"], (part, self._columns(trace)), rows)
        return values

    def columns(self, file: Any, trace: str) -> npt.NDArray[np.int64]:
        """Neurons or synapses of one trace."""
        index = self._table(file, trace)[0]["index"]
        columns: npt.NDArray[np.int64] = stored(index, self._columns(trace))
        return columns

    def is_subset(self, trace: str) -> bool:
        """Whether the columns of one trace are some of the neurons or synapses only."""
        return bool(self.traces[trace]["subset"])

    def _owner(self, neuron: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
        """Give the population of each neuron of the table."""
        return np.searchsorted(self._first, neuron, side="right") - 1

    def _slabs(self, file: Any) -> Iterator[tuple[slice, npt.NDArray[Any]]]:
        """Rows of the window, some at a time, and their neurons."""
        rows = self._rows_of(file)
        window = _rows(file["spikes/ticks"], rows, self._start, self._stop)
        for lo in range(window.start, window.stop, _SLAB):
            part = slice(lo, min(lo + _SLAB, window.stop))
            neuron = stored(file["spikes/neuron"], part, rows)
            # A neuron that does not exist would be of no population, and silently left out.
            if neuron.min() < 0 or neuron.max() >= self._first[-1]:
                raise ValueError(
                    f"dataset '/spikes/neuron': expected neurons below {self._first[-1]}, got "
                    f"{neuron.min()} to {neuron.max()}"
                )
            yield part, neuron

    def _in_order(self, dataset: Any, part: slice, rows: int) -> Ticks:
        """Ticks of some rows of the window."""
        ticks: Ticks = stored(dataset, part, rows)
        bounds = (self._start, *ticks[:1], *ticks[-1:], self._stop - 1)
        if ticks.size and not (np.all(ticks[1:] >= ticks[:-1]) and list(bounds) == sorted(bounds)):
            raise ValueError(
                f"dataset {dataset.name!r}: expected ticks in order, from {self._start} to "
                f"{self._stop - 1}, got {ticks.min()} to {ticks.max()}"
            )
        return ticks

    def _rows_of(self, file: Any, table: int = 0) -> int:
        """Give how many rows of the spikes, or of a table of traces, are committed."""
        return int(stored(file["rows"])[table])

    def _columns(self, trace: str) -> slice:
        first = int(self.traces[trace]["column"])
        return slice(first, first + int(self.traces[trace]["n"]))

    def _table(self, file: Any, trace: str) -> tuple[Any, int, slice]:
        entry = self.traces[trace]
        table, rows = file[f"traces/{entry['table']}"], self._rows_of(file, 1 + entry["table"])
        part = _rows(table["ticks"], rows, self._start, self._stop - entry["span"] + 1)
        return table, rows, part


def _rows(ticks: Any, committed: int, start: int, stop: int) -> slice:
    """Find the committed rows of start <= tick < stop."""
    lo = _first_row(ticks, committed, start)
    return slice(lo, max(lo, _first_row(ticks, committed, stop)))


def _first_row(ticks: Any, rows: int, tick: int) -> int:
    """First of the committed rows with at least this tick, reading O(log rows) of them."""
    lo, hi = 0, rows
    while lo < hi:
        middle = (lo + hi) // 2
        if stored(ticks, middle, rows) < tick:
            lo = middle + 1
        else:
            hi = middle
    return lo
