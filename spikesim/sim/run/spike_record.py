# SPDX-License-Identifier: Apache-2.0
"""The spikes of the latest ticks: those of a window, and those that are still on their way."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from spikesim.kernels.loop import count_parts, gather, roll, tally

_LEAST_TICKS = 64
"""Ticks of a window that there is always room for, and between two moves of a short history."""
_MARK_BYTES = 32 << 20
"""Memory of the marks of a window; with thousands of populations windows get shorter."""

Spikes = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int32]]


@dataclass(eq=False)
class Record:
    """Spikes of a window of ticks and of the history before it.

    Windows follow each other; only when no room is left the history moves to the front.

    Attributes
    ----------
    history, window : int
        Rows kept before a window, and ticks of the longest one.
    per_tick : int
        Spikes of one tick at most in each block; 0 where that is not known before.
    clock : int64 array, shape (1,)
        Tick of row 0.
    fired : int32 array, shape (blocks, capacity)
        Sources that fired, in the order of tick and number.
    marks : int64 array, shape (blocks, rows, parts + 1)
        Where each part's spikes of a tick begin in ``fired``.
    row : int
        First row of the window, at least ``history``.
    used : int
        Spikes before the window in the fullest block.
    begin : int64 array, shape (1,)
        First tick of the window.
    """

    history: int
    window: int
    per_tick: int
    clock: npt.NDArray[np.int64]
    fired: npt.NDArray[np.int32]
    marks: npt.NDArray[np.int64]
    row: int
    used: int = 0
    begin: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(1, dtype=np.int64))

    @classmethod
    def empty(
        cls, blocks: int, n: int, parts: int, history: int, window: int, most: int | None = None
    ) -> Record:
        """No spike in the history; room for every one of ``n`` sources in every tick.

        Or for ``most`` spikes in all, if that is less, but for at least one tick.
        """
        rows = history + window
        capacity = rows * n if most is None else min(rows * n, max(most // blocks, n))
        return cls(
            history,
            window,
            n,
            np.array([-history], dtype=np.int64),
            np.empty((blocks, capacity), dtype=np.int32),
            np.zeros((blocks, rows, parts + 1), dtype=np.int64),
            history,
        )

    @staticmethod
    def fitting_window(blocks: int, parts: int, history: int, wish: int) -> int:
        """Ticks of a window of at most ``wish`` whose marks take little memory.

        Or as much as those of the history: it is moved once in a window.
        """
        fitting = _MARK_BYTES // (8 * blocks * (parts + 1))
        return min(wish, max(fitting, history, _LEAST_TICKS))

    @property
    def nbytes(self) -> int:
        """Memory in use: of ``fired`` what the fullest window needed."""
        return self.marks.nbytes + 4 * int(self.marks[:, :, -1].max(axis=1).sum())

    def open(self, ticks: int) -> int:
        """Begin a window of at most so many ticks; gives how many there is room for."""
        rows, capacity = self.marks.shape[1], self.fired.shape[1]
        full = self.row + ticks > rows or self.used + ticks * self.per_tick > capacity
        # So each row of the history is moved about once, however short windows are.
        if full or self.row - self.history >= max(self.history, _LEAST_TICKS):
            self.compact()
        self.begin[0] = self.clock[0] + self.row
        free = (capacity - self.used) // self.per_tick if self.per_tick else ticks
        return min(ticks, rows - self.row, free)

    def compact(self) -> None:
        """Move the history to the front."""
        if self.row > self.history:
            roll(self.row - self.history, self.history, self.clock, self.fired, self.marks)
            self.go_to(self.history)

    def close(self, ticks: int) -> None:
        """End the window after so many ticks."""
        self.go_to(self.row + ticks)

    def go_to(self, row: int) -> None:
        """Let the window begin at a row; the marks of those before it hold."""
        self.row = row
        # As Python numbers: a reduction takes longer than the few blocks there are.
        self.used = max(self.marks[:, row - 1, -1].tolist()) if row else 0

    def forget(self, tick: int) -> None:
        """Drop all spikes; ``tick`` is the next."""
        self.marks[:, : self.history] = 0
        self.row, self.used = self.history, 0
        self.clock[0] = tick - self.history

    def past(self) -> slice:
        """Rows of the history."""
        return slice(self.row - self.history, self.row)

    def tally(self, ticks: int, counts: npt.NDArray[np.int64]) -> None:
        """Add the spikes of the first ``ticks`` ticks of the window to those of each source."""
        tally(self.row, ticks, self.fired, self.marks, counts)

    def spikes(self, firsts: npt.NDArray[np.int64], ticks: int) -> Spikes:
        """Spikes of the first ``ticks`` ticks of the window by part, each sorted.

        Parameters
        ----------
        firsts : int64 array, shape (parts,)
            Number of each part's first source.
        ticks : int

        Returns
        -------
        starts : int64 array, shape (parts + 1,)
            Where the spikes of each part begin.
        times : int64 array
        sources : int32 array
            Counted within the part.
        """
        starts = np.empty(firsts.size + 1, dtype=np.int64)
        count_parts(self.row, ticks, self.marks, starts)
        n = int(starts[-1])
        times, sources = np.empty(n, np.int64), np.empty(n, np.int32)
        if n:
            gather(int(self.begin[0]), self.row, ticks, firsts, self.fired, self.marks,
                   starts.copy(), times, sources)  # fmt: skip
        return starts, times, sources
