# SPDX-License-Identifier: Apache-2.0
"""A recording as one file that is written and read as a whole."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from spikesim.core.archive import Content, read_archive, write_archive
from spikesim.core.shape import COUNT, shape_problems
from spikesim.core.spikes import SpikeTrains
from spikesim.errors import ValidationError, errors_of

if TYPE_CHECKING:
    from spikesim.recording.recording import Recording

_VERSION, _OLDEST_VERSION = 3, 2
_FORM = {
    "start?": COUNT, "steps": COUNT, "dt": float, "engine": str, "meta": dict,
    "populations": [(str, COUNT)], "traces": [str], "complete": bool,
}  # fmt: skip


def save_recording(recording: Recording, path: str | os.PathLike[str]) -> None:
    """Write everything to one file, atomically."""
    header: dict[str, Any] = {
        "start": recording.start,
        "steps": recording.steps,
        "dt": recording.dt,
        "engine": recording.engine,
        "meta": recording.meta,
        "populations": [],
        "traces": list(recording.traces),
        "complete": recording.complete,
    }
    arrays: dict[str, npt.NDArray[Any]] = {}
    for k, (name, trains) in enumerate(recording.spikes.items()):
        header["populations"].append([name, trains.n])
        arrays[f"spikes/{k}/ticks"] = trains.ticks
        arrays[f"spikes/{k}/index"] = trains.index
    for k, (name, values) in enumerate(recording.traces.items()):
        arrays[f"traces/{k}"] = values
        for axis, kept in (("ticks", recording.trace_ticks), ("index", recording.trace_index)):
            if name in kept:
                arrays[f"traces/{k}/{axis}"] = kept[name]
    write_archive(path, "recording", _VERSION, header, arrays)


def load_recording(path: str | os.PathLike[str], make: type[Recording]) -> Recording:
    """Read what ``save_recording`` wrote, also in an earlier version of the format.

    Raises
    ------
    ValidationError
        On any other or damaged file.
    """
    header, arrays = read_archive(path, "recording", _VERSION, _FORM, oldest=_OLDEST_VERSION)
    with errors_of(arrays.who):
        return _build(header, arrays, make)


def _build(header: Mapping[str, Any], arrays: Content, make: type[Recording]) -> Recording:
    start, steps = _window_of(header, arrays)
    spikes = {
        name: SpikeTrains(
            arrays.take(f"spikes/{k}/ticks", "iu", None),
            arrays.take(f"spikes/{k}/index", "iu", None),
            n,
            steps,
            start,
        )
        for k, (name, n) in enumerate(header["populations"])
    }
    axes: dict[str, dict[str, npt.NDArray[Any]]] = {
        axis: {
            name: arrays.take(f"traces/{k}/{axis}", "iu", None)
            for k, name in enumerate(header["traces"])
            if f"traces/{k}/{axis}" in arrays
        }
        for axis in ("ticks", "index")
    }
    return make(
        spikes,
        {
            name: arrays.take(f"traces/{k}", "biuf", None, None)
            for k, name in enumerate(header["traces"])
        },
        steps,
        header["dt"],
        header["engine"],
        header["meta"],
        axes["ticks"],
        axes["index"],
        header["complete"],
        start,
    )


def _window_of(
    header: Mapping[str, Any], arrays: Mapping[str, npt.NDArray[Any]]
) -> tuple[int, int]:
    """First tick and length of a saved recording, also of one that counted from tick 0."""
    if "start" in header:
        return int(header["start"]), int(header["steps"])
    # Version 2: steps was the last tick, and where a resumed run began stood in meta. A part of
    # such a run counted from its own start, with ticks or an end before that of the run.
    first, stop = header["meta"].get("first_tick", 0), header["steps"]
    if shape_problems(first, COUNT):
        raise ValidationError(f"header.meta.first_tick: expected a tick, got {first!r}")
    ticks = [values for name, values in arrays.items() if name.endswith("/ticks")]
    if first > stop or any((values < first).any() for values in ticks):
        first = 0
    return first, stop - first
