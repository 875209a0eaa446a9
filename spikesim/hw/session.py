# SPDX-License-Identifier: Apache-2.0
"""A run on a core that is open: model, Verilated core or board behind one small protocol."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.core import CsrRows, read_archive, stream, write_archive
from spikesim.core.shape import COUNT
from spikesim.engine import Variables
from spikesim.engine.bounds import beyond_problems, known_part, steps_problems
from spikesim.engine.contract import Inputs, Path
from spikesim.engine.interrupt import Interrupt
from spikesim.engine.progress import Progress, reporting
from spikesim.engine.variables import PopulationVariables
from spikesim.errors import SpikesimError, ValidationError
from spikesim.hw.axons import axon_sources, axon_window, moved
from spikesim.hw.core import PARAMETERS, STATES, ProgrammedCore, Stretch, check_codes
from spikesim.hw.program import Program
from spikesim.hw.program_spikes import population_spikes
from spikesim.hw.rows import projection_rows
from spikesim.recording import Item, Monitor, Monitors, Recordable, Recording, parse_record

_STATE_VERSION = 1
_STATE_FORM = {"program": str, "name": str, "tick": COUNT, "seed": int}


class CoreSession:
    """A run in progress on a core; made by ``PreparedProgram.start``.

    Values of ``neurons`` are integer codes: the states ``v``, ``i``, ``refr`` and the parameters
    ``v_th``, ``bias``, ``refr_len``. What is read is a copy.

    Parameters
    ----------
    core : ProgrammedCore
    inputs, steps, record, seed, resume :
        As for ``engine.Prepared.start``.
    restart : callable, optional
        Puts the core to its start, once nothing can be refused any more; without it the core
        goes on from where it stands.
    first : int, ticks
        Tick of the core in which it goes on. Recorded inputs and ``steps`` count from there;
        recordings and random inputs have the ticks of the core.

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
        record: Iterable[Item] | Item,
        seed: int,
        resume: Path | None,
        restart: Callable[[], None] | None = None,
        first: int = 0,
    ) -> None:
        self._own = core
        self.program = core.program
        self._over = ""
        problems: list[str] = []
        try:
            stream(seed)
        except ValidationError as error:
            problems += error.problems
            seed = 0
        self.seed = int(seed)
        self._monitors = Monitors()
        try:
            self._monitors = parse_record(record, recordable(self.program))
        except ValidationError as error:
            problems += error.problems
        if wrong := steps_problems("run", steps, endless=True):
            problems += wrong
            steps = None
        self.steps = None if steps is None else int(steps)
        try:
            self._sources = axon_sources(self.program, inputs, self.steps, self.seed)
        except ValidationError as error:
            problems += error.problems
        if problems:
            raise ValidationError(problems)
        self._spikes = bool(self._monitors.spiking)
        self._stretches: list[tuple[int, Stretch]] = []
        self._total_cycles = 0
        self._tick = first
        if first:
            self.steps = None if self.steps is None else first + self.steps
            self._sources = moved(self._sources, first)
        saved = None if resume is None else self._read(resume)
        if restart is not None:
            restart()
        if saved is not None:
            self._tick, words = saved
            core.restore(words)
        self._first_tick = self._tick
        self.interrupted = False

    @property
    def tick(self) -> int:
        """Next tick to run."""
        return self._tick

    @property
    def neurons(self) -> Mapping[str, Variables]:
        """Integer codes of each population, to be read and set."""
        return PopulationVariables(self._sizes, self._variables)

    def advance(self, ticks: int, *, progress: Progress = False) -> None:
        """Run some steps.

        The first interrupt (SIGINT) ends them early with nothing lost and ``interrupted`` set.

        Raises
        ------
        ValidationError
            If the session would run beyond ``steps``, or a step has more input spikes than the
            event queue holds; the steps before it were run.
        """
        if problems := beyond_problems(self.steps, self._tick, ticks, "ticks"):
            raise ValidationError(problems)
        stop = self._tick + int(ticks)
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
        name, chosen = known_part(population, self._sizes)
        first, n = self._place(name)
        return self._core.counts()[first : first + n][chosen.start : chosen.stop : chosen.step]

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
        keep = (keep,) if isinstance(keep, str) else tuple(keep)
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

        Both golden models go on from it, whichever core it is of; a device (engines "board",
        "virtual", "rtl") cannot be put to a step and refuses, before anything is touched.
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
        none = np.zeros(0, np.int64)
        ticks = np.concatenate([none, *(part.ticks + at for at, part in self._stretches)])
        neurons = np.concatenate([none, *(part.neurons for _, part in self._stretches)])
        whole = population_spikes(
            self.program, self._monitors.spiking, ticks, neurons, steps, start
        )
        spikes = {name: whole[name] for name in self._monitors.spikes}
        for part in self._monitors.spikes_of_parts:
            spikes[part.whose] = whole[part.source].select(np.array(part.index))
        meta: dict[str, Any] = {
            "program_id": self.program.program_id,
            "seed": self.seed,
            "total_cycles": self._total_cycles,
        }
        measured = [part.cycles for _, part in self._stretches]
        if all(part is not None for part in measured):
            meta["cycles"] = np.concatenate(
                [none, *(p for p in measured if p is not None)]
            ).tolist()
        return Recording(
            spikes,
            {item.name: self._trace(item) for item in self._monitors.states},
            steps,
            self.program.dt,
            self._own.name,
            meta,
            trace_index={
                item.name: np.array(item.index, np.int64)
                for item in self._monitors.states
                if item.index is not None
            },
            complete=self.steps is None or self._tick >= self.steps,
            start=start,
        )

    def end(self, reason: str) -> None:
        """Give the core up; what was recorded can still be had with ``finish``.

        Parameters
        ----------
        reason : str
            What took it, for messages.
        """
        self._over = reason

    @property
    def _sizes(self) -> dict[str, int]:
        return {name: n for name, (_, n, _) in self.program.groups.items()}

    @property
    def _core(self) -> ProgrammedCore:
        """The core, as long as its state is that of this session."""
        if self._over:
            raise SpikesimError(
                f"session: expected a core in the state of this session, got one that a later "
                f"{self._over} put to its start; a core has one state: save() first and start with "
                "resume=, or prepare another core"
            )
        return self._own

    def _stretch(self, ticks: int) -> None:
        axons = axon_window(self.program, self._sources, self._tick, self._tick + ticks)
        part = self._core.advance(axons, spikes=self._spikes, history=bool(self._monitors.states))
        self._stretches.append((self._tick, part))
        self._total_cycles += part.total_cycles
        self._tick += ticks

    def _trace(self, item: Monitor) -> npt.NDArray[np.int32]:
        first, n = self._place(item.source)
        columns = first + (np.arange(n) if item.index is None else np.array(item.index))
        parts = [part.history[item.variable][:, columns] for _, part in self._stretches]
        return np.concatenate([np.zeros((0, columns.size), np.int32), *parts])

    def _place(self, population: str) -> tuple[int, int]:
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
            who = f"population {population!r}"
            check_codes(self.program.config, who, name, values.astype(np.int64))
            codes = self._core.read(name).astype(np.int64)
            codes[first : first + n] = values
            self._core.write(name, codes)

        names = (*STATES, *PARAMETERS)
        return Variables(f"population {population!r}", n, names, read, write)

    def _read(self, path: Path) -> tuple[int, dict[str, npt.NDArray[Any]]]:
        header, words = read_archive(path, "core state", _STATE_VERSION, _STATE_FORM)
        problems = []
        if not self._core.restores:
            problems.append(
                f"engine {self._own.name!r}: expected a run from the start, got resume= with a "
                f"state of step {header['tick']}; a core cannot be put to a step, go on with "
                "engine 'golden', which is equal"
            )
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
        here = self._core.words() if self._core.restores else {}
        problems += [
            f"state file {path!s}: expected integers {name!r} of shape {mine.shape}, got "
            f"{repr(words[name])[:60] if name in words else 'nothing'}; save it anew"
            for name, mine in here.items()
            if name not in words
            or words[name].shape != mine.shape
            or words[name].dtype.kind not in "biu"
        ]
        if problems:
            raise ValidationError(problems)
        return int(header["tick"]), words


def recordable(program: Program) -> Recordable:
    """Give what a core can keep of a program."""
    return Recordable(
        program.dt,
        {name: n for name, (_, n, _) in program.groups.items()},
        dict.fromkeys(program.groups, ("v", "i")),
        spikes=program.recorded,
        whole="a core",
        inputs=tuple(program.inputs),
    )
