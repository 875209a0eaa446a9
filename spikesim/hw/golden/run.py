# SPDX-License-Identifier: Apache-2.0
"""The golden models as engines of ``run_program``."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikesim.core import SpikeTrains
from spikesim.hw.engine import population_spikes, population_traces
from spikesim.hw.golden.readable import GoldenCore
from spikesim.hw.program import Program
from spikesim.recording import Recording


def run_fast(
    program: Program, axons: SpikeTrains, steps: int, record: tuple[str, ...]
) -> Recording:
    """Run on the fast model; see ``spikesim.hw.engine.run_program``."""
    from spikesim.hw.golden.fast import run_batch  # numba only when it is needed

    kept = {"spikes", "cycles"} | ({"membrane"} if set(record) - {"spikes"} else set())
    result = run_batch(program, axons.raster()[None], steps, kept)
    assert result.spikes is not None
    assert result.cycles is not None
    ticks, neurons = np.nonzero(result.spikes[0])
    history = {name: values[0] for name, values in result.history.items()}
    spikes = population_spikes(program, ticks, neurons, steps) if "spikes" in record else {}
    traces = population_traces(program, record, history)
    cycles = result.cycles[0].tolist()
    return Recording(spikes, traces, steps, program.dt, "golden", _meta(program, cycles))


def run_readable(
    program: Program, axons: SpikeTrains, steps: int, record: tuple[str, ...]
) -> Recording:
    """Run on the readable model, a few hundred steps a second."""
    core = GoldenCore(program.config)
    core.load(program)
    ticks: list[int] = []
    neurons: list[int] = []
    cycles = []
    history = {name: np.zeros((steps, program.config.n_neurons), np.int32) for name in "vi"}
    for step in range(steps):
        core.queue(step, axons.at(step).tolist())
        result = core.step(record=False)
        ticks += [step] * len(result.fired)
        neurons += result.fired
        cycles.append(result.cycles)
        history["v"][step], history["i"][step] = core.v, core.i
    spikes = population_spikes(program, ticks, neurons, steps) if "spikes" in record else {}
    traces = population_traces(program, record, history)
    meta = _meta(program, cycles)
    return Recording(spikes, traces, steps, program.dt, "golden-readable", meta)


def _meta(program: Program, cycles: list[int]) -> dict[str, Any]:
    return {"program_id": program.program_id, "cycles": cycles}
