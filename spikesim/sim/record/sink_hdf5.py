# SPDX-License-Identifier: Apache-2.0
"""Recording straight to an HDF5 file, in bounded memory and safe against a crash."""

from __future__ import annotations

import errno
import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.core.atomic import place_problems
from spikesim.core.optional import optional_library
from spikesim.errors import SpikesimError, ValidationError
from spikesim.recording import Recording
from spikesim.recording.hdf5 import KIND, VERSION
from spikesim.sim.record.sink import Index, RecordHeader, Ticks

# A chunk is the smallest piece that HDF5 reads or writes: small ones for small files, large ones
# for long runs, since HDF5 keeps some 60 bytes in memory for each. From 64 kB to 1 MB no
# difference in speed was measured (4 ms for 200,000 spikes and 1 MB of states).
_SMALL_CHUNK, _LARGE_CHUNK = 1 << 16, 1 << 20
_CHUNKS = 256
"""Chunks of a recording of the expected size, at the least."""
_EXPECTED_HZ = 5.0
# Room kept beyond the data: the index of the chunks, and what closing the file writes.
_MARGIN_BYTES = 1 << 20
# A table of several traces is cut into chunks of at least this many rows, so that one of the
# traces can be read without most of the others; a row of chunks is kept in memory until it is
# full, within this size.
_CHUNK_ROWS, _CACHE_BYTES = 64, 1 << 23


class HDF5Sink:
    """Writes each window to a file and then forgets it.

    The file is in HDF5's single-writer-multiple-reader mode: ``Recording.open`` reads it during
    the run, after the run, and after the run was killed; then ``complete`` is False. Room on the
    disk is reserved before a window is written, so a full disk costs no window before it.

    All spikes go to one table, and all traces that are sampled in the same ticks to another, so
    the cost of a window does not grow with the number of populations.

    Parameters
    ----------
    path : path
        File to write; an existing one is replaced, unless the run goes on from a checkpoint.

    Raises
    ------
    ValidationError
        If the place cannot be written or h5py is not installed.
    SpikesimError
        From ``window``: if there is no room on the disk.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._who = f"recording {os.fspath(path)!r}"
        self._h5py = optional_library("h5py", self._who)
        if problems := place_problems(self.path, self._who):
            raise ValidationError(problems)

    def start(self, header: RecordHeader) -> None:
        """Create the file with everything in it but rows."""
        if header.start > 0 and self.path.exists():
            raise ValidationError(
                f"{self._who}: expected a new file for the ticks from {header.start} on, got one "
                "that exists and may hold those before; choose another name"
            )
        # A reader of the old file keeps it; writing into it would change data under its eyes.
        self.path.unlink(missing_ok=True)
        self._chunk = _chunk_bytes(header)
        tables = _tables(header)
        # HDF5 keeps this much of each column. Columns are only ever appended to, so one chunk is
        # enough: with the default of 1 MB a run took 52 MB of memory after 1 GB, with this 3 MB.
        file = self._h5py.File(self.path, "w", libver="latest", rdcc_nbytes=self._chunk)
        # Texts of fixed length: others lie in a heap without a checksum, and damage to it has HDF5
        # go round in circles.
        named = {"kind": np.bytes_(KIND), "id": np.bytes_(secrets.token_hex(16))}
        file.attrs.update({"version": VERSION, **named})
        _keep(file, "header", _encoded(_described(header, tables)))
        first = np.cumsum([0, *header.populations.values()], dtype=np.int64)
        neuron = np.dtype(np.int32 if first[-1] < 1 << 31 else np.int64)
        self._first = dict(zip(header.populations, first[:-1].astype(neuron), strict=True))
        self._columns: list[tuple[Any, Any]] = [self._pair(file.create_group("spikes"), neuron)]
        self._place: dict[str, tuple[int, int]] = {}
        for k, names in enumerate(tables):
            group = file.create_group(f"traces/{k}")
            traces = [header.traces[name] for name in names]
            self._place |= {name: (k, place) for place, name in enumerate(names)}
            index = [np.arange(t.n) if t.index is None else np.array(t.index) for t in traces]
            _keep(group, "index", np.concatenate(index).astype(np.int64))
            widths = tuple(trace.n for trace in traces)
            self._columns.append(self._pair(group, np.dtype(traces[0].dtype), widths))
        self._rows = np.zeros(len(self._columns), dtype=np.int64)
        self._stored_rows = _keep(file, "rows", self._rows)
        self._progress = _keep(file, "progress", np.zeros(3, dtype=np.int64))
        self._reserved = 0
        file.swmr_mode = True
        self._file, self._meta, self._stop = file, dict(header.meta), header.start
        self._spikes: list[tuple[np.integer[Any], Ticks, Index]] = []
        self._samples: list[list[list[tuple[Ticks, npt.NDArray[Any]]]]] = [
            [[] for _ in names] for names in tables
        ]
        self._commit(finished=False, complete=False)

    def spikes(self, population: str, ticks: Ticks, index: Index) -> None:
        """Take spikes of this window."""
        if len(ticks):
            self._spikes.append((self._first[population], ticks, index))

    def trace(self, name: str, ticks: Ticks, values: npt.NDArray[Any]) -> None:
        """Take rows of this window."""
        if len(ticks):
            table, place = self._place[name]
            self._samples[table][place].append((ticks.copy(), values.copy()))

    def window(self, stop: int) -> None:
        """Hand the window to the operating system; from now on it outlives this process."""
        if self._spikes:
            firsts, parts, indices = zip(*self._spikes, strict=True)
            ticks = np.concatenate(parts)
            neuron = np.concatenate(indices) + np.repeat(firsts, [len(part) for part in parts])
            several, self._spikes = len(self._spikes) > 1, []
            if several:
                # Each population is sorted, and they come in the order of their numbers.
                order = _by_tick(ticks, self._stop, stop)
                ticks, neuron = ticks[order], neuron[order]
            self._append(0, ticks, neuron)
        for k, samples in enumerate(self._samples):
            if samples and samples[0]:
                self._append(1 + k, *_side_by_side(samples))
                self._samples[k] = [[] for _ in samples]
        self._stop = stop
        self._commit(finished=False, complete=False)

    def finish(self, complete: bool, meta: Mapping[str, Any]) -> None:
        """Mark how the run ended and close the file; the first call counts."""
        if not self._file:
            return
        self._commit(finished=True, complete=complete)
        self._file.close()
        # Nothing can be added while the file may have readers.
        with self._h5py.File(self.path, "r+", libver="latest") as file:
            _keep(file, "result", _encoded(self._meta | dict(meta)))

    def recording(self) -> Recording:
        """Open what was written; it is read when it is asked for."""
        return Recording.open(self.path)

    def _pair(
        self, group: Any, dtype: np.dtype[Any], widths: tuple[int, ...] | None = None
    ) -> tuple[Any, Any]:
        """Columns of a table: ticks, and neurons or the values of some traces."""
        rows = self._chunk // 8
        ticks = group.create_dataset(
            "ticks", (0,), "int64", maxshape=(None,), chunks=(rows,), fletcher32=True
        )
        if widths is None:
            rows = self._chunk // dtype.itemsize
            return ticks, group.create_dataset(
                "neuron", (0,), dtype, maxshape=(None,), chunks=(rows,), fletcher32=True
            )
        width = max(sum(widths), 1)  # HDF5 has no chunks without columns
        rows, columns = _tile(widths, dtype.itemsize, self._chunk)
        across = -(-width // columns) * rows * columns * dtype.itemsize
        return ticks, group.create_dataset(
            "values", (0, width), dtype, maxshape=(None, width), chunks=(rows, columns),
            fletcher32=True, rdcc_nbytes=max(across, self._chunk),
        )  # fmt: skip

    def _append(self, k: int, ticks: Ticks, values: npt.NDArray[Any]) -> None:
        lo = int(self._rows[k])
        hi = lo + len(ticks)
        across = -(-values[0].size // self._columns[k][1].chunks[-1])
        self._reserve(ticks.nbytes + values.nbytes + 2 * (1 + across) * self._chunk)
        for dataset, new in zip(self._columns[k], (ticks, values), strict=True):
            dataset.resize(hi, axis=0)
            if new.size:
                dataset[lo:hi] = new
        self._rows[k] = hi

    def _reserve(self, size: int) -> None:
        """Make sure that the file can grow by ``size`` bytes.

        HDF5 cannot go back when a write fails: the file would be lost. So nothing is given to
        it for which there is no room. What is reserved in excess is cut off at the end.
        """
        end = self._file.id.get_filesize() + size + size // 8 + _MARGIN_BYTES
        if end <= self._reserved or not hasattr(os, "posix_fallocate"):
            return
        try:
            os.posix_fallocate(self._file.id.get_vfd_handle(), self._reserved, end - self._reserved)
        except OSError as error:
            if error.errno in (errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS):
                return  # a file system without reservations
            raise SpikesimError(
                f"{self._who}: expected room for {size:,} bytes more, got {error.strerror!r} at "
                f"{self._reserved:,}; the ticks before {self._stop} are in the file: free space, "
                "record less, or go on from the last checkpoint into another file"
            ) from error
        self._reserved = end

    def _commit(self, finished: bool, complete: bool) -> None:
        """Write the data first, then the numbers that make it valid."""
        self._file.flush()
        self._stored_rows[...] = self._rows
        self._stored_rows.flush()
        self._progress[...] = (self._stop, finished, complete)
        self._progress.flush()


def _keep(group: Any, name: str, data: npt.NDArray[Any]) -> Any:
    """Store an array of fixed size with its checksum."""
    # Only what has chunks has one, and there are none without elements.
    sized = {"chunks": data.shape, "fletcher32": True} if data.size else {}
    return group.create_dataset(name, data=data, **sized)


def _encoded(value: Any) -> npt.NDArray[np.uint8]:
    return np.frombuffer(json.dumps(value).encode(), np.uint8)


def _tables(header: RecordHeader) -> list[list[str]]:
    """Traces that share a table: those of one type that get rows in the same ticks."""
    tables: dict[tuple[int, int, str], list[str]] = {}
    for name, trace in header.traces.items():
        tables.setdefault((trace.every, trace.span, trace.dtype), []).append(name)
    return list(tables.values())


def _described(header: RecordHeader, tables: list[list[str]]) -> dict[str, Any]:
    """Describe the recording for those who open the file."""
    place = {}
    for k, names in enumerate(tables):
        column = 0
        for name in names:
            place[name] = {"table": k, "column": column}
            column += header.traces[name].n
    return {
        "start": header.start,
        **({} if header.steps is None else {"stop": header.steps}),
        "dt": header.dt,
        "engine": header.engine,
        "meta": header.meta,
        "populations": [[name, int(n)] for name, n in header.populations.items()],
        "traces": [
            {
                "name": name,
                "n": trace.n,
                "every": trace.every,
                "span": trace.span,
                "subset": trace.index is not None,
                **place[name],
            }
            for name, trace in header.traces.items()
        ],
    }


def _by_tick(ticks: Ticks, start: int, stop: int) -> npt.NDArray[np.intp]:
    """Stable order of ticks of start <= tick < stop."""
    # Sorting 16 bits takes a tenth of the time of 64.
    short = np.uint16 if stop - start <= 1 << 16 else np.int64
    return np.argsort((ticks - start).astype(short), kind="stable")


def _side_by_side(
    samples: list[list[tuple[Ticks, npt.NDArray[Any]]]],
) -> tuple[Ticks, npt.NDArray[Any]]:
    """Rows of the traces of one table: their common ticks, and their columns."""
    ticks = [np.concatenate([when for when, _ in parts]) for parts in samples]
    assert all(np.array_equal(ticks[0], other) for other in ticks)
    rows = [np.concatenate([values for _, values in parts]) for parts in samples]
    return ticks[0], np.concatenate(rows, axis=1)


def _tile(widths: tuple[int, ...], item: int, chunk: int) -> tuple[int, int]:
    """Rows and columns of the chunks of a table of traces.

    Examples
    --------
    One trace in chunks of 64 kB, and a thousand of ten neurons.

    >>> _tile((10,), 4, 1 << 16), _tile((10,) * 1000, 4, 1 << 16)
    ((1638, 10), (64, 256))
    """
    width = max(sum(widths), 1)
    columns = width if len(widths) == 1 else min(width, max(chunk // (item * _CHUNK_ROWS), 1))
    rows = max(chunk // (columns * item), 1)
    if len(widths) > 1 and rows * width * item > _CACHE_BYTES:
        rows = max(_CACHE_BYTES // (width * item), 1)
        columns = min(width, max(chunk // (rows * item), 1))
    return rows, columns


def _chunk_bytes(header: RecordHeader) -> int:
    """Size of the chunks of a recording, by what it may come to."""
    # Where no end is said, as long as it takes to fill large chunks.
    steps = 1 << 40 if header.steps is None else header.steps - header.start
    per_tick = 12 * _EXPECTED_HZ * header.dt * sum(header.populations.values())
    for trace in header.traces.values():
        per_tick += (8 + trace.n * np.dtype(trace.dtype).itemsize) / trace.every
    columns = 2 * (1 + len(_tables(header)))
    return int(min(max(steps * per_tick / columns / _CHUNKS, _SMALL_CHUNK), _LARGE_CHUNK))
