# SPDX-License-Identifier: Apache-2.0
"""Recordings of event cameras and silicon cochleas as frames, one for each tick."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from spikesim.errors import ValidationError

#: Seconds of one unit of the field t; tonic gives microseconds.
TIME_UNITS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_MOST_FRAMES = 100_000


def event_frames(
    events: np.ndarray,
    sensor_size: Sequence[int],
    *,
    unit: str,
    window: float | None = None,
    frames: int | None = None,
    binary: bool = True,
    who: str = "events",
) -> np.ndarray:
    """Sort the events of one recording into frames.

    Parameters
    ----------
    events : structured array, shape (n,), fields t, x, and where the sensor has them y, p
        In any order.
    sensor_size : (int, int, int)
        Width, height, polarities, as tonic has it.
    unit : {"s", "ms", "us", "ns"}
        Of t. There is no default: a wrong one is the usual mistake.
    window : float, seconds, optional
        Time of a frame, from the first event on.
    frames : int, optional
        How many frames of equal time; one of the two is given.
    binary : bool
        Whether events of one frame and place count once.
    who : str
        Whom an error is about.

    Returns
    -------
    float32 array, shape (T, polarities, height, width), T >= 1

    Raises
    ------
    ValidationError
        If there is no event, one lies outside of the sensor or between pixels, or the window is so
        wide or narrow that the unit is wrong, or gives more than 100,000 frames.

    Examples
    --------
    >>> kind = [("t", int), ("x", int), ("y", int), ("p", int)]
    >>> events = np.array([(0, 0, 0, 1), (900, 1, 0, 0), (2100, 1, 0, 0)], kind)
    >>> event_frames(events, (2, 1, 2), unit="us", window=1e-3)[:, 0, 0].tolist()
    [[0.0, 1.0], [0.0, 0.0], [0.0, 1.0]]
    """
    wide, high, signs = _sensor(sensor_size, who)
    if unit not in TIME_UNITS or (window is None) == (frames is None):
        raise ValidationError(
            f"{who}: expected unit in {', '.join(TIME_UNITS)} and either window or frames, got "
            f"unit={unit!r}, window={window}, frames={frames}"
        )
    t, places = _fields(events, (wide, high, signs), who)
    if frames is not None:
        n = _at_least(frames, who)
        tick = np.floor(t * n / max(float(t.max()), np.finfo(float).tiny))
    else:
        n, tick = _by_window(t, window or 0.0, unit, who)
    tick = np.minimum(tick, n - 1).astype(np.int64)
    out = np.zeros((n, signs, high, wide), np.float32)
    np.add.at(out, (tick, *places), 1.0)
    return np.minimum(out, 1.0) if binary else out


class EventFrames:
    """A data set of event recordings, such as tonic's, as frames and labels.

    Parameters
    ----------
    recordings : object with a length and an index
        Gives (events, label) as tonic's data sets do.
    sensor_size : (int, int, int), optional
        That of the data set by default.
    unit, window, frames, binary
        As for `event_frames`.

    Examples
    --------
    >>> kind = [("t", int), ("x", int), ("y", int), ("p", int)]
    >>> recordings = [(np.array([(0, 0, 0, 1), (9, 1, 0, 0)], kind), 3)]
    >>> frames, label = EventFrames(recordings, (2, 1, 2), unit="ms", frames=4)[0]
    >>> frames.shape, label
    ((4, 2, 1, 2), 3)
    """

    def __init__(
        self,
        recordings: Any,
        sensor_size: Sequence[int] | None = None,
        *,
        unit: str,
        window: float | None = None,
        frames: int | None = None,
        binary: bool = True,
    ) -> None:
        size = getattr(recordings, "sensor_size", None) if sensor_size is None else sensor_size
        if size is None:
            raise ValidationError(
                f"EventFrames: {type(recordings).__name__} does not say its sensor_size; expected "
                "(width, height, polarities)"
            )
        self.recordings, self.sensor_size = recordings, _sensor(size, "EventFrames")
        self._how: dict[str, Any] = {
            "unit": unit, "window": window, "frames": frames, "binary": binary
        }  # fmt: skip

    def __len__(self) -> int:
        """Give how many recordings."""
        return len(self.recordings)

    def __getitem__(self, index: int) -> tuple[np.ndarray, int]:
        """Frames float32 (T, polarities, height, width), and label."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        events, label = self.recordings[index]
        who = f"recording {index} of {type(self.recordings).__name__}"
        return event_frames(events, self.sensor_size, who=who, **self._how), int(label)


def _by_window(t: np.ndarray, window: float, unit: str, who: str) -> tuple[int, np.ndarray]:
    """Give how many frames, and the frame of each event."""
    scale = TIME_UNITS[unit]
    if not 0 < window < math.inf:
        raise ValidationError(f"{who}: expected window > 0 seconds, got {window}")
    ticks = window / scale
    # A window of whole units: no rounding decides into which frame an event falls.
    ticks = round(ticks) if abs(ticks - round(ticks)) < 1e-9 * ticks else ticks
    lasts = float(t.max())
    n = int(lasts // ticks) + 1 if lasts / ticks < _MOST_FRAMES else _MOST_FRAMES + 1
    if n > _MOST_FRAMES or (n == 1 and lasts > 0):
        got = "a single frame" if n == 1 else f"more than {_MOST_FRAMES:,} frames"
        raise ValidationError(
            f"{who}: a window of {window:g} s makes {got} of a recording that lasts "
            f"{lasts * scale:.3g} s if t is in {unit}; give the unit of t, another window, or "
            "frames="
        )
    return n, np.floor(t / ticks)


def _at_least(frames: int, who: str) -> int:
    if not 1 <= frames <= _MOST_FRAMES:
        raise ValidationError(f"{who}: expected frames from 1 to {_MOST_FRAMES:,}, got {frames}")
    return frames


def _sensor(size: Sequence[int], who: str) -> tuple[int, int, int]:
    numbers = tuple(int(n) for n in size)
    if len(numbers) != 3 or min(numbers) < 1:
        raise ValidationError(
            f"{who}: expected sensor_size (width, height, polarities), each at least 1, got "
            f"{tuple(size)}"
        )
    return numbers[0], numbers[1], numbers[2]


def _fields(
    events: np.ndarray, sensor: tuple[int, int, int], who: str
) -> tuple[np.ndarray, tuple[np.ndarray, ...]]:
    """Give times from the first event, float64, and places (polarity, row, column)."""
    names = getattr(getattr(events, "dtype", None), "names", None) or ()
    if not {"t", "x"} <= set(names) or events.ndim != 1 or not len(events):
        got = f"fields {list(names)}" if names else type(events).__name__
        raise ValidationError(
            f"{who}: expected a structured array with fields t, x, y, p and at least one event, "
            f"got {got}{f' and {events.size} events' if names else ''}"
        )
    columns = {"x": sensor[0], "y": sensor[1], "p": sensor[2]}
    found = {}
    for name, limit in columns.items():
        values = events[name] if name in names else np.zeros(len(events), np.int64)
        whole = np.isfinite(values) & (values == np.floor(values))
        if not whole.all():
            k = int(np.argmin(whole))
            raise ValidationError(
                f"{who}: expected {name} as whole numbers, got {values[k]} in event {k}; round "
                "them to the pixels that are meant"
            )
        found[name] = values.astype(np.int64)
        low, high = int(found[name].min()), int(found[name].max())
        # A sensor with one polarity may tell all events as 1.
        if name == "p" and limit == 1:
            found[name] = np.zeros(len(events), np.int64)
        elif low < 0 or high >= limit:
            raise ValidationError(
                f"{who}: expected {name} from 0 to {limit - 1}, as sensor_size {sensor} has it, "
                f"got {low} to {high}"
            )
    t = events["t"]
    if not np.isfinite(t).all():
        raise ValidationError(f"{who}: expected finite times, got NaN or infinity")
    # The difference first: times since 1970 in ns have more digits than float64.
    return (t - t.min()).astype(np.float64), (found["p"], found["y"], found["x"])
