# SPDX-License-Identifier: Apache-2.0
"""Every architectural word after each step, by either golden model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.errors import DeviceError
from spikesim.hw.generated import MARKER, MAX_COUNT, STEP_MASK
from spikesim.hw.golden.readable import GoldenCore
from spikesim.hw.program import Program

Words = Mapping[str, npt.NDArray[Any]]
Raster = npt.NDArray[np.bool_]


def fast_words(program: Program, raster: Raster) -> Iterator[Words]:
    """Words of the fast model after each step, keys as of ``GoldenCore.words``.

    Parameters
    ----------
    program : Program
    raster : bool array, shape (steps, n_axons)
        Input spikes; the spike queue is emptied before each step.
    """
    from spikesim.hw.golden.fast import run_batch

    batch = run_batch(program, raster[None], record=("spikes", "cycles", "state"))
    if batch.spikes is None or batch.cycles is None:
        raise DeviceError("golden: expected spikes and cycles, got none")
    n = program.config.n_neurons
    counts = np.zeros(n, np.int64)
    recorded = np.zeros(n, bool)
    for record in program.populations[program.populations["record"] == 1]:
        lanes = program.config.lanes
        recorded[record["first"] * lanes : (record["last"] + 1) * lanes] = True
    total = 0
    for step in range(raster.shape[0]):
        fired = np.flatnonzero(batch.spikes[0, step])
        counts[fired] = np.minimum(counts[fired] + 1, MAX_COUNT)
        cycles = int(batch.cycles[0, step])
        total += cycles
        kept = fired[recorded[fired]]
        queue = np.concatenate(([MARKER | step & STEP_MASK], kept)) if kept.size else kept
        history = {name: values[0, step] for name, values in batch.history.items()}
        yield history | {
            "count": counts,
            "fired": fired,
            "spike_queue": queue,
            "event_queue": np.zeros(0, np.int64),
            "step": np.array(step + 1),
            "last_cycles": np.array(cycles),
            "total_cycles": np.array(total),
        }


def readable_words(program: Program, raster: Raster) -> Iterator[Words]:
    """Give the same words by the readable model."""
    core = GoldenCore(program.config)
    core.load(program)
    for step in range(raster.shape[0]):
        core.take_spikes()
        core.queue(step, [int(a) for a in np.flatnonzero(raster[step])])
        core.step()
        words = core.words()
        # Compared once before the run and then with a copy of the RTL's own.
        words.pop("weights")
        yield words


def golden_weights(program: Program) -> npt.NDArray[np.int64]:
    """Weight memory of a core that holds the program, shape (weight_words, lanes)."""
    weights = np.zeros((program.config.weight_words, program.config.lanes), np.int64)
    weights[: program.weights.shape[0]] = program.weights
    return weights
