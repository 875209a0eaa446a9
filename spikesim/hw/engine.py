# SPDX-License-Identifier: Apache-2.0
"""One call that runs a program on any engine, and the pieces that every engine shares."""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Mapping
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from spikesim.core import SpikeTrains
from spikesim.errors import ValidationError
from spikesim.hw.config import way_out
from spikesim.hw.program import Program
from spikesim.recording import Recording

ENGINES: dict[str, str] = {
    "golden": "spikesim.hw.golden.run:run_fast",
    "golden-readable": "spikesim.hw.golden.run:run_readable",
    "rtl": "spikesim.hw.rtl.engine:run_rtl",
    "board": "spikesim.hw.board.engine:run_board",
    "virtual": "spikesim.hw.board.engine:run_virtual",
}
"""Engine name -> ``module:function``, loaded on first use. See ``ProgramRunner``."""


class ProgramRunner(Protocol):
    """What the name of an engine stands for."""

    def __call__(
        self, program: Program, axons: SpikeTrains, steps: int, record: tuple[str, ...],
        **options: Any,
    ) -> Recording:  # fmt: skip
        """Run from the start state with input spikes by axon."""


class ProgramEngine(Protocol):
    """An engine given as an object, such as an opened device."""

    def run_program(
        self, program: Program, axons: SpikeTrains, steps: int, record: tuple[str, ...],
        **options: Any,
    ) -> Recording:  # fmt: skip
        """Run from the start state with input spikes by axon."""


def run_program(
    program: Program,
    inputs: Mapping[str, Any],
    steps: int,
    engine: str | ProgramEngine = "golden",
    record: Iterable[str] = ("spikes",),
    *,
    seed: int = 0,
    **options: Any,
) -> Recording:
    """Run a program from its start state.

    Parameters
    ----------
    program : Program
        (Or the result of ``compile_network``.)
    inputs : mapping of str to SpikeTrains, bool array of shape (steps, n), or Poisson
        Spikes of each input of the network; an input left out is silent.
    steps : int, ticks
    engine : str or object
        A name in ``ENGINES`` or an object with ``run_program``.
    record : iterable of str
        ``"spikes"`` (all populations), ``"pop.v"`` and ``"pop.i"`` as integer codes.
    seed : int
        For random inputs.
    **options
        Passed on to the engine.

    Returns
    -------
    Recording
        ``meta`` holds ``program_id`` and ``cycles``, the clock cycles of each step.

    Raises
    ------
    ValidationError
        With every problem of inputs and records, or an unknown engine.
    """
    compiled = getattr(program, "program", program)
    if not isinstance(compiled, Program):
        raise ValidationError(f"run: expected a Program, got {type(program).__name__}")
    runner = find_engine(engine)
    wanted = tuple(record)
    problems = record_problems(compiled, wanted)
    axons = None
    try:
        axons = axon_events(compiled, inputs, steps, seed)
    except ValidationError as error:
        problems += error.problems
    if problems or axons is None:
        raise ValidationError(problems)
    return runner(compiled, axons, int(steps), wanted, **options)


def find_engine(engine: str | ProgramEngine) -> ProgramRunner:
    """Give the function behind an engine's name or object.

    Raises
    ------
    ValidationError
        If there is no such engine.
    """
    if not isinstance(engine, str):
        if not callable(getattr(engine, "run_program", None)):
            raise ValidationError(
                f"run: expected an engine among {sorted(ENGINES)} or an object with run_program, "
                f"got {type(engine).__name__}"
            )
        return engine.run_program
    if engine not in ENGINES:
        raise ValidationError(f"run: expected an engine among {sorted(ENGINES)}, got {engine!r}")
    module, function = ENGINES[engine].split(":")
    return cast(ProgramRunner, getattr(importlib.import_module(module), function))


def record_problems(program: Program, record: Iterable[str]) -> list[str]:
    """Names that cannot be recorded."""
    legal = ["spikes", *(f"{name}.{what}" for name in program.groups for what in ("v", "i"))]
    return [
        f"run: expected records among {legal}, got {name!r}" for name in record if name not in legal
    ]


def axon_events(
    program: Program, inputs: Mapping[str, Any], steps: int, seed: int = 0
) -> SpikeTrains:
    """Input spikes of all inputs, by axon.

    Returns
    -------
    SpikeTrains
        ``n`` is the number of axons of the core.

    Raises
    ------
    ValidationError
        With every problem: unknown input, wrong shape, more spikes in one step than the
        event queue holds.
    """
    problems: list[str] = []
    if isinstance(steps, bool) or not isinstance(steps, (int, np.integer)) or steps < 0:
        raise ValidationError(f"run: expected steps as an integer >= 0, got {steps!r}")
    if not isinstance(inputs, Mapping):
        raise ValidationError(
            "inputs: expected a mapping from input name to spikes, got "
            f"{type(inputs).__name__}; the inputs are {list(program.inputs)}"
        )
    ticks, axons = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for name, value in inputs.items():
        if name not in program.inputs:
            problems.append(f"input {name!r}: expected one of {list(program.inputs)}")
            continue
        first, n = program.inputs[name]
        try:
            trains = _trains(value, name, n, int(steps), program.dt, seed)
        except ValidationError as error:
            problems += [f"input {name!r}: {text}" for text in error.problems]
            continue
        ticks.append(trains.ticks)
        axons.append(trains.index.astype(np.int64) + first)
    if problems:
        raise ValidationError(problems)
    config = program.config
    events = SpikeTrains(np.concatenate(ticks), np.concatenate(axons), config.n_axons, int(steps))
    room = config.event_queue - 1
    busiest = np.bincount(events.ticks, minlength=1)
    if busiest.max() > room:
        raise ValidationError(
            f"run: expected at most {room} input spikes in one step (event queue of "
            f"{config.event_queue} words), got {busiest.max()} in step {busiest.argmax()}; spread "
            f"them over more steps, {way_out('event_queue', int(busiest.max()) + 1)}"
        )
    return events


def _trains(value: Any, name: str, n: int, steps: int, dt: float, seed: int) -> SpikeTrains:
    if hasattr(value, "trains"):  # a random input, such as sim.Poisson
        drawn = value.trains(n, steps, dt, seed, name)
        if not isinstance(drawn, SpikeTrains):
            raise ValidationError(f"expected spike trains from {value!r}, got {drawn!r}")
        return drawn
    trains = value if isinstance(value, SpikeTrains) else SpikeTrains.from_raster(value)
    if trains.n != n or trains.steps > steps:
        raise ValidationError(
            f"expected spikes of {n} lines over at most {steps} steps, got {trains.n} lines over "
            f"{trains.steps} steps"
        )
    return trains


def population_spikes(
    program: Program, ticks: npt.ArrayLike, neurons: npt.ArrayLike, steps: int
) -> dict[str, SpikeTrains]:
    """Spikes of the whole core, split by population; those not recorded are left out.

    Parameters
    ----------
    ticks, neurons : int arrays, shape (k,)
        Step and neuron of the core of each spike.
    """
    at, who = np.asarray(ticks, dtype=np.int64), np.asarray(neurons, dtype=np.int64)
    split = {}
    recorded = program.recorded
    for name, (first, n, _) in program.groups.items():
        if name not in recorded:
            continue
        own = (who >= first) & (who < first + n)
        split[name] = SpikeTrains(at[own], (who[own] - first).astype(np.int32), n, steps)
    return split


def population_traces(
    program: Program, record: Iterable[str], history: Mapping[str, npt.NDArray[Any]]
) -> dict[str, npt.NDArray[Any]]:
    """Cut the recorded variables ``pop.v`` and ``pop.i`` out of histories of shape (steps, N)."""
    traces = {}
    for wanted in record:
        if wanted != "spikes":
            name, variable = wanted.rsplit(".", 1)
            first, n, _ = program.groups[name]
            traces[wanted] = np.array(history[variable][:, first : first + n])
    return traces
