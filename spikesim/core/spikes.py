# SPDX-License-Identifier: Apache-2.0
"""Spike trains of one population as a sorted list of events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError


def _event_column(
    values: npt.ArrayLike, what: str, problems: list[str]
) -> npt.NDArray[np.integer[Any]]:
    """Integers as given, not a copy."""
    array = np.asarray(values)
    if array.ndim != 1:
        problems.append(f"spike trains: expected {what} with one axis, got shape {array.shape}")
        return np.zeros(0, dtype=np.int64)
    if array.size and array.dtype.kind not in "iu":
        seconds = "; divide seconds by dt and round" if what == "ticks" else ""
        problems.append(f"spike trains: expected integer {what}, got dtype {array.dtype}{seconds}")
        return np.zeros(array.size, dtype=np.int64)
    return array if array.size else array.astype(np.int64)


@dataclass(frozen=True, eq=False)
class SpikeTrains:
    """The spikes of ``n`` neurons in a window of time, sorted by (tick, index).

    The window is start <= tick < start + steps on the axis of the run: spikes that were recorded
    from tick 20,000 on, or cut out of a longer record, keep their ticks. All that divides by time
    or counts in bins takes the window, not tick 0.

    Parameters
    ----------
    ticks : int64 array, shape (k,), ticks
        When each spike happens, start <= tick < start + steps. Any order; it is sorted here.
    index : int32 array, shape (k,)
        Which neuron fires, 0 <= index < n.
    n : int
        Number of neurons, >= 0.
    steps : int
        Length of the window in ticks, >= 0.
    start : int
        First tick of the window, >= 0.

    Raises
    ------
    ValidationError
        With every problem: lengths that differ, events outside the record, a neuron that
        fires twice in one tick.

    Examples
    --------
    >>> trains = SpikeTrains([3, 0, 0], [1, 2, 0], n=3, steps=4)
    >>> trains.ticks.tolist(), trains.index.tolist()
    ([0, 0, 3], [0, 2, 1])
    >>> trains.counts().tolist()
    [1, 1, 1]
    >>> trains == SpikeTrains.from_raster(trains.raster())
    True
    >>> trains.window(2, 4)
    SpikeTrains(1 spikes, n=3, ticks 2 to 4)
    """

    ticks: npt.NDArray[np.int64]
    index: npt.NDArray[np.int32]
    n: int
    steps: int
    start: int = 0

    def __post_init__(self) -> None:
        problems: list[str] = []
        n, steps, start = int(self.n), int(self.steps), int(self.start)
        # Arrays of millions: every one more that is made costs as much as recording the spikes.
        given = _event_column(self.ticks, "ticks", problems)
        index = _event_column(self.index, "index", problems)
        if n < 0 or steps < 0 or start < 0:
            problems.append(
                "spike trains: expected n >= 0, steps >= 0 and start >= 0, got "
                f"{n}, {steps} and {start}"
            )
        if n > np.iinfo(np.int32).max:
            problems.append(f"spike trains: expected n < 2**31, got {n}")
        if not problems and given.size != index.size:
            problems.append(
                f"spike trains: expected as many ticks as indices, got {given.size} and "
                f"{index.size}; pass one (tick, index) pair per spike"
            )
        if not problems:
            stop = "steps" if start == 0 else "start + steps"
            problems += _range_problems(given, start, start + steps, "tick", stop)
            problems += _range_problems(index, 0, n, "index", "n")
        if problems:
            raise ValidationError(problems)
        ticks, stored = given.astype(np.int64), index.astype(np.int32)
        # From the start of the window: late ticks of many neurons would overflow.
        key = (ticks - start if start else ticks) * max(n, 1)
        key += stored
        if key.size > 1 and not (key[1:] > key[:-1]).all():
            order = np.argsort(key, kind="stable")
            ticks, stored, key = ticks[order], stored[order], key[order]
            same = np.flatnonzero(key[1:] == key[:-1])
            if same.size:
                k = same[0]
                raise ValidationError(
                    f"spike trains: expected at most one spike per neuron and tick, got neuron "
                    f"{stored[k]} more than once in tick {ticks[k]} ({same.size} repeated events); "
                    "drop repeats with numpy.unique"
                )
        ticks.setflags(write=False)
        stored.setflags(write=False)
        values = {"ticks": ticks, "index": stored, "n": n, "steps": steps, "start": start}
        for field, value in values.items():
            object.__setattr__(self, field, value)

    @property
    def stop(self) -> int:
        """First tick after the window."""
        return self.start + self.steps

    @classmethod
    def empty(cls, n: int, steps: int, start: int = 0) -> SpikeTrains:
        """No spike at all."""
        return cls(np.zeros(0, np.int64), np.zeros(0, np.int32), n, steps, start)

    @classmethod
    def from_raster(cls, raster: npt.ArrayLike, start: int = 0) -> SpikeTrains:
        """Spike trains from a dense raster.

        Parameters
        ----------
        raster : bool array, shape (steps, n)
            Numbers are accepted when each of them is 0 or 1.
        start : int
            Tick of the first row.

        Raises
        ------
        ValidationError
            If the array has not two axes or holds anything but 0 and 1.
        """
        array = np.asarray(raster)
        if array.ndim == 0:
            raise ValidationError(
                f"raster: expected spikes as an array of shape (steps, n), got {array[()]}; a rate "
                "is given as Poisson(rate)"
            )
        if array.ndim != 2:
            raise ValidationError(
                f"raster: expected shape (steps, n), got {array.shape}; a batch has to be run "
                "one sample at a time"
            )
        if array.dtype != np.bool_:
            if array.dtype.kind not in "iuf" or not np.isin(array, (0, 1)).all():
                raise ValidationError(
                    f"raster: expected bool or values 0 and 1, got dtype {array.dtype} with other "
                    "values; encode intensities into spikes first"
                )
            array = array.astype(np.bool_)
        ticks, index = np.nonzero(array)
        return cls(ticks + start, index.astype(np.int32), array.shape[1], array.shape[0], start)

    def raster(self) -> npt.NDArray[np.bool_]:
        """Dense form, bool array of shape (steps, n); the first row is tick ``start``."""
        dense = np.zeros((self.steps, self.n), dtype=np.bool_)
        dense[self.ticks - self.start, self.index] = True
        return dense

    def counts(self) -> npt.NDArray[np.int64]:
        """Spikes of each neuron, int64 array of shape (n,)."""
        return np.bincount(self.index, minlength=self.n).astype(np.int64)

    def at(self, tick: int) -> npt.NDArray[np.int32]:
        """Neurons that fire in ``tick``, ascending, int32 array."""
        lo, hi = np.searchsorted(self.ticks, (tick, tick + 1))
        return self.index[lo:hi]

    def times(self, dt: float) -> npt.NDArray[np.float64]:
        """Seconds at which the spikes happen for ticks of ``dt`` seconds, float64 array (k,).

        Time 0 is the start of the run, not of the window.
        """
        return np.multiply(self.ticks, dt, dtype=np.float64)

    def by_neuron(self) -> list[npt.NDArray[np.int64]]:
        """Ticks of the spikes of each neuron, ascending: a list of n int64 arrays.

        Examples
        --------
        >>> [t.tolist() for t in SpikeTrains([0, 2, 5], [1, 0, 1], n=3, steps=6).by_neuron()]
        [[2], [0, 5], []]
        """
        order = np.argsort(self.index, kind="stable")
        return np.split(self.ticks[order], np.cumsum(self.counts()))[: self.n]

    def select(self, neurons: npt.ArrayLike) -> SpikeTrains:
        """Keep some neurons only, renumbered in the order given.

        Parameters
        ----------
        neurons : int array, shape (m,)
            Which, each once, 0 <= neuron < n.

        Raises
        ------
        ValidationError
            If a neuron does not exist or comes twice.

        Examples
        --------
        >>> trains = SpikeTrains([0, 2, 5], [1, 0, 1], n=3, steps=6)
        >>> trains.select([1]).ticks.tolist()
        [0, 5]
        """
        problems: list[str] = []
        chosen = _event_column(neurons, "neurons", problems)
        problems = problems or _range_problems(chosen, 0, self.n, "neuron", "n")
        if not problems and np.unique(chosen).size < chosen.size:
            problems = ["spike trains: expected each neuron once in select(); drop the repeats"]
        if problems:
            raise ValidationError(problems)
        number = np.full(self.n, -1, dtype=np.int32)
        number[chosen] = np.arange(chosen.size, dtype=np.int32)
        renumbered = number[self.index]
        kept = renumbered >= 0
        return SpikeTrains(self.ticks[kept], renumbered[kept], chosen.size, self.steps, self.start)

    def shift(self, k: int) -> SpikeTrains:
        """Move the record ``k`` ticks later: spikes and window move together.

        Raises
        ------
        ValidationError
            If the window would begin before tick 0.

        Examples
        --------
        Play the second half of a record from tick 0 on.

        >>> trains = SpikeTrains([1, 5], [0, 0], n=1, steps=8)
        >>> late = trains.window(4, 8).shift(-4)
        >>> late.ticks.tolist(), late.start, late.steps
        ([1], 0, 4)
        """
        if self.start + k < 0:
            raise ValidationError(
                f"spike trains: expected a shift to tick 0 or later, got {k} for a record that "
                f"begins in tick {self.start}; cut with window({-k}, ...) first"
            )
        return SpikeTrains(self.ticks + k, self.index, self.n, self.steps, self.start + k)

    def window(self, start: int, stop: int) -> SpikeTrains:
        """Cut out start <= tick < stop; the spikes keep their ticks.

        ``window(start, stop).shift(-start)`` counts time from the cut, as for an input.
        """
        if not self.start <= start <= stop <= self.stop:
            raise ValidationError(
                f"spike trains: expected {self.start} <= start <= stop <= {self.stop}, got "
                f"{start}, {stop}"
            )
        lo, hi = np.searchsorted(self.ticks, (start, stop))
        return SpikeTrains(self.ticks[lo:hi], self.index[lo:hi], self.n, stop - start, start)

    def __len__(self) -> int:
        return int(self.ticks.size)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, SpikeTrains):
            return NotImplemented
        return (
            (self.n, self.steps, self.start) == (other.n, other.steps, other.start)
            and np.array_equal(self.ticks, other.ticks)
            and np.array_equal(self.index, other.index)
        )

    __hash__ = None  # type: ignore[assignment]  # equality by content of arrays

    def __repr__(self) -> str:
        span = f"ticks {self.start} to {self.stop}" if self.start else f"steps={self.steps}"
        return f"SpikeTrains({len(self)} spikes, n={self.n}, {span})"


def _range_problems(
    values: npt.NDArray[np.integer[Any]], low: int, limit: int, what: str, bound: str
) -> list[str]:
    if not values.size or (values.min() >= low and values.max() < limit):
        return []
    outside = (values < low) | (values >= limit)
    first = int(np.argmax(outside))
    return [
        f"spike trains: expected {low} <= {what} < {bound} = {limit}, got {int(values[first])} in "
        f"event {first} ({int(outside.sum())} events outside)"
    ]
