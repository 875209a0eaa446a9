# SPDX-License-Identifier: Apache-2.0
"""A program on a core, ready to run: sessions and batches of every hardware engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.engine import Batch
from spikesim.engine.batch import counted_populations, sample_ticks
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
        counted = counted_populations(program.groups, program.outputs, populations)
        places = [program.groups[name][:2] for name in counted]
        total, chunks, ticks = axon_chunks(program, samples, steps, seeds)
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
        whole = np.concatenate([np.zeros((0, int(ends[-1])), np.int64), *counts])
        return Batch(
            dict(zip(counted, np.split(whole, ends[:-1], axis=1), strict=True)),
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
) -> tuple[int, Iterator[npt.NDArray[np.bool_]], int]:
    """Input spikes of samples by axon, in pieces that fit memory.

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
        return _from_rasters(program, samples, steps, seeds)
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
    per_sample = max(1, ticks * program.config.n_axons)
    size = max(1, _CHUNK_BYTES // per_sample)

    def chunks() -> Iterator[npt.NDArray[np.bool_]]:
        for at in range(0, len(bound), size):
            windows = [axon_window(program, own, 0, ticks) for own in bound[at : at + size]]
            yield np.stack([window.raster() for window in windows])

    return len(bound), chunks(), ticks


def _from_rasters(
    program: Program, samples: Inputs, steps: int | None, seeds: Sequence[int] | None
) -> tuple[int, Iterator[npt.NDArray[np.bool_]], int]:
    problems = []
    if seeds is not None:
        problems.append("batch: expected no seeds for rasters, in which nothing is random")
    arrays: dict[str, npt.NDArray[Any]] = {}
    for name, value in samples.items():
        array = np.asarray(value)
        if name not in program.inputs:
            problems.append(f"input {name!r}: expected one of {list(program.inputs)}")
        elif array.ndim != 3 or array.shape[2] != program.inputs[name][1]:
            problems.append(
                f"input {name!r}: expected rasters of shape (samples, steps, "
                f"{program.inputs[name][1]}), got {array.shape}"
            )
        elif array.dtype != np.bool_ and not np.isin(array, (0, 1)).all():
            problems.append(
                f"input {name!r}: expected bool or values 0 and 1, got dtype {array.dtype} with "
                "other values; encode intensities into spikes first"
            )
        else:
            arrays[name] = array
    sizes = {array.shape[:2] for array in arrays.values()}
    if len(sizes) > 1:
        problems.append(f"batch: expected rasters of one shape (samples, steps), got {sizes}")
    if not arrays and not problems:
        problems.append(f"batch: expected rasters of an input among {list(program.inputs)}")
    if problems:
        raise ValidationError(problems)
    ((total, given),) = sizes
    ticks = given + program.latency if steps is None else sample_ticks(steps)
    if ticks < given:
        raise ValidationError(
            f"batch: expected at least {given} steps, the length of the rasters, got {ticks}"
        )
    used = max(program.n_axons_used, 1)
    size = max(1, _CHUNK_BYTES // max(1, given * used))

    def chunks() -> Iterator[npt.NDArray[np.bool_]]:
        for at in range(0, total, size):
            whole = np.zeros((min(size, total - at), given, used), np.bool_)
            for name, array in arrays.items():
                first, n = program.inputs[name]
                whole[:, :, first : first + n] = array[at : at + size]
            yield whole

    return total, chunks(), ticks
