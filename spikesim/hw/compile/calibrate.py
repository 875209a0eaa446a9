# SPDX-License-Identifier: Apache-2.0
"""A pass: measure on sample input how much of each word a network uses.

A trial program runs on the fast golden model, so what is measured is what the core would do.
Where a state word reaches a rail, the population's gain shift is lowered and the trial repeated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError
from spikesim.fixed import Quantization
from spikesim.hw.compile.compilation import Compilation, made, run_passes
from spikesim.hw.program import Program

MAX_TRIALS = 16
_CHUNK_WORDS = 1 << 24  # state words recorded at a time

Samples = Mapping[str, npt.ArrayLike]


@dataclass(frozen=True)
class Calibration:
    """What sample input showed.

    Attributes
    ----------
    gain_shifts : mapping of str to int
        Shift by population, where it had to be lowered.
    peaks : mapping of str to int
        Largest ``|v|`` or ``|i|`` code of each population.
    rail : int
        Largest code of a state word; a peak there means that it saturated.
    events_per_step : int
        Most input spikes in one step.
    events_mean : float
        Input spikes of a step on average.
    cycles_mean, cycles_max : float, int
        Clock cycles of a step.
    steps : int
        Steps of a sample, until the last population has seen its last input.
    """

    gain_shifts: Mapping[str, int] = field(default_factory=dict)
    peaks: Mapping[str, int] = field(default_factory=dict)
    rail: int = 0
    events_per_step: int = 0
    events_mean: float = 0.0
    cycles_mean: float = 0.0
    cycles_max: int = 0
    steps: int = 0

    @property
    def saturated(self) -> tuple[str, ...]:
        """Populations whose state still reached a rail."""
        return tuple(name for name, peak in self.peaks.items() if peak >= self.rail)


def calibrate(compilation: Compilation) -> Compilation:
    """Lower gain shifts until no state of the samples reaches a rail; measure the busiest step.

    The passes behind run on trial, once for each setting tried. Without samples nothing is done.

    Raises
    ------
    CompileError
        If the passes behind find a problem with every setting.
    ValidationError
        If the samples do not fit the inputs.
    """
    samples = compilation.samples
    if samples is None:
        return compilation

    def build(settings: Quantization) -> Program:
        trial = replace(compilation, settings=settings)
        return made(run_passes(trial, compilation.behind).program, "allocate")

    found = find_gain_shifts(build, compilation.settings, samples)
    shifts = {**compilation.settings.gain_shifts, **found.gain_shifts}
    saturated = [
        f"population {name!r}: the state reached its rail on the samples even at gain shift 0; "
        "raise the leak, set v_floor, or use smaller weights"
        for name in found.saturated
    ]
    return replace(
        compilation,
        settings=replace(compilation.settings, gain_shifts=shifts),
        events_per_step=max(found.events_per_step, compilation.events_per_step or 0),
        calibration=found,
    ).adding(warnings=saturated)


def find_gain_shifts(
    build: Callable[[Quantization], Program], settings: Quantization, samples: Samples
) -> Calibration:
    """Find gain shifts that keep the state off its rails on the samples.

    Parameters
    ----------
    build : callable
        Gives a program for given settings.
    settings : Quantization
        Where to start.
    samples : mapping of str to bool array, shape (batch, steps, n)
        Spikes of each input; one sample may be given as (steps, n).

    Raises
    ------
    ValidationError
        If the samples do not fit the inputs.
    """
    lowered: dict[str, int] = {}
    program = build(settings)
    rasters = sample_rasters(program, samples)
    for _ in range(MAX_TRIALS):
        found = _measure(program, rasters)
        shifts = _gain_shifts(program)
        worse = [name for name in found.saturated if shifts[name] > 0]
        if not worse:
            break
        lowered |= {name: shifts[name] - 1 for name in worse}
        program = build(replace(settings, gain_shifts={**settings.gain_shifts, **lowered}))
    return replace(found, gain_shifts=lowered)


def sample_rasters(program: Program, samples: Samples) -> npt.NDArray[np.bool_]:
    """Rasters by axon, bool array of shape (batch, steps, axons in use).

    Raises
    ------
    ValidationError
        With every problem: unknown input, wrong number of lines, batches that differ.
    """
    problems, arrays = [], {}
    for name, value in samples.items():
        array = np.asarray(value)
        array = array[None] if array.ndim == 2 else array
        if name not in program.inputs:
            problems.append(f"sample {name!r}: expected one of {list(program.inputs)}")
        elif array.ndim != 3 or array.shape[2] != program.inputs[name][1]:
            problems.append(
                f"sample {name!r}: expected shape (batch, steps, {program.inputs[name][1]}), got "
                f"{array.shape}"
            )
        else:
            arrays[name] = array
    shapes = {array.shape[:2] for array in arrays.values()}
    if len(shapes) > 1:
        problems.append(f"samples: expected one batch and length, got {sorted(shapes)}")
    if not arrays and not problems:
        problems.append("samples: expected spikes of at least one input, got none")
    if problems:
        raise ValidationError(problems)
    rasters = np.zeros((*shapes.pop(), program.n_axons_used), np.bool_)
    for name, array in arrays.items():
        first, n = program.inputs[name]
        rasters[:, :, first : first + n] = array != 0
    return rasters


def _measure(program: Program, rasters: npt.NDArray[np.bool_]) -> Calibration:
    from spikesim.hw.golden.fast import run_batch  # numba only when samples are given

    n_batch, n_steps = rasters.shape[:2]
    steps = n_steps + program.latency
    at_once = max(1, _CHUNK_WORDS // max(1, steps * program.config.n_neurons))
    peaks = dict.fromkeys(program.groups, 0)
    total, most = 0, 0
    for start in range(0, n_batch, at_once):
        result = run_batch(
            program, rasters[start : start + at_once], steps, record=("cycles", "membrane")
        )
        assert result.cycles is not None
        total += int(result.cycles.sum())
        most = max(most, int(result.cycles.max(initial=0)))
        for name, (first, n, _) in program.groups.items():
            own = slice(first, first + n)
            for variable in ("v", "i"):
                peak = _peak(result.history.get(variable), own)
                peaks[name] = max(peaks[name], peak)
    return Calibration(
        peaks=peaks,
        rail=program.config.max_state,
        events_per_step=int(rasters.sum(axis=2).max(initial=0)),
        events_mean=float(rasters.sum()) / max(1, n_batch * steps),
        cycles_mean=total / max(1, n_batch * steps),
        cycles_max=most,
        steps=steps,
    )


def _peak(history: npt.NDArray[Any] | None, own: slice) -> int:
    return 0 if history is None else int(np.abs(history[:, :, own]).max(initial=0))


def _gain_shifts(program: Program) -> dict[str, int]:
    names = list(program.groups)
    return {name: int(program.populations["gain"][k]) for k, name in enumerate(names)}
