# SPDX-License-Identifier: Apache-2.0
"""Layout of a streamed recording in HDF5, and how it is read back.

::

    attributes      kind, version, header (JSON: planned steps, dt, engine, populations, traces,
                    meta), result (JSON meta of the finished run; only when it came to its end)
    progress        int64 (3,): committed steps, 1 when finished, 1 when complete
    rows            int64 (populations + traces,): committed rows of each of the following
    spikes/<k>/     ticks int64 (rows,), index int32 (rows,); population k of the header
    traces/<k>/     ticks int64 (rows,), values (rows, n), index int64 (n,); trace k of the header

Data is written before ``rows`` and ``progress``, and rows beyond the committed ones are not
read, so a writer that is killed at any moment leaves a readable file.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.core.recording import Recording
from spikesim.core.recording_export import optional_library
from spikesim.core.spikes import SpikeTrains
from spikesim.errors import ValidationError

KIND, VERSION = "spikesim recording", 1
# What h5py, numpy and json raise on bytes that are not what they claim to be.
_UNREADABLE = (OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError, IndexError)


def read_recording(
    path: str | os.PathLike[str], start: int, stop: int | None, only: tuple[str, ...] | None
) -> Recording:
    """Read start <= tick < stop of a file; see ``Recording.open``."""
    who = f"recording {os.fspath(path)!r}"
    h5py = optional_library("h5py", who)
    if not Path(path).is_file():
        raise ValidationError(f"{who}: no such file")
    if not h5py.is_hdf5(path):
        raise ValidationError(
            f"{who}: expected HDF5, got another format; a file of Recording.save is read by "
            "Recording.load"
        )
    try:
        with _open(h5py, path) as file:
            return _Reader(file, who).read(start, stop, only)
    except ValidationError:
        raise
    except _UNREADABLE as error:
        raise ValidationError(
            f"{who}: expected a whole recording, got a file that is truncated or damaged ({error})"
        ) from error


def _open(h5py: Any, path: str | os.PathLike[str]) -> Any:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        # HDF5 marks a file as open for writing until it is closed, which a killed run never
        # does. Anything else, such as a truncated file, has to stay an error.
        if "already open for" not in str(error) and "unable to lock" not in str(error):
            raise
        return h5py.File(path, "r", libver="latest", swmr=True, locking=False)


class _Reader:
    def __init__(self, file: Any, who: str) -> None:
        self.file, self.who = file, who
        if file.attrs.get("kind") != KIND:
            raise ValidationError(f"{who}: expected a recording of spikesim, got another HDF5 file")
        if file.attrs["version"] != VERSION:
            raise ValidationError(
                f"{who}: expected format version {VERSION}, got {file.attrs['version']}; use the "
                "spikesim release that wrote it"
            )
        # Progress first: rows committed later than it are harmless, the other way is not.
        progress = [int(x) for x in file["progress"][:]]
        self.steps, self.complete = progress[0], bool(progress[2])
        self.rows = file["rows"][:]
        self.header = json.loads(file.attrs["header"])
        self.meta = json.loads(file.attrs.get("result", json.dumps(self.header["meta"])))

    def read(self, start: int, stop: int | None, only: tuple[str, ...] | None) -> Recording:
        stop = self.steps if stop is None else stop
        if not 0 <= start <= stop <= self.steps:
            raise ValidationError(
                f"{self.who}: expected 0 <= start <= stop <= {self.steps} recorded ticks, got "
                f"{start}, {stop}"
            )
        populations, traces = self.header["populations"], self.header["traces"]
        known = [name for name, _ in populations] + [trace["name"] for trace in traces]
        unknown = sorted(set(only or ()) - set(known))
        if unknown:
            raise ValidationError(f"{self.who}: expected names among {known}, got {unknown}")
        spikes, values, ticks, index = {}, {}, {}, {}
        for k, (name, n) in enumerate(populations):
            if only is None or name in only:
                when, (who,) = self._rows(f"spikes/{k}", self.rows[k], start, stop, ("index",))
                spikes[name] = SpikeTrains(when, who, n, stop - start)
        for k, trace in enumerate(traces):
            name = trace["name"]
            if only is None or name in only:
                rows = self.rows[len(populations) + k]
                when, (seen,) = self._rows(f"traces/{k}", rows, start, stop, ("values",))
                values[name] = seen
                if when.size != stop - start:
                    ticks[name] = when
                if trace["subset"]:
                    index[name] = self.file[f"traces/{k}/index"][:]
        header = self.header
        return Recording(
            spikes,
            values,
            stop - start,
            header["dt"],
            header["engine"],
            self.meta,
            ticks,
            index,
            self.complete,
        )

    def _rows(
        self, group: str, rows: int, start: int, stop: int, columns: tuple[str, ...]
    ) -> tuple[npt.NDArray[np.int64], list[npt.NDArray[Any]]]:
        """Ticks counted from ``start`` and the columns beside them, of start <= tick < stop."""
        ticks = self.file[f"{group}/ticks"]
        if len(ticks) < rows:
            raise ValidationError(
                f"{self.who}: expected {rows} rows in {group}, got {len(ticks)}; the file is "
                "truncated"
            )
        lo, hi = (_first_row(ticks, int(rows), tick) for tick in (start, stop))
        part = [self.file[f"{group}/{column}"][lo:hi] for column in columns]
        return ticks[lo:hi] - start, part


def _first_row(ticks: Any, rows: int, tick: int) -> int:
    """First of the committed rows with at least this tick, reading O(log rows) of them."""
    lo, hi = 0, rows
    while lo < hi:
        middle = (lo + hi) // 2
        if ticks[middle] < tick:
            lo = middle + 1
        else:
            hi = middle
    return lo
