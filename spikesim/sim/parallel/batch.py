# SPDX-License-Identifier: Apache-2.0
"""Many samples through one built network: spikes are counted, nothing else is kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spikesim.engine import Batch
from spikesim.engine.batch import Rasters, counted_populations, sample_ticks
from spikesim.engine.contract import Inputs
from spikesim.engine.interrupt import Interrupt
from spikesim.engine.progress import Progress, counting
from spikesim.errors import ValidationError
from spikesim.network import Network

if TYPE_CHECKING:
    from spikesim.sim.simulator import Simulator

Counts = dict[str, npt.NDArray[np.int64]]


def run_batch(
    simulator: Simulator,
    samples: Inputs | Sequence[Inputs],
    steps: int | None,
    populations: Iterable[str] | None,
    seeds: Sequence[int] | None,
    jobs: int,
    progress: Progress,
) -> Batch:
    """See ``engine.Prepared.batch``.

    Raises
    ------
    KeyboardInterrupt
        At an interrupt: a sample that was cut off has no counts.
    """
    net = simulator.net
    sizes = {name: population.n for name, population in net.populations.items()}
    names = counted_populations(sizes, net.outputs, populations)
    each, ticks = samples_of(net, samples, steps, seeds)
    if isinstance(jobs, bool) or not isinstance(jobs, int) or jobs < 1:
        raise ValidationError(f"batch: expected jobs as an integer >= 1, got {jobs!r}")

    def one(sample: tuple[Inputs, int]) -> Counts:
        session = simulator.start(sample[0], ticks, record=(), seed=sample[1], threads=1)
        session.advance(ticks, interrupt=stop)
        if session.interrupted:
            raise KeyboardInterrupt
        return {name: session.counts(name) for name in names}

    found: list[Counts] = []
    with (
        Interrupt() as stop,
        counting(progress, "samples") as report,
        ThreadPoolExecutor(1 if simulator.ranks.size > 1 else jobs) as pool,
    ):
        for counts in pool.map(one, each):
            found.append(counts)
            report(len(found), len(each))
    counted = {}
    for name, (_, chosen) in names.items():
        rows = np.array([counts[name] for counts in found], np.int64)
        counted[name] = rows.reshape(len(found), len(chosen))
    return Batch(
        counted,
        net.outputs,
        ticks,
        None,
        {"engine": "float", "dtype": simulator.plan.dtype},
    )


def samples_of(
    net: Network, samples: Inputs | Sequence[Inputs], steps: int | None, seeds: Sequence[int] | None
) -> tuple[list[tuple[Inputs, int]], int]:
    """Give inputs and seed of each sample, and ticks of all.

    Raises
    ------
    ValidationError
        With every problem of the samples.
    """
    if not isinstance(samples, Mapping):
        chosen = list(range(len(samples))) if seeds is None else list(seeds)
        if len(chosen) != len(samples):
            raise ValidationError(
                f"batch: expected one seed for each of {len(samples)} samples, got {len(chosen)}"
            )
        return list(zip(samples, chosen, strict=True)), sample_ticks(steps)
    rasters = Rasters.of(samples, {name: own.n for name, own in net.inputs.items()}, seeds)
    late = max((population.start_tick for population in net.populations.values()), default=0)
    each: list[tuple[Inputs, int]] = [
        ({key: array[k] for key, _, _, array in rasters.parts}, 0) for k in range(rasters.samples)
    ]
    return each, rasters.ticks(steps, late)
