# SPDX-License-Identifier: Apache-2.0
"""Many independent runs of one built network: trials, images, seeds."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

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
) -> list[Recording]:
    """See ``Simulator.trials``."""
    each = _pairs(inputs, seeds)
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1:
        raise ValidationError(f"trials: expected jobs as an integer >= 1, got {jobs!r}")

    def one(trial: tuple[Mapping[str, Any], int]) -> Recording:
        session = simulator.start(trial[0], steps, record=record, seed=trial[1], threads=1)
        session.advance(int(steps))
        return session.finish()

    if jobs == 1 or simulator.ranks.size > 1:
        return [one(trial) for trial in each]
    with ThreadPoolExecutor(jobs) as pool:
        running = [pool.submit(one, trial) for trial in each]
        try:
            return [future.result() for future in running]
        except KeyboardInterrupt:
            for future in running:
                future.cancel()
            done = [f.result() for f in running if f.done() and not f.cancelled()]
            _log.warning("interrupted: %d of %d trials are complete", len(done), len(each))
            return done


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
