# SPDX-License-Identifier: Apache-2.0
"""Where the points of a sweep are computed: in this process, in others, or on a Ray cluster.

Each way takes the calls and the number of processes and yields (number of the call, outcome) as
they are done, in any order. When the caller stops early, what still runs is ended.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

from spikesim.core.optional import optional_library
from spikesim.engine.interrupt import Interrupt


@dataclass(frozen=True, eq=False)
class PointOutcome:
    """What became of one call.

    Attributes
    ----------
    value : object
        What the function returned; None after an error.
    error : str or None
        Type, message and place of the exception.
    seconds : float
        Wall time.
    """

    value: Any
    error: str | None
    seconds: float


@dataclass(frozen=True, eq=False)
class Call:
    """A function and its arguments; calling it never raises an ``Exception``."""

    function: Callable[..., Any]
    arguments: dict[str, Any]

    def __call__(self) -> PointOutcome:
        """Run the function."""
        began = time.perf_counter()
        try:
            value = self.function(**self.arguments)
        except Exception as error:  # whatever it is, it belongs into the row of this point
            return PointOutcome(None, _describe(error), time.perf_counter() - began)
        return PointOutcome(value, None, time.perf_counter() - began)


Outcomes = Iterator[tuple[int, PointOutcome]]


def run_here(calls: Sequence[Call], jobs: int) -> Outcomes:
    """One after the other in this process."""
    for k, call in enumerate(calls):
        with Interrupt(at_once=True) as interrupt:
            outcome = call()
        if interrupt.asked:
            # A simulation in it was cut off, so what the function made of it says nothing.
            raise KeyboardInterrupt
        yield k, outcome


def run_processes(calls: Sequence[Call], jobs: int) -> Outcomes:
    """Over processes by joblib's loky, which takes lambdas and notices processes that die."""
    loky = optional_library("joblib.externals.loky", "sweep")
    waiting = list(enumerate(calls))[::-1]
    while waiting:
        # When a process dies the pool is lost, and which of the running calls killed it is not
        # known. Those run again one at a time; a second death is their own.
        suspects = []
        for k, outcome in _pool(loky, waiting, jobs):
            if outcome is None:
                suspects.append(k)
            else:
                yield k, outcome
        for suspect in sorted(suspects):
            for k, outcome in _pool(loky, [(suspect, calls[suspect])], 1):
                died = "the process died (out of memory, or a crash in compiled code)"
                yield k, PointOutcome(None, died, 0.0) if outcome is None else outcome


def _pool(
    loky: Any, waiting: list[tuple[int, Call]], jobs: int
) -> Iterator[tuple[int, PointOutcome | None]]:
    """Take calls off the end of a list until it is empty or the pool breaks.

    Yields the outcomes, None for those that ran when it broke.
    """
    pool = loky.ProcessPoolExecutor(max_workers=max(1, min(jobs, len(waiting))))
    running: dict[Future[PointOutcome], int] = {}
    broken = False
    try:
        while (waiting and not broken) or running:
            # No more than there are processes, so that a death leaves few suspects.
            while waiting and len(running) < jobs and not broken:
                k, call = waiting.pop()
                running[pool.submit(call)] = k
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                k = running.pop(future)
                try:
                    yield k, future.result()
                except BrokenProcessPool:
                    broken = True
                    yield k, None
                except Exception as error:  # a function or a result that cannot be pickled
                    yield k, PointOutcome(None, _describe(error), 0.0)
    finally:
        pool.shutdown(wait=True, kill_workers=True)


def run_ray(calls: Sequence[Call], jobs: int) -> Outcomes:
    """On the Ray cluster of this process, else on one of its own; at most ``jobs`` at a time."""
    ray = optional_library("ray", "sweep")
    own = not ray.is_initialized()
    if own:
        ray.init(num_cpus=jobs)
    # A call whose process died runs once more, as over processes; Ray's default is three times.
    remote = ray.remote(Call.__call__).options(max_retries=1)
    waiting = list(enumerate(calls))[::-1]
    running: dict[Any, int] = {}
    try:
        while waiting or running:
            while waiting and len(running) < jobs:
                k, call = waiting.pop()
                running[remote.remote(call)] = k
            (done,), _ = ray.wait(list(running), num_returns=1)
            try:
                outcome = ray.get(done)
            except Exception as error:  # Ray's own, such as a worker that died
                outcome = PointOutcome(None, _describe(error), 0.0)
            yield running.pop(done), outcome
    finally:
        for reference in running:
            ray.cancel(reference, force=True)
        if own:
            # The next sweep may want another number of processes.
            ray.shutdown()


WORKERS: dict[str, Callable[[Sequence[Call], int], Outcomes]] = {
    "here": run_here,
    "joblib": run_processes,
    "ray": run_ray,
}


def _describe(error: Exception) -> str:
    place = traceback.extract_tb(error.__traceback__)
    where = f" ({place[-1].name}, line {place[-1].lineno})" if place else ""
    return f"{type(error).__name__}: {error}{where}"
