# SPDX-License-Identifier: Apache-2.0
"""A program on a core, ready to run: sessions and batches of every hardware engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np
import numpy.typing as npt

from spikesim.engine import Batch
from spikesim.engine.batch import Rasters, counted_populations, sample_ticks
from spikesim.engine.contract import Inputs, Path
from spikesim.engine.progress import Progress, counting
from spikesim.errors import ValidationError
from spikesim.hw.axons import axon_sources, axon_window, check_queue
from spikesim.hw.core import ProgrammedCore, refuse_full_counters
from spikesim.hw.program import Program
from spikesim.hw.session import CoreSession
from spikesim.recording import Item

_CHUNK_BYTES = 32 << 20
"""Input spikes of the samples that are handed to a core at once."""


class PreparedProgram:
    """A program on a core; ``engine.Prepared``.

    Parameters
    ----------
    core : ProgrammedCore
    """

    def __init__(self, core: ProgrammedCore) -> None:
        self._core = core
        self._open: CoreSession | None = None
        self.program: Program = core.program

    def __enter__(self) -> PreparedProgram:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def start(
        self,
        inputs: Inputs,
        steps: int | None = None,
        *,
        record: Iterable[Item] | Item = ("spikes",),
        seed: int = 0,
        resume: Path | None = None,
    ) -> CoreSession:
        """Open a session; see ``engine.Prepared``.

        A core has one state: a session before it is over, unless these arguments are refused.
        """
        session = CoreSession(self._core, inputs, steps, record, seed, resume, restart=self._take)
        self._open = session
        return session

    def batch(
        self,
        samples: Inputs | Sequence[Inputs],
        steps: int | None = None,
        *,
        populations: Iterable[str] | None = None,
        seeds: Sequence[int] | None = None,
        jobs: int = 1,
        progress: Progress = False,
    ) -> Batch:
        """Run samples, each from the start state; see ``engine.Prepared``.

        ``jobs`` is for engines that have several states; a core has one, so a session before it
        is over.
        """
        program = self.program
        sizes = {name: n for name, (_, n, _) in program.groups.items()}
        counted = counted_populations(sizes, program.outputs, populations)
        whole = list(dict.fromkeys(name for name, _ in counted.values()))
        places = [program.groups[name][:2] for name in whole]
        # Without progress as many at once as fit: that is fastest.
        most = self._core.at_once if progress else None
        total, chunks, ticks = axon_chunks(program, samples, steps, seeds, most)
        self._take("batch()")
        counts, cycles, done = [], [], 0
        with counting(progress, "samples") as report:
            for rasters in chunks:
                most = rasters.sum(axis=2)
                if most.size:
                    check_queue(program, int(most.max()), int(most.max(axis=0).argmax()))
                own_counts, own_cycles = self._core.batch(rasters, ticks, places)
                refuse_full_counters(f"engine {self._core.name}", own_counts)
                counts.append(own_counts)
                cycles.append(own_cycles)
                done += len(rasters)
                report(done, total)
        ends = np.cumsum([n for _, n in places])
        joined = np.concatenate([np.zeros((0, int(ends[-1])), np.int64), *counts])
        columns = dict(zip(whole, np.split(joined, ends[:-1], axis=1), strict=True))
        return Batch(
            {key: columns[name][:, list(chosen)] for key, (name, chosen) in counted.items()},
            program.outputs,
            ticks,
            np.concatenate([np.zeros(0, np.int64), *cycles]),
            {"engine": self._core.name, "program_id": program.program_id},
        )

    def close(self) -> None:
        """Free the core."""
        self._core.close()

    def _take(self, reason: str = "start()") -> None:
        """Put the core to its start for somebody else than the session that had it."""
        if self._open is not None:
            self._open.end(reason)
            self._open = None
        self._core.restart()


def axon_chunks(
    program: Program,
    samples: Inputs | Sequence[Inputs],
    steps: int | None,
    seeds: Sequence[int] | None,
    most: int | None = None,
) -> tuple[int, Iterator[npt.NDArray[np.bool_]], int]:
    """Input spikes of samples by axon, in pieces that fit memory.

    Parameters
    ----------
    program, samples, steps, seeds :
        As for ``PreparedProgram.batch``.
    most : int, optional
        Ticks in a piece.

    Returns
    -------
    total : int
        Samples.
    chunks : iterator of bool arrays, shape (b, T, A)
    steps : int
        Ticks of each sample.

    Raises
    ------
    ValidationError
        With every problem of the samples.
    """
    if isinstance(samples, Mapping):
        return _from_rasters(program, samples, steps, seeds, most)
    chosen = list(range(len(samples))) if seeds is None else list(seeds)
    if len(chosen) != len(samples):
        raise ValidationError(
            f"batch: expected one seed for each of {len(samples)} samples, got {len(chosen)}"
        )
    ticks = sample_ticks(steps)
    bound = [
        axon_sources(program, sample, ticks, seed)
        for sample, seed in zip(samples, chosen, strict=True)
    ]
    size = _samples_at_once(ticks, program.config.n_axons, most)

    def chunks() -> Iterator[npt.NDArray[np.bool_]]:
        for at in range(0, len(bound), size):
            windows = [axon_window(program, own, 0, ticks) for own in bound[at : at + size]]
            yield np.stack([window.raster() for window in windows])

    return len(bound), chunks(), ticks


def _from_rasters(
    program: Program,
    samples: Inputs,
    steps: int | None,
    seeds: Sequence[int] | None,
    most: int | None,
) -> tuple[int, Iterator[npt.NDArray[np.bool_]], int]:
    sizes = {name: n for name, (_, n) in program.inputs.items()}
    rasters = Rasters.of(samples, sizes, seeds)
    ticks = rasters.ticks(steps, program.latency)
    used = max(program.n_axons_used, 1)
    size = _samples_at_once(rasters.steps, used, most)

    def chunks() -> Iterator[npt.NDArray[np.bool_]]:
        for at in range(0, rasters.samples, size):
            many = min(size, rasters.samples - at)
            whole = np.zeros((many, rasters.steps, used), np.bool_)
            for _, name, lines, array in rasters.parts:
                first = program.inputs[name][0]
                whole[:, :, first + lines.start : first + lines.stop] = array[at : at + size]
            yield whole

    return rasters.samples, chunks(), ticks


def _samples_at_once(ticks: int, axons: int, most: int | None) -> int:
    by_memory = _CHUNK_BYTES // max(1, ticks * axons)
    return max(1, by_memory if most is None else min(by_memory, most // max(1, ticks)))
