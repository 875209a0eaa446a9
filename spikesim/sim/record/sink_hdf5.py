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

from spikesim.errors import SpikesimError, ValidationError
from spikesim.recording import Recording
from spikesim.recording.export import optional_library
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


class HDF5Sink:
    """Writes each window to a file and then forgets it.

    The file is in HDF5's single-writer-multiple-reader mode: ``Recording.open`` reads it during
    the run, after the run, and after the run was killed; then ``complete`` is False. Room on the
    disk is reserved before a window is written, so a full disk costs no window before it.

    Parameters
    ----------
    path : path
        File to write; an existing one is replaced, unless the run goes on from a checkpoint.

    Raises
    ------
    ValidationError
        If the folder does not exist or h5py is not installed.
    SpikesimError
        From ``spikes`` and ``trace``: if there is no room on the disk.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self._who = f"recording {os.fspath(path)!r}"
        self._h5py = optional_library("h5py", self._who)
        if not self.path.parent.is_dir():
            raise ValidationError(
                f"{self._who}: folder {self.path.parent} does not exist; create it"
            )
        if self.path.is_dir():
            raise ValidationError(f"{self._who}: expected the name of a file, got a folder")

    def start(self, header: RecordHeader) -> None:
        """Create the file with everything in it but rows."""
        if header.start > 0 and self.path.exists():
            raise ValidationError(
                f"{self._who}: expected a new file for the ticks from {header.start} on, got one "
                "that exists and may hold those before; choose another name"
            )
        # A reader of the old file keeps it; writing into it would change data under its eyes.
        self.path.unlink(missing_ok=True)
        # HDF5 keeps this much of each column. Columns are only ever appended to, so one chunk is
        # enough: with the default of 1 MB a run took 52 MB of memory after 1 GB, with this 3 MB.
        self._chunk = _chunk_bytes(header)
        file = self._h5py.File(self.path, "w", libver="latest", rdcc_nbytes=self._chunk)
        traces = header.traces.items()
        described = {
            "steps": header.steps,
            "dt": header.dt,
            "engine": header.engine,
            "meta": header.meta,
            "populations": [[name, int(n)] for name, n in header.populations.items()],
            "traces": [
                {"name": n, "every": t.every, "subset": t.index is not None} for n, t in traces
            ],
        }
        file.attrs.update(
            {
                "kind": KIND,
                "version": VERSION,
                "id": secrets.token_hex(16),
                "header": json.dumps(described),
            }
        )
        names = [("spikes", name) for name in header.populations]
        names += [("traces", name) for name in header.traces]
        self._place = {key: k for k, key in enumerate(names)}
        self._columns: list[tuple[Any, Any]] = []
        for k, name in enumerate(header.populations):
            group = file.create_group(f"spikes/{k}")
            group.attrs["population"] = name
            columns = self._column(group, "ticks", "int64"), self._column(group, "index", "int32")
            self._columns.append(columns)
        for k, (name, trace) in enumerate(traces):
            group = file.create_group(f"traces/{k}")
            group.attrs["trace"] = name
            index = np.arange(trace.n) if trace.index is None else np.array(trace.index)
            group.create_dataset("index", data=index.astype(np.int64))
            columns = (
                self._column(group, "ticks", "int64"),
                self._column(group, "values", trace.dtype, trace.n),
            )
            self._columns.append(columns)
        self._rows = np.zeros(len(names), dtype=np.int64)
        self._stored_rows = file.create_dataset("rows", data=self._rows)
        self._progress = file.create_dataset("progress", data=np.zeros(3, dtype=np.int64))
        self._reserved = 0
        file.swmr_mode = True
        self._file, self._meta, self._stop = file, dict(header.meta), header.start
        self._commit(finished=False, complete=False)

    def spikes(self, population: str, ticks: Ticks, index: Index) -> None:
        """Append spikes."""
        self._append(("spikes", population), ticks, index)

    def trace(self, name: str, ticks: Ticks, values: npt.NDArray[Any]) -> None:
        """Append rows."""
        self._append(("traces", name), ticks, values)

    def window(self, stop: int) -> None:
        """Hand the window to the operating system; from now on it outlives this process."""
        self._stop = stop
        self._commit(finished=False, complete=False)

    def finish(self, complete: bool, meta: Mapping[str, Any]) -> None:
        """Mark how the run ended and close the file; the first call counts."""
        if not self._file:
            return
        self._commit(finished=True, complete=complete)
        self._file.close()
        # Attributes cannot be added while the file may have readers.
        with self._h5py.File(self.path, "r+", libver="latest") as file:
            file.attrs["result"] = json.dumps(self._meta | dict(meta))

    def recording(self) -> Recording:
        """Open what was written; it is read when it is asked for."""
        return Recording.open(self.path)

    def _column(self, group: Any, name: str, dtype: str, width: int | None = None) -> Any:
        row = np.dtype(dtype).itemsize * (1 if width is None else max(width, 1))
        rows = max(1, self._chunk // row)
        if width is None:
            return group.create_dataset(name, (0,), dtype, maxshape=(None,), chunks=(rows,))
        return group.create_dataset(
            name, (0, width), dtype, maxshape=(None, width), chunks=(rows, max(width, 1))
        )

    def _append(self, key: tuple[str, str], ticks: Ticks, values: npt.NDArray[Any]) -> None:
        if not len(ticks):
            return
        k = self._place[key]
        lo = int(self._rows[k])
        hi = lo + len(ticks)
        self._reserve(sum(new.nbytes + 2 * self._chunk for new in (ticks, values)))
        for dataset, new in zip(self._columns[k], (ticks, values), strict=True):
            dataset.resize(hi, axis=0)
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


def _chunk_bytes(header: RecordHeader) -> int:
    """Size of the chunks of a recording, by what it may come to."""
    steps = header.steps - header.start
    per_tick = 12 * _EXPECTED_HZ * header.dt * sum(header.populations.values())
    for trace in header.traces.values():
        per_tick += (8 + trace.n * np.dtype(trace.dtype).itemsize) / trace.every
    columns = 2 * max(len(header.populations) + len(header.traces), 1)
    return int(min(max(steps * per_tick / columns / _CHUNKS, _SMALL_CHUNK), _LARGE_CHUNK))
