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
FORETELL_SECONDS, LONG_SECONDS = 2.0, 60.0
"""When a run that takes longer is told about first: its speed is known then, roughly."""


def reporting(progress: Progress, dt: float, start: int = 0) -> AbstractContextManager[Report]:
    """Context of a function to call with (ticks done, ticks in all) after each window.

    Parameters
    ----------
    progress : bool or callable
        False says nothing. True draws a bar with the remaining time and the real-time factor
        (wall time over simulated time, 1 is real time) when stderr is a terminal, and else logs
        at level INFO: what a run of more than a minute will take, as soon as its speed is known,
        then how far it is every ten seconds, and the end. A callable is used as it is.
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
    if not progress:
        return nullcontext(_silent)

    def told(done: int, steps: int, spent: float) -> str:
        factor = real_time_factor(spent, done - start, dt)
        return (
            f"simulated {done} of {steps} ticks ({done * dt:.3g} of {steps * dt:.3g} s) in "
            f"{spent:.1f} s, {factor:.3g} times real time"
        )

    return nullcontext(Lines(told))


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
    if progress is not True or not sys.stderr.isatty():
        yield progress if callable(progress) else Lines.of(what) if progress else _silent
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


def duration(seconds: float) -> str:
    """Write a time as people say it, in its two largest units.

    Examples
    --------
    >>> duration(7812.0), duration(93.4), duration(0.4), duration(200_000)
    ('2 h 10 min', '1 min 33 s', '0 s', '2 d 7 h')
    """
    whole = round(seconds)
    for unit, name, below, smaller in (
        (86_400, "d", 3_600, "h"),
        (3_600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if whole >= unit:
            return f"{whole // unit} {name} {whole % unit // below} {smaller}"
    return f"{whole} s"


class Lines:
    """Lines in the log: soon how long it will take, now and then how far it is, and the end.

    Parameters
    ----------
    told : callable
        Gets what is done, all of it, and the seconds it took; gives the line.
    """

    def __init__(self, told: Callable[[int, int, float], str]) -> None:
        self._told, self._foretold = told, False
        self._began = self._said = time.perf_counter()
        self._before: tuple[int, float] | None = None
        self._spent, self._slowest = (0, 0.0), (0, 0.0)

    @classmethod
    def of(cls, what: str) -> Lines:
        """Lines about things that are counted."""
        return cls(lambda done, total, _: f"{what}: {done:,} of {total:,}")

    def __call__(self, done: int, total: int) -> None:
        """Hear how far it is."""
        now = time.perf_counter()
        spent = now - self._began
        pace = self._pace(done, now)
        left = pace * (total - done)
        early = not self._foretold and spent >= FORETELL_SECONDS and left >= LONG_SECONDS
        if done < total and now - self._said < LOG_SECONDS and not early:
            return
        self._said, self._foretold = now, True
        rest = f", about {duration(left)} left at this speed" if done < total and pace > 0 else ""
        _log.info("%s%s", self._told(done, total, spent), rest)

    def _pace(self, done: int, now: float) -> float:
        """Seconds of one, without what is paid once; 0 where that is not known yet.

        Processes start and most kernels are compiled before the first report, others, and whatever
        comes after an epoch, between two: the slowest stretch is left out.
        """
        if self._before is None:
            self._before = done, now
        n, seconds = done - self._before[0], now - self._before[1]
        if n > 0:
            self._before = done, now
            self._spent = self._spent[0] + n, self._spent[1] + seconds
            if not self._slowest[0] or seconds / n > self._slowest[1] / self._slowest[0]:
                self._slowest = n, seconds
        rest = self._spent[0] - self._slowest[0]
        return (self._spent[1] - self._slowest[1]) / rest if rest > 0 else 0.0


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
