# SPDX-License-Identifier: Apache-2.0
"""How far a run is: a bar on a terminal, lines in a log, or a callable of the user."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

_log = logging.getLogger(__name__)

Progress = bool | Callable[[int, int], None]
Report = Callable[[int, int], None]

LOG_SECONDS = 10.0
"""Wall time between two lines in the log."""


def reporting(progress: Progress, dt: float, start: int = 0) -> AbstractContextManager[Report]:
    """Context of a function to call with (ticks done, ticks in all) after each window.

    Parameters
    ----------
    progress : bool or callable
        False says nothing. True draws a bar with the remaining time and the real-time factor
        (wall time over simulated time, 1 is real time) when stderr is a terminal, and else logs
        at level INFO, every ten seconds and at the end. A callable is used as it is.
    dt : float
        Tick in seconds.
    start : int
        Ticks that were done before this run.

    Returns
    -------
    context manager
        Gives the callable.

    Examples
    --------
    >>> with reporting(lambda done, steps: print(f"{done} of {steps}"), dt=1e-3) as report:
    ...     report(5, 10)
    5 of 10
    """
    if progress is True and sys.stderr.isatty():
        return _bar(dt, start)
    if callable(progress):
        return nullcontext(progress)
    return nullcontext(_Lines(dt, start) if progress else _silent)


@contextmanager
def counting(progress: Progress, what: str) -> Iterator[Report]:
    """Context of a function to call with (done, all of them) for things other than ticks.

    Parameters
    ----------
    progress : bool or callable
        As for ``reporting``; True without a terminal logs every ten seconds and at the end.
    what : str
        What is counted, such as ``"samples"``.
    """
    if progress is not True:
        yield progress if callable(progress) else _silent
        return
    if not sys.stderr.isatty():
        began = time.perf_counter()
        said = [began]

        def log(done: int, total: int) -> None:
            now = time.perf_counter()
            if done >= total or now - said[0] >= LOG_SECONDS:
                said[0] = now
                left = (now - began) * (total - done) / done if done else 0.0
                _log.info("%s: %d of %d, about %.0f s left", what, done, total, left)

        yield log
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def real_time_factor(wall_s: float, ticks: int, dt: float) -> float:
    """Wall seconds per simulated second; 0 before the first tick.

    Examples
    --------
    >>> real_time_factor(wall_s=3.0, ticks=2000, dt=1e-3)
    1.5
    """
    return wall_s / (ticks * dt) if ticks > 0 else 0.0


def _silent(done: int, steps: int) -> None:
    """Say nothing."""


class _Lines:
    """A line in the log now and then."""

    def __init__(self, dt: float, start: int) -> None:
        self._dt, self._start = dt, start
        self._began = self._said = time.perf_counter()

    def __call__(self, done: int, steps: int) -> None:
        now = time.perf_counter()
        if done < steps and now - self._said < LOG_SECONDS:
            return
        self._said = now
        ticks, spent = done - self._start, now - self._began
        left = spent * (steps - done) / ticks if ticks > 0 else 0.0
        _log.info(
            "simulated %d of %d ticks (%.3g of %.3g s) in %.1f s, "
            "%.3g times real time, %.0f s left",
            done,
            steps,
            done * self._dt,
            steps * self._dt,
            spent,
            real_time_factor(spent, ticks, self._dt),
            left,
        )


@contextmanager
def _bar(dt: float, start: int) -> Iterator[Report]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.fields[simulated]}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %"),
        TextColumn("{task.fields[factor]:.3g} × real time, left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=None, simulated="", factor=0.0)
        began = time.perf_counter()

        def report(done: int, steps: int) -> None:
            factor = real_time_factor(time.perf_counter() - began, done - start, dt)
            simulated = f"{done * dt:.3g} of {steps * dt:.3g} s"
            bar.update(task, completed=done, total=steps, simulated=simulated, factor=factor)

        yield report
