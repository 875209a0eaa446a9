# SPDX-License-Identifier: Apache-2.0
"""Input spikes as EVENTS frames, and runs cut so that the event queue holds their input."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikesim.core.spikes import SpikeTrains
from spikesim.errors import ValidationError
from spikesim.hw.config import way_out
from spikesim.hw.generated import EVENT_HORIZON, MARKER, REQUESTS, Command

_FRAME_WORDS = REQUESTS[Command.EVENTS].most


@dataclass(frozen=True)
class Chunk:
    """Steps that run in one go: ``frames`` are payloads of EVENTS, all for these steps."""

    steps: int
    frames: tuple[bytes, ...]


def event_frames(ticks: npt.NDArray[np.int64], axons: npt.NDArray[np.int32]) -> list[bytes]:
    """EVENTS payloads for spikes sorted by (tick, axon).

    Parameters
    ----------
    ticks : int64 array, shape (k,), steps of the core
    axons : int32 array, shape (k,)

    Examples
    --------
    >>> event_frames(np.array([3, 3, 5]), np.array([0, 7, 1], np.int32))[0].hex(" ")
    '03 00 00 00 00 00 07 00 02 80 01 00'
    """
    # Gaps beyond 15 bits take a frame of their own start instead of an advance.
    far = np.flatnonzero(np.diff(ticks) > MARKER - 1) + 1
    pairs = zip(np.split(ticks, far), np.split(axons, far), strict=True)
    return [frame for part in pairs for frame in _frames_without_far_gap(*part)]


def _frames_without_far_gap(
    ticks: npt.NDArray[np.int64], axons: npt.NDArray[np.int32]
) -> list[bytes]:
    n = ticks.size
    if not n:
        return []
    advance = np.diff(ticks, prepend=ticks[0])
    moved = advance > 0
    place = np.arange(n) + np.cumsum(moved)
    stream = np.empty(int(place[-1]) + 1, "<u2")
    stream[place] = axons
    stream[place[moved] - 1] = MARKER | advance[moved]
    frames = []
    at = 0
    while at < n:
        end = int(np.searchsorted(place, place[at] + _FRAME_WORDS))
        words = stream[place[at] : place[end - 1] + 1]
        frames.append(int(ticks[at]).to_bytes(4, "little") + words.tobytes())
        at = end
    return frames


def plan_chunks(trains: SpikeTrains, queue_words: int, first_step: int = 0) -> list[Chunk]:
    """Cut a run into chunks whose events fit the event queue and lie within its horizon.

    Parameters
    ----------
    trains : SpikeTrains
        Spikes of axons, ticks from the start of the run.
    queue_words : int
        Size of the event queue; a step with input takes one word more than it has spikes.
    first_step : int
        Step of the core at which the run begins.

    Raises
    ------
    ValidationError
        If one step alone has too many spikes.
    """
    busy, counts = np.unique(trains.ticks, return_counts=True)
    words = counts + 1
    if words.size and int(words.max()) > queue_words:
        at = int(np.argmax(words))
        raise ValidationError(
            f"input: expected at most {queue_words - 1} spikes in one step, got {counts[at]} in "
            f"tick {busy[at]}; thin the input, {way_out('event_queue', int(words[at]))}"
        )
    total = np.concatenate(([0], np.cumsum(words)))
    starts = [0]
    at = 0
    while at < busy.size:
        room = int(np.searchsorted(total, total[at] + queue_words, side="right")) - 1
        # A chunk's events are queued when its first step is next; the core looks so far ahead.
        seen = int(np.searchsorted(busy, starts[-1] + EVENT_HORIZON, side="right"))
        if seen == at:
            starts.append(int(busy[at]))
            continue
        end = min(room, seen)
        if end < busy.size:
            starts.append(int(busy[end]))
        at = end
    chunks = []
    for begin, end in zip(starts, [*starts[1:], trains.steps], strict=True):
        lo, hi = np.searchsorted(trains.ticks, (begin, end))
        frames = event_frames(trains.ticks[lo:hi] + first_step, trains.index[lo:hi])
        chunks.append(Chunk(end - begin, tuple(frames)))
    return chunks
