# SPDX-License-Identifier: Apache-2.0
"""A run on a core that is open: model, Verilated core or board behind one small protocol."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.core import CsrRows, SpikeTrains, read_archive, write_archive
from spikesim.engine import EventSource, Variables, event_source
from spikesim.engine.contract import Inputs, Path
from spikesim.engine.interrupt import Interrupt
from spikesim.engine.progress import Progress, reporting
from spikesim.errors import ValidationError
from spikesim.hw.core import PARAMETERS, STATES, ProgrammedCore, Stretch
from spikesim.hw.program import Program
from spikesim.hw.rows import projection_rows
from spikesim.recording import Recording

_STATE_VERSION = 1


class CoreSession:
    """A run in progress on a core; made by ``PreparedProgram.start``.

    Values of ``neurons`` are integer codes: the states ``v``, ``i``, ``refr`` and the parameters
    ``v_th``, ``bias``, ``refr_len``. What is read is a copy.

    Parameters
    ----------
    core : ProgrammedCore
        At its start state.
    inputs, steps, record, seed, resume :
        As for ``engine.Prepared.start``.

    Raises
    ------
    ValidationError
        With every problem of the arguments.
    """

    def __init__(
        self,
        core: ProgrammedCore,
        inputs: Inputs,
        steps: int | None,
        record: tuple[str, ...],
        seed: int,
        resume: Path | None,
    ) -> None:
        self._core, self.seed = core, int(seed)
        self.program = core.program
        problems = record_problems(self.program, record)
        whole = isinstance(steps, (int, np.integer)) and not isinstance(steps, bool)
        if steps is not None and (not whole or steps < 0):
            problems.append(f"run: expected steps as an integer >= 0, got {steps!r}")
            steps = None
        self.steps = None if steps is None else int(steps)
        try:
            self._sources = axon_sources(self.program, inputs, self.steps, self.seed)
        except ValidationError as error:
            problems += error.problems
        if problems:
            raise ValidationError(problems)
        self._spikes = "spikes" in record
        self._traces = tuple(name for name in record if name != "spikes")
        self._stretches: list[tuple[int, Stretch]] = []
        self._total_cycles = 0
        self._tick = 0
        if resume is not None:
            self._load(resume)
        self._first_tick = self._tick
        self.interrupted = False

    @property
    def tick(self) -> int:
        """Next tick to run."""
        return self._tick

    @property
    def neurons(self) -> Mapping[str, Variables]:
        """Integer codes of each population, to be read and set."""
        return {name: self._variables(name) for name in self.program.groups}

    def advance(self, ticks: int, *, progress: Progress = False) -> None:
        """Run some steps.

        The first interrupt (SIGINT) ends them early with nothing lost and ``interrupted`` set.

        Raises
        ------
        ValidationError
            If the session would run beyond ``steps``, or a step has more input spikes than the
            event queue holds; the steps before it were run.
        """
        stop = self._tick + int(ticks)
        if ticks < 0 or (self.steps is not None and stop > self.steps):
            left = "any number of" if self.steps is None else f"0 to {self.steps - self._tick}"
            raise ValidationError(
                f"session: expected {left} further ticks, got {ticks}; start it with more steps"
            )
        self.interrupted = False
        with (
            Interrupt() as interrupt,
            reporting(progress, self.program.dt, self._tick) as report,
        ):
            while self._tick < stop and not interrupt.asked:
                self._stretch(min(self._core.at_once, stop - self._tick))
                report(self._tick, stop)
        self.interrupted = self._tick < stop

    def set_inputs(self, inputs: Inputs) -> None:
        """Go on with other inputs; what is under way still arrives.

        Raises
        ------
        ValidationError
            With every problem of the inputs.
        """
        self._sources = axon_sources(self.program, inputs, self.steps, self.seed)

    def counts(self, population: str) -> npt.NDArray[np.int64]:
        """Spikes of each neuron since the session began or was cleared, shape (n,)."""
        first, n = self._place(population)
        return self._core.counts()[first : first + n]

    def weights(self, projection: str) -> CsrRows:
        """Synapses from one input or population to another, with weights as integer codes.

        Parameters
        ----------
        projection : str
            ``"source->target"``. A program knows no projections: all synapses of this pair are
            given, those of weight 0 left out.
        """
        return projection_rows(self.program, self._core.weights(), projection)

    def clear(self, keep: Iterable[str] = ()) -> None:
        """Put neurons back to their start and drop spikes under way.

        Populations begin anew at their start tick, counted from here; spike counts are 0.

        Parameters
        ----------
        keep : iterable of str
            State variables that stay, such as ``"v"``.
        """
        unknown = set(keep) - set(STATES)
        if unknown:
            raise ValidationError(
                f"session: expected states among {list(STATES)} to keep, got {sorted(unknown)}"
            )
        kept = {name: self._core.read(name) for name in (*keep, *PARAMETERS)}
        self._core.restart()
        for name, values in kept.items():
            if not np.array_equal(self._core.read(name), values):
                self._core.write(name, values)

    def save(self, path: Path) -> None:
        """Write the state to one file, whole or not at all.

        Every core that can hold the program goes on from it, the golden models included.
        """
        header = {
            "program": self.program.hash(),
            "name": self.program.name,
            "tick": self._tick,
            "seed": self.seed,
        }
        write_archive(path, "core state", _STATE_VERSION, header, self._core.words())

    def finish(self) -> Recording:
        """Give what was recorded, over the ticks that were run."""
        start, steps = self._first_tick, self._tick - self._first_tick
        ticks = [part.ticks + at - start for at, part in self._stretches]
        neurons = [part.neurons for _, part in self._stretches]
        none = np.zeros(0, np.int64)
        spikes = (
            population_spikes(
                self.program,
                np.concatenate([none, *ticks]),
                np.concatenate([none, *neurons]),
                steps,
            )
            if self._spikes
            else {}
        )
        meta: dict[str, Any] = {
            "program_id": self.program.program_id,
            "seed": self.seed,
            "total_cycles": self._total_cycles,
        }
        if start:
            meta["first_tick"] = start
        measured = [part.cycles for _, part in self._stretches]
        if all(part is not None for part in measured):
            meta["cycles"] = np.concatenate(
                [none, *(p for p in measured if p is not None)]
            ).tolist()
        return Recording(
            spikes,
            {name: self._trace(name) for name in self._traces},
            steps,
            self.program.dt,
            self._core.name,
            meta,
            complete=self.steps is None or self._tick >= self.steps,
        )

    def _stretch(self, ticks: int) -> None:
        axons = axon_window(self.program, self._sources, self._tick, self._tick + ticks)
        part = self._core.advance(axons, spikes=self._spikes, history=bool(self._traces))
        self._stretches.append((self._tick, part))
        self._total_cycles += part.total_cycles
        self._tick += ticks

    def _trace(self, name: str) -> npt.NDArray[np.int32]:
        population, _, variable = name.rpartition(".")
        first, n = self._place(population)
        parts = [part.history[variable][:, first : first + n] for _, part in self._stretches]
        return np.concatenate([np.zeros((0, n), np.int32), *parts])

    def _place(self, population: str) -> tuple[int, int]:
        if population not in self.program.groups:
            raise ValidationError(
                f"session: expected a population among {list(self.program.groups)}, got "
                f"{population!r}"
            )
        return self.program.groups[population][:2]

    def _variables(self, population: str) -> Variables:
        first, n = self._place(population)

        def read(name: str) -> npt.NDArray[Any]:
            return self._core.read(name)[first : first + n].copy()

        def write(name: str, values: npt.NDArray[Any]) -> None:
            if values.dtype.kind not in "biu":
                raise ValidationError(
                    f"population {population!r}: expected {name!r} as integer codes, got dtype "
                    f"{values.dtype}; quantize it first"
                )
            codes = self._core.read(name).astype(np.int64)
            codes[first : first + n] = values
            self._core.write(name, codes)

        names = (*STATES, *PARAMETERS)
        return Variables(f"population {population!r}", n, names, read, write)

    def _load(self, path: Path) -> None:
        header, words = read_archive(path, "core state", _STATE_VERSION)
        problems = []
        if header["program"] != self.program.hash():
            problems.append(
                f"state file {path!s}: expected that of program {self.program.name!r}, got one of "
                f"{header['name']!r}; load the program it was saved with"
            )
        if header["seed"] != self.seed:
            problems.append(
                f"state file {path!s}: expected seed {header['seed']!r}, with which the run began, "
                f"got {self.seed!r}"
            )
        if self.steps is not None and header["tick"] > self.steps:
            problems.append(
                f"state file {path!s}: expected steps of at least {header['tick']}, the tick it "
                f"was saved at, got {self.steps}; steps count from the start of the run"
            )
        here = self._core.words()
        problems += [
            f"state file {path!s}: expected {name!r} of shape {mine.shape}, got "
            f"{'nothing' if name not in words else words[name].shape}; save it anew"
            for name, mine in here.items()
            if name not in words or words[name].shape != mine.shape
        ]
        if problems:
            raise ValidationError(problems)
        self._core.restore(words)
        self._tick = int(header["tick"])


def record_problems(program: Program, record: Iterable[str]) -> list[str]:
    """Names that cannot be recorded."""
    legal = ["spikes", *(f"{name}.{what}" for name in program.groups for what in ("v", "i"))]
    return [
        f"run: expected records among {legal}, got {name!r}" for name in record if name not in legal
    ]


Sources = list[tuple[int, EventSource]]
"""First axon and events of each input that is driven."""


def axon_sources(
    program: Program, inputs: Mapping[str, Any], steps: int | None, seed: int
) -> Sources:
    """Bind what drives each input to a run of a program.

    Raises
    ------
    ValidationError
        With every problem: unknown input, wrong kind or shape.
    """
    if not isinstance(inputs, Mapping):
        raise ValidationError(
            f"inputs: expected a mapping from input name to spikes, got {type(inputs).__name__}; "
            f"the inputs are {list(program.inputs)}"
        )
    problems: list[str] = []
    sources: Sources = []
    for name, value in inputs.items():
        if name not in program.inputs:
            problems.append(f"input {name!r}: expected one of {list(program.inputs)}")
            continue
        first, n = program.inputs[name]
        try:
            if getattr(value, "counts", False) is True:
                raise ValidationError(
                    f"expected at most one event per line and tick on a core, got {value!r} with "
                    "counts=True; split the rate over more lines, or run it in the float engine"
                )
            sources.append((first, event_source(value, name, n, program.dt, steps, seed)))
        except ValidationError as error:
            problems += [f"input {name!r}: {text}" for text in error.problems]
    if problems:
        raise ValidationError(problems)
    return sources


def axon_window(program: Program, sources: Sources, start: int, stop: int) -> SpikeTrains:
    """Input spikes of start <= tick < stop by axon, with time counted from ``start``.

    Raises
    ------
    ValidationError
        If a step has more of them than the event queue of the core holds.
    """
    ticks, axons = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
    for first, source in sources:
        own_ticks, lines = source.window(start, stop)
        ticks.append(own_ticks - start)
        axons.append(lines.astype(np.int64) + first)
    config = program.config
    events = SpikeTrains(np.concatenate(ticks), np.concatenate(axons), config.n_axons, stop - start)
    busiest = np.bincount(events.ticks, minlength=1)
    check_queue(program, int(busiest.max()), start + int(busiest.argmax()))
    return events


def check_queue(program: Program, most: int, tick: int) -> None:
    """Refuse more input spikes in one step than the event queue of a core holds."""
    config = program.config
    room = config.event_queue - 1
    if most > room:
        raise ValidationError(
            f"run: expected at most {room} input spikes in one step (event queue of "
            f"{config.event_queue} words), got {most} in step {tick}; spread them over more steps "
            "or build the core with a larger EVQ"
        )


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
