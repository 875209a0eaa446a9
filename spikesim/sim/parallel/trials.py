# SPDX-License-Identifier: Apache-2.0
"""Many independent runs of one built network: trials, images, seeds."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from typing import TYPE_CHECKING, Any

from spikesim.engine.bounds import steps_problems
from spikesim.engine.interrupt import Interrupt
from spikesim.engine.progress import Progress, counting
from spikesim.errors import ValidationError
from spikesim.recording import Item, Recording

if TYPE_CHECKING:
    from spikesim.sim.simulator import Simulator

_log = logging.getLogger(__name__)


def run_trials(
    simulator: Simulator,
    inputs: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    steps: int,
    seeds: Sequence[int] | None,
    record: Iterable[Item] | Item,
    jobs: int,
    progress: Progress = False,
) -> list[Recording]:
    """See ``Simulator.trials``."""
    each = _pairs(inputs, seeds)
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1:
        raise ValidationError(f"trials: expected jobs as an integer >= 1, got {jobs!r}")
    if problems := steps_problems("trials", steps):
        raise ValidationError(problems)

    def one(trial: tuple[Mapping[str, Any], int]) -> Recording | None:
        if simulator.ranks.any(stop.asked):
            return None
        session = simulator.start(trial[0], steps, record=record, seed=trial[1], threads=1)
        session.advance(int(steps), interrupt=stop if simulator.ranks.size == 1 else None)
        stop.asked |= session.interrupted
        report(next(ended), len(each))
        return session.finish()

    ended = itertools.count(1)
    with Interrupt() as stop, counting(progress, "trials") as report:
        if jobs == 1 or simulator.ranks.size > 1:
            found = [one(trial) for trial in each]
        else:
            found = _together(one, each, jobs, stop)
    begun = [recording for recording in found if recording is not None]
    if stop.asked:
        whole = [k for k, recording in enumerate(begun) if recording.complete]
        _log.warning(
            "interrupted: of %d trials these are complete: %s; cut off: %s; the others did not "
            "begin", len(each), whole or "none",
            [k for k in range(len(begun)) if k not in whole] or "none",
        )  # fmt: skip
    return begun


def _together(
    one: Callable[[Any], Recording | None], each: Sequence[Any], jobs: int, stop: Interrupt
) -> list[Recording | None]:
    """Run trials on threads; where one fails or the user gives up, the others stop too."""
    with ThreadPoolExecutor(jobs) as pool:
        running = [pool.submit(one, trial) for trial in each]
        try:
            for future in as_completed(running):
                future.result()
        except BaseException:
            stop.asked = True
            pool.shutdown(wait=True, cancel_futures=True)
            # The first by number, whichever was faster.
            for future in running:
                if not future.cancelled():
                    future.result()
            raise
        return [future.result() for future in running]


def _pairs(
    inputs: Mapping[str, Any] | Sequence[Mapping[str, Any]], seeds: Sequence[int] | None
) -> list[tuple[Mapping[str, Any], int]]:
    """Give inputs and seed of each trial."""
    if isinstance(inputs, Mapping):
        if seeds is None:
            raise ValidationError(
                "trials: expected one mapping of inputs per trial, or seeds=, one per trial, got "
                "neither"
            )
        return [(inputs, seed) for seed in seeds]
    chosen = list(range(len(inputs))) if seeds is None else list(seeds)
    if len(chosen) != len(inputs):
        raise ValidationError(
            f"trials: expected one seed for each of {len(inputs)} inputs, got {len(chosen)}"
        )
    return list(zip(inputs, chosen, strict=True))
