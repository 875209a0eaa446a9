# SPDX-License-Identifier: Apache-2.0
"""Threads that run a window in step, and leave it to one of them where a core is taken."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from spikesim.kernels.loop import LINE
from spikesim.sim.run.tick_program import TickProgram, call

_SHORT = 0.02
"""Seconds; what a shorter window says about cores is chance."""
_TAKEN = 0.75
"""Share of a window below which a thread's core was taken by somebody else."""
_MOST_ALONE = 16
"""Windows on one thread at most before several are tried again."""


class Threads:
    """The threads of a run.

    Parameters
    ----------
    n : int

    Attributes
    ----------
    n : int
    used : int
        Threads of the last window.
    """

    def __init__(self, n: int) -> None:
        self.n = self.used = n
        self._alone = 0
        self._next_alone = 1
        self._pool: ThreadPoolExecutor | None = None  # its threads end with this object

    def run(self, start: int, ticks: int, programs: Callable[[int], Sequence[TickProgram]]) -> None:
        """Run a window on all threads, or on one; ``programs`` gives those of so many threads."""
        self.used = self.n if self._alone == 0 else 1
        self._alone = max(self._alone - 1, 0)
        chosen = programs(self.used)
        progress = np.full(self.used * LINE, start, dtype=np.int64)
        waits = np.zeros(self.used * LINE, dtype=np.int64)
        if self.used == 1:
            call(start, ticks, chosen[0], 0, progress, waits)
            return
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self.n - 1, "spikesim")
            # Loads the step loop: nobody has to wait for that in a window that is judged.
            call(start, 0, chosen[0], 0, progress, waits)

        def work(thread: int) -> float:
            began = time.thread_time()
            call(start, ticks, chosen[thread], thread, progress, waits)
            return time.thread_time() - began

        began = time.perf_counter()
        others = [self._pool.submit(work, thread) for thread in range(1, self.n)]
        shares = [work(0), *(other.result() for other in others)]
        self.judge(min(shares), time.perf_counter() - began)

    def judge(self, least: float, wall: float) -> None:
        """Stay alone for some windows where a thread had ``least`` of ``wall`` seconds only.

        Waiting for a thread whose core is taken costs more than working alone. Each time it
        happens again at once, the wait before the next trial is doubled.
        """
        if wall <= _SHORT:
            return
        if least < _TAKEN * wall:
            self._alone = self._next_alone
            self._next_alone = min(2 * self._next_alone, _MOST_ALONE)
        else:
            self._next_alone = 1
