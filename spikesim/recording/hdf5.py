# SPDX-License-Identifier: Apache-2.0
"""Layout of a streamed recording in HDF5, and how it is opened.

::

    attributes      kind, version, id (random, new for each run)
    header          uint8, JSON: window asked for (start, stop), dt, engine, populations, traces,
                    meta
    result          uint8, JSON: meta of the finished run
    progress        int64 (3,): tick after the last committed one, 1 when finished, 1 when complete
    rows            int64 (1 + tables,): committed rows of the spikes and of each table of traces
    spikes/         ticks int64 (rows,), neuron int32 or int64 (rows,), sorted by both; the
                    populations of the header are numbered through
    traces/<k>/     ticks int64 (rows,), values (rows, columns), index int64 (columns,); all traces
                    of one type that are sampled in the same ticks, side by side

Every dataset has HDF5's checksum fletcher32, which is looked at whenever something is read. The one
change of a few bytes that it cannot see is aligned 16 bits from all 0 to all 1 or back; order and
range of ticks and neurons are looked at besides. Data is written before ``rows`` and ``progress``,
and rows beyond the committed ones are not read, so a writer that is killed at any moment leaves a
readable file; should it be killed while it fills the last chunk further, the rows that were
committed in that chunk are read without the checksum.

Version 2 had no checksums, and header and result as attributes. Version 1 had a group for each
population and each trace, and its ``header["meta"]["first_tick"]`` is what ``start`` is now.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from spikesim.core.listing import listed
from spikesim.core.on_demand import OnDemand
from spikesim.core.optional import optional_library
from spikesim.core.shape import COUNT, shape_problems
from spikesim.core.spikes import SpikeTrains
from spikesim.errors import ValidationError
from spikesim.recording.stored import stored
from spikesim.recording.tables import Groups, TableLayout, Tables

if TYPE_CHECKING:
    from spikesim.recording.recording import Recording

KIND, VERSION = "spikesim recording", 3
_LAYOUTS: dict[int, type[Groups] | type[Tables]] = {1: Groups, 2: Tables, 3: Tables}
# What h5py, numpy and json raise on bytes that are not what they claim to be.
_UNREADABLE = (
    OSError, KeyError, ValueError, TypeError, RuntimeError, AttributeError, IndexError,
    OverflowError, MemoryError,
)  # fmt: skip
_FORM = {
    "dt": float, "engine": str, "meta": dict, "populations": [(str, COUNT)],
    "start?": COUNT, "stop?": COUNT, "steps?": COUNT,
    "traces": [
        {
            "name": str, "every": COUNT, "subset": bool, "table?": COUNT, "column?": COUNT,
            "n?": COUNT, "span?": COUNT,
        }
    ],
}  # fmt: skip


def read_recording(
    path: str | os.PathLike[str],
    start: int | None,
    stop: int | None,
    only: tuple[str, ...] | None,
    make: type[Recording],
) -> Recording:
    """Open start <= tick < stop of a file; see ``Recording.open``."""
    reader = _FileReader(Path(path))
    with reader.opened() as file:
        header = json.loads(_text(file, "header"))
        if problems := shape_problems(header, _FORM):
            raise ValidationError([f"{reader.who}: {text}" for text in problems])
        first = int(header.get("start", header["meta"].get("first_tick", 0)))
        # Progress first: rows committed later than it are harmless, the other way is not.
        last, _, complete = (int(x) for x in stored(file["progress"]))
        result = _text(file, "result")
        meta = header["meta"] if result is None else json.loads(result)
        start, stop = first if start is None else start, last if stop is None else stop
        if not first <= start <= stop <= last:
            raise ValidationError(
                f"{reader.who}: expected {first} <= start <= stop <= {last}, the recorded ticks, "
                f"got {start}, {stop}"
            )
        layout = _LAYOUTS[int(file.attrs["version"])](header, start, stop)
        reader.expect(_word(file, "id"), layout)
        populations, traces = list(layout.populations), list(layout.traces)
        unknown = sorted(set(only or ()) - {*populations, *traces})
        if unknown:
            raise ValidationError(
                f"{reader.who}: expected names among {listed(populations + traces)}, got {unknown}"
            )
        populations = [name for name in populations if only is None or name in only]
        traces = [name for name in traces if only is None or name in only]
        ticks = {name: layout.ticks(file, name) for name in traces}
        index = {name: layout.columns(file, name) for name in traces if layout.is_subset(name)}
    return make(
        OnDemand(lambda name: next(iter(reader.trains((name,)))), populations, reader.trains),
        OnDemand(reader.values, traces),
        stop - start,
        header["dt"],
        header["engine"],
        meta,
        {name: when for name, when in ticks.items() if when.size != stop - start},
        index,
        bool(complete),
        start,
    )


class _FileReader:
    """Reads spikes and traces of one file; opens it each time, so that nothing stays open."""

    def __init__(self, path: Path) -> None:
        self.path, self.who = path, f"recording {os.fspath(path)!r}"
        self._id: str | None = None

    def expect(self, identity: str, layout: TableLayout) -> None:
        """Fix what is read from now on."""
        self._id, self._layout = identity, layout

    def trains(self, populations: tuple[str, ...]) -> Iterator[SpikeTrains]:
        """Spikes of some populations, one after the other."""
        for some in self._batches(populations):
            with self.opened() as file:
                found = self._layout.trains(file, some)
            yield from found

    def values(self, trace: str) -> npt.NDArray[Any]:
        """Rows of one trace."""
        with self.opened() as file:
            return self._layout.values(file, trace)

    def _batches(self, populations: tuple[str, ...]) -> list[tuple[str, ...]]:
        if len(populations) <= 1:
            return [(name,) for name in populations]
        with self.opened() as file:
            return self._layout.batches(file, populations)

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
        if _word(file, "kind") != KIND:
            raise ValidationError(
                f"{self.who}: expected a recording of spikesim, got another HDF5 file"
            )
        if file.attrs["version"] not in _LAYOUTS:
            raise ValidationError(
                f"{self.who}: expected format version {VERSION} or less, got "
                f"{file.attrs['version']}; use the spikesim release that wrote it"
            )
        if self._id not in (None, _word(file, "id")):
            raise ValidationError(
                f"{self.who}: expected the run that was opened, got another one that has replaced "
                "it; open it again"
            )


def _word(file: Any, name: str) -> str:
    """Give an attribute: bytes, and until version 2 a str."""
    word = file.attrs.get(name, b"")
    return word if isinstance(word, str) else bytes(word).decode(errors="replace")


def _text(file: Any, name: str) -> Any:
    """Give a JSON text of the file, None where there is none."""
    return bytes(stored(file[name])) if name in file else file.attrs.get(name)


def _open(h5py: Any, path: Path) -> Any:
    try:
        return h5py.File(path, "r")
    except OSError as error:
        # HDF5 marks a file as open for writing until it is closed, which a killed run never
        # does. Anything else, such as a truncated file, has to stay an error.
        if "already open for" not in str(error) and "unable to lock" not in str(error):
            raise
        return h5py.File(path, "r", libver="latest", swmr=True, locking=False)
