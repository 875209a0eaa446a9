# SPDX-License-Identifier: Apache-2.0
"""Layout of a streamed recording in HDF5, and how it is read back.

::

    attributes      kind, version, id (random, new for each run), header (JSON: planned steps, dt,
                    engine, populations, traces, meta), result (JSON meta of the finished run)
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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.core.on_demand import OnDemand
from spikesim.core.shape import COUNT, shape_problems
from spikesim.core.spikes import SpikeTrains
from spikesim.errors import ValidationError
from spikesim.recording.export import optional_library
from spikesim.recording.recording import Recording

KIND, VERSION = "spikesim recording", 1
# What h5py, numpy and json raise on bytes that are not what they claim to be.
_UNREADABLE = (
    OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError, IndexError,
    OverflowError, MemoryError,
)  # fmt: skip
_FORM = {
    "steps": COUNT, "dt": float, "engine": str, "meta": dict, "populations": [(str, COUNT)],
    "traces": [{"name": str, "every": COUNT, "subset": bool}],
}  # fmt: skip


def read_recording(
    path: str | os.PathLike[str], start: int, stop: int | None, only: tuple[str, ...] | None
) -> Recording:
    """Open start <= tick < stop of a file; see ``Recording.open``."""
    reader = _Reader(Path(path), start)
    with reader.opened() as file:
        header = json.loads(file.attrs["header"])
        if problems := shape_problems(header, _FORM):
            raise ValidationError([f"{reader.who}: {text}" for text in problems])
        # Progress first: rows committed later than it are harmless, the other way is not.
        steps, _, complete = (int(x) for x in file["progress"][:])
        meta = json.loads(file.attrs.get("result", json.dumps(header["meta"])))
        stop = steps if stop is None else stop
        if not 0 <= start <= stop <= steps:
            raise ValidationError(
                f"{reader.who}: expected 0 <= start <= stop <= {steps} recorded ticks, got "
                f"{start}, {stop}"
            )
        reader.expect(str(file.attrs["id"]), stop, header)
        populations = [name for name, _ in header["populations"]]
        traces = [trace["name"] for trace in header["traces"]]
        unknown = sorted(set(only or ()) - {*populations, *traces})
        if unknown:
            raise ValidationError(
                f"{reader.who}: expected names among {populations + traces}, got {unknown}"
            )
        populations = [name for name in populations if only is None or name in only]
        traces = [name for name in traces if only is None or name in only]
        ticks = {name: reader.rows(file, "traces", name)[2] for name in traces}
        index = {
            trace["name"]: file[f"traces/{k}/index"][:]
            for k, trace in enumerate(header["traces"])
            if trace["subset"] and trace["name"] in traces
        }
    return Recording(
        OnDemand(reader.trains, populations),
        OnDemand(reader.values, traces),
        stop - start,
        header["dt"],
        header["engine"],
        meta,
        {name: when for name, when in ticks.items() if when.size != stop - start},
        index,
        bool(complete),
    )


class _Reader:
    """Reads spikes and traces of one file; opens it each time, so that nothing stays open."""

    def __init__(self, path: Path, start: int) -> None:
        self.path, self.who, self._start = path, f"recording {os.fspath(path)!r}", start
        self._id: str | None = None

    def expect(self, identity: str, stop: int, header: dict[str, Any]) -> None:
        """Fix what is read from now on."""
        self._id, self._stop, self._sizes = identity, stop, dict(header["populations"])
        names = [("spikes", name) for name, _ in header["populations"]]
        names += [("traces", trace["name"]) for trace in header["traces"]]
        self._place = {key: k for k, key in enumerate(names)}
        self._first_trace = len(header["populations"])

    def trains(self, population: str) -> SpikeTrains:
        """Spikes of one population."""
        with self.opened() as file:
            group, part, ticks = self.rows(file, "spikes", population)
            length = self._stop - self._start
            return SpikeTrains(ticks, group["index"][part], self._sizes[population], length)

    def values(self, trace: str) -> npt.NDArray[Any]:
        """Rows of one trace."""
        with self.opened() as file:
            group, part, _ = self.rows(file, "traces", trace)
            values: npt.NDArray[Any] = group["values"][part]
            return values

    def rows(self, file: Any, kind: str, name: str) -> tuple[Any, slice, npt.NDArray[np.int64]]:
        """Group of a part of the recording, its rows in the window, and their ticks."""
        k = self._place[kind, name]
        group = file[f"{kind}/{k if kind == 'spikes' else k - self._first_trace}"]
        committed = int(file["rows"][k])
        ends = [_first_row(group["ticks"], committed, t) for t in (self._start, self._stop)]
        part = slice(*ends)
        return group, part, group["ticks"][part] - self._start

    @contextmanager
    def opened(self) -> Iterator[Any]:
        """Open the file and check that it is the expected recording."""
        h5py = optional_library("h5py", self.who)
        if not self.path.is_file():
            raise ValidationError(f"{self.who}: no such file")
        if not h5py.is_hdf5(self.path):
            raise ValidationError(
                f"{self.who}: expected HDF5, got another format; a file of Recording.save is read "
                "by Recording.load"
            )
        try:
            with _open(h5py, self.path) as file:
                self._check(file)
                yield file
        except ValidationError:
            raise
        except _UNREADABLE as error:
            raise ValidationError(
                f"{self.who}: expected a whole recording, got a file that is truncated or damaged "
                f"({error})"
            ) from error

    def _check(self, file: Any) -> None:
        if file.attrs.get("kind") != KIND:
            raise ValidationError(
                f"{self.who}: expected a recording of spikesim, got another HDF5 file"
            )
        if file.attrs["version"] != VERSION:
            raise ValidationError(
                f"{self.who}: expected format version {VERSION}, got {file.attrs['version']}; use "
                "the spikesim release that wrote it"
            )
        if self._id not in (None, file.attrs["id"]):
            raise ValidationError(
                f"{self.who}: expected the run that was opened, got another one that has replaced "
                "it; open it again"
            )


def _open(h5py: Any, path: Path) -> Any:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        # HDF5 marks a file as open for writing until it is closed, which a killed run never
        # does. Anything else, such as a truncated file, has to stay an error.
        if "already open for" not in str(error) and "unable to lock" not in str(error):
            raise
        return h5py.File(path, "r", libver="latest", swmr=True, locking=False)


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
