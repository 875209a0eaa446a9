# SPDX-License-Identifier: Apache-2.0
"""Random events bound to a seed, a tick and a number of lines."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.core import SpikeTrains, stream_key
from spikesim.core.quantity import RATE, WAY_OUT
from spikesim.engine.sources import Events
from spikesim.errors import ValidationError
from spikesim.kernels import poisson as kernels
from spikesim.kernels.aligned import aligned
from spikesim.sim.inputs.count_tables import CountTables, count_tables

Call = tuple[Callable[..., Any], tuple[Any, ...]]
"""A kernel ``f(tick, *args)`` and its arguments."""

Scratch = tuple[npt.NDArray[np.uint64], npt.NDArray[np.uint16]]

_NONE = np.zeros(0, np.int32)
_MOST_ROOM = 1 << 22
"""Events drawn in one go, unless a single tick has more."""


def make_scratch() -> Scratch:
    """Room for the hashes and counts of one thread."""
    words, lines = kernels.CHUNK_LINES // 4 + 1, kernels.CHUNK_LINES
    return aligned(words, np.uint64), aligned(lines, np.uint16)


@dataclass(frozen=True, eq=False)
class DrawnEvents:
    """Random events of one input; every draw depends on (seed, name, tick, line) alone.

    Parameters
    ----------
    n : int
        Lines.
    tables : CountTables
        How many events a line has in a tick.
    keys : uint64 array, shape (2,)
    bin_ticks : int
        Ticks of one bin of the tables; 0 for one bin that lasts.
    repeat : bool
        Whether the bins start again after the last; else the input falls silent.
    most_events : int
        Bound on the events of one tick that fails with a probability below 1e-18.
    """

    n: int
    tables: CountTables
    keys: npt.NDArray[np.uint64]
    bin_ticks: int
    repeat: bool
    most_events: int

    def window(self, start: int, stop: int) -> Events:
        """Events of start <= tick < stop.

        Returns
        -------
        ticks : int64 array
        lines : int32 array
            Ascending in a tick; a line with several events stands there several times.
        """
        event_start, lines = self.listed(start, stop)
        return np.repeat(np.arange(start, stop), np.diff(event_start)), lines

    def listed(self, start: int, stop: int) -> Events:
        """Where the events of each tick begin, shape (stop - start + 1,), and their lines."""
        room = max(self.most_events, min(_MOST_ROOM, self.most_events * (stop - start)))
        event_start = np.zeros(stop - start + 1, np.int64)
        parts: list[npt.NDArray[np.int32]] = []
        done = 0
        while done < stop - start:
            out, ends = np.empty(room, np.int32), event_start[1 + done :]
            args = (start + done, stop, *self._prompt, self.n, out, ends)
            more = kernels.poisson_window(*args)
            if more == 0:  # less likely than 1e-18, and still no event may be lost
                room *= 2
                continue
            parts.append(out[: ends[more - 1]])
            if more == stop - start:
                return event_start, parts[0]
            ends[:more] += event_start[done]
            done += more
        return event_start, np.concatenate([_NONE, *parts])

    def drive_call(
        self,
        acc: npt.NDArray[Any],
        start: int,
        weight: npt.NDArray[Any],
        *,
        lo: int = 0,
        n: int | None = None,
        late: int = 0,
        slots: int = 1,
        stride: int = 0,
        scratch: Scratch | None = None,
    ) -> Call:
        """Kernel that adds events times weight to ``acc[start:]``, without a list.

        Parameters
        ----------
        acc : int32 (fixed point) or float64 array
        start : int
            Position of line ``lo``.
        weight : array of the type of acc, shape (1,) or (n,)
            What an event adds.
        lo, n : int
            Slice of lines; all by default.
        late : int
            Delay in ticks.
        slots, stride : int
            Ticks for which ``acc`` holds sums (a power of two), and the sums of one tick.
        scratch : Scratch, optional
            Default one of its own. Drives of one thread that share it use less of the cache.
        """
        lines = self.n - lo if n is None else n
        return kernels.poisson_drive, (
            *self._table(late, scratch), lo, lines, acc, start, slots, stride, weight,
        )  # fmt: skip

    @cached_property
    def _prompt(self) -> tuple[Any, ...]:
        """The table of what is listed: by one thread at a time, so the scratch is kept."""
        return self._table(0)

    def _table(self, late: int, scratch: Scratch | None = None) -> tuple[Any, ...]:
        """Arrays that describe the draws, and scratch."""
        return (
            self.keys,
            self.tables.thresholds,
            self.tables.leading,
            self.tables.sure,
            self.tables.cells,
            np.array([late, self.bin_ticks, self.repeat], dtype=np.int64),
            *(scratch or make_scratch()),
        )


class RandomEvents(ABC):
    """Input that draws events at given rates."""

    rates_hz: npt.ArrayLike

    counts: bool

    @abstractmethod
    def problems(self, n: int, dt: float) -> list[str]:
        """Why these rates cannot drive ``n`` lines at tick ``dt``; empty when they can."""

    @abstractmethod
    def _bins(self, dt: float) -> tuple[npt.NDArray[np.float64], int, bool]:
        """Rates of shape (bins, 1 or n), ticks of a bin, and whether they repeat."""

    def doubts(self) -> list[str]:
        """Why the rates look like ones in another unit than Hz; empty when they do not."""
        text = RATE.doubt("rates", np.max(self.rates_hz, initial=0.0))
        return [f"{text}; {WAY_OUT}"] if text else []

    def bind_events(self, n: int, dt: float, seed: int, name: str) -> DrawnEvents:
        """Make the source of events of the input ``name``.

        Raises
        ------
        ValidationError
            If the rates do not fit ``n`` lines or the tick.
        """
        problems = self.problems(n, dt)
        if problems:
            raise ValidationError(problems)
        rates, bin_ticks, repeat = self._bins(dt)
        mean = rates * dt
        keys = [stream_key(seed, "poisson", name, part) for part in ("leading", "tail")]
        most = float(np.max(mean.sum(axis=1) * (n // mean.shape[1]), initial=0.0))
        # Ten standard deviations; the constant is for means of a few events.
        bound = int(most + 10 * np.sqrt(most)) + 50
        return DrawnEvents(
            n,
            count_tables(mean, self.counts),
            np.array(keys, dtype=np.uint64),
            bin_ticks,
            repeat,
            bound if self.counts else min(bound, n),
        )

    def events(self, n: int, dt: float, seed: int, name: str, start: int, stop: int) -> Events:
        """Events of start <= tick < stop of the input ``name``, sorted."""
        return self.bind_events(n, dt, seed, name).window(start, stop)

    def trains(self, n: int, steps: int, dt: float, seed: int, name: str) -> SpikeTrains:
        """Draw the spikes that a run of this seed gives the input ``name``.

        A longer run begins with the spikes of a shorter one.

        Raises
        ------
        ValidationError
            If the rates do not fit ``n`` lines or the tick, or several events of a line
            may fall in one tick.
        """
        if self.counts:
            raise ValidationError(
                f"{type(self).__name__}: expected counts=False where spike trains are needed (at "
                "most one spike per line and tick), got counts=True; split the rate over more "
                "lines, or run it in the float engine"
            )
        ticks, lines = self.events(n, dt, seed, name, 0, steps)
        return SpikeTrains(ticks, lines, n, steps)
