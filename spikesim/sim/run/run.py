# SPDX-License-Identifier: Apache-2.0
"""One run of a built network: windows of ticks in compiled code, drained in between."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError
from spikesim.kernels.bind import Bound, bind
from spikesim.kernels.loop import LINE, sample
from spikesim.network import Population
from spikesim.neurons.model import NeuronModel
from spikesim.sim.inputs import InputEvents
from spikesim.sim.layout.plan import Plan
from spikesim.sim.layout.tables import Table
from spikesim.sim.parallel.mpi import Ranks, SpikeExchange
from spikesim.sim.parallel.threads import Threads
from spikesim.sim.record.recorder import Recorder
from spikesim.sim.run.checkpoint import load_checkpoint, save_checkpoint
from spikesim.sim.run.drive import bind_drives, split_inputs
from spikesim.sim.run.learned import gather_learned, scatter_learned
from spikesim.sim.run.learners import LearnedRows, Learner, find, learner
from spikesim.sim.run.state import State
from spikesim.sim.run.tick_program import (
    Block,
    TickProgram,
    call,
    delivery,
    model_constants,
    split_groups,
    updates,
)

_WINDOW_TICKS = 4096
_SAMPLE_BYTES = 64 << 20
"""Memory for the samples of one window."""
_NEVER = 1 << 62
_WINDOW_SECONDS = 0.25
"""Wall time of a window: short enough for progress bars and for an interrupt."""


@dataclass(frozen=True, eq=False)
class Sampling:
    """A state variable to keep.

    Attributes
    ----------
    name, population, variable : str
    neurons : int64 array, shape (k,)
    every : int, ticks
    """

    name: str
    population: str
    variable: str
    neurons: npt.NDArray[np.int64]
    every: int


@dataclass(eq=False)
class _Kernels:
    """Kernels of one block in the order of a tick."""

    scratch: Block
    early: list[Bound]
    deliveries: list[Bound]
    stimuli: list[Bound]
    updates: list[Bound]
    rest: list[Bound]

    @property
    def late(self) -> list[Bound]:
        """Everything that needs the tick before of all threads."""
        return [*self.deliveries, *self.stimuli, *self.updates, *self.rest]


class Run:
    """A run in progress.

    Parameters
    ----------
    plan : Plan
    tables : list of Table
    worst : mapping of (population, receptor) to int
        Largest sum that the tables can make in one tick.
    inputs : InputEvents
        Events of all inputs, and currents.
    populations : sequence of str
        Whose spikes go to the sink.
    samplings : sequence of Sampling
    threads : int
        At most one per block is used.
    ranks : Ranks, optional
        The processes that run the network together; default this one alone.

    Attributes
    ----------
    state : State
        Changed by ``advance``; ``state.tick`` is the next tick.
    threads : Threads
    models : dict of str to NeuronModel
        Of each population, with the parameters as they are now.
    counts : int64 array, shape (neurons,)
        Spikes of all neurons of the network since the run began.
    """

    def __init__(
        self,
        plan: Plan,
        tables: list[Table],
        worst: Mapping[tuple[str, int], int],
        inputs: InputEvents,
        populations: Sequence[str],
        samplings: Sequence[Sampling],
        threads: int = 1,
        ranks: Ranks | None = None,
    ) -> None:
        self.plan, self.ranks = plan, ranks or Ranks()
        self._worst, self._tables = worst, tables
        self._programs: dict[int, list[TickProgram]] = {}
        self.drives, self.inputs = split_inputs(plan, inputs, dict(worst))
        self.samplings = tuple(samplings)
        self._names = tuple(plan.populations)
        kept = set(populations)
        self._recorded = np.array([name in kept for name in self._names], dtype=np.bool_)
        self._firsts = np.array([lo for lo, _ in plan.populations.values()], dtype=np.int64)
        self._lines = np.array([lo for lo, _ in plan.inputs.values()], dtype=np.int64)
        self.threads = Threads(min(threads, len(plan.own)))
        bytes_per_tick = sum(8 * s.neurons.size / s.every for s in samplings)
        wish = min(_WINDOW_TICKS, int(_SAMPLE_BYTES / max(bytes_per_tick, 1)))
        self.state = State.initial(plan, max(wish, 1))
        self.exchange = SpikeExchange(self.ranks, self.state.own, self.state.record, plan.own)
        self.window = self.state.record.window
        self._next = min(64, self.window)
        rows = [-(-self.window // s.every) + 1 for s in samplings]
        self.samples = [
            np.zeros((n, s.neurons.size), dtype=plan.dtype)
            for n, s in zip(rows, samplings, strict=True)
        ]
        self.counts = np.zeros(plan.n_neurons, dtype=np.int64)
        self._driven: dict[str, set[str]] = {}
        for place in inputs.currents:
            self._driven.setdefault(place.population, set()).add(place.constant)
        self.models = {name: model_of(p) for name, p in plan.net.populations.items()}
        self._constants = {
            name: model_constants(
                plan, model, plan.net.populations[name].n, self._driven.get(name, ())
            )
            for name, model in self.models.items()
        }
        self.learners: list[Learner] = []
        self._learned: dict[str, LearnedRows] = {}
        self._horizon = 0
        self.blocks = [self._block(tables, b) for b in plan.own]

    @property
    def events(self) -> int:
        """Synaptic events delivered so far in this process."""
        return sum(int(block.scratch.events[0]) for block in self.blocks)

    def memory(self) -> dict[str, int]:
        """Bytes of this process by kind; see ``Session.memory``."""
        tables = {True: 0, False: 0}
        for table in self._tables:
            tables[table.plan.learns] += table.nbytes
        return {
            "static": tables[False],
            "plastic": tables[True] + sum(one.synapses.nbytes for one in self.learners),
            "state": self.state.nbytes,
            "samples": sum(out.nbytes for out in self.samples),
        }

    def advance(self, ticks: int, sink: Recorder) -> int:
        """Run one window of at most ``ticks`` ticks; gives how many were run."""
        state = self.state
        start = state.tick
        n = self._fill_inputs(start, self._room(min(ticks, self._next, self.window)))
        self._rebase(start, n)
        began = time.perf_counter()
        if self.ranks.size == 1:
            self.threads.run(start, n, self._programs_of)
        else:
            self._batches(start, n)
        (spent,) = self.ranks.agree(time.perf_counter() - began)
        self._count(n)
        self._drain(start, n, sink)
        state.record.close(n)
        state.inputs.close(n)
        state.tick = start + n
        # Aim at windows of equal wall time; a factor of 2 at most, since rates change.
        fitting = int(n * _WINDOW_SECONDS / max(spent, 1e-6))
        self._next = max(1, min(fitting, 2 * self._next, self.window))
        return n

    def save(self, path: str | os.PathLike[str], seed: int) -> None:
        """Write the state between two ticks to a file, whole or not at all."""
        learned = gather_learned(self.learners, self.ranks)
        changed = {
            name: model
            for name, model in self.models.items()
            if model is not self.plan.net.populations[name].neuron
        }
        save_checkpoint(path, self.plan, self.state, seed, learned, self.ranks, changed)

    def load(self, path: str | os.PathLike[str], seed: int, steps: int | None) -> None:
        """Go on from a saved state; raises ValidationError if it belongs to another run."""
        learned, changed = load_checkpoint(path, self.plan, self.state, seed, steps)
        for name, model in changed.items():
            given: Any = model
            self.set_parameters(name, **{f.name: getattr(given, f.name) for f in fields(given)})
        self._deliver_pending()
        scatter_learned(self.plan, self.learners, self.ranks, learned)
        self._horizon = 0

    def _rebase(self, start: int, n: int) -> None:
        """Let what learns count ticks from a later origin, before they leave 32 bits."""
        if start + n < self._horizon:
            return
        blocks = [one.synapses for one in self.learners]
        if any(start + n >= block.horizon for block in blocks):
            # All at once, so that a checkpoint has one origin for all blocks.
            for block in blocks:
                block.rebase(start)
        self._horizon = min((block.horizon for block in blocks), default=_NEVER)

    def _deliver_pending(self) -> None:
        """Put into the sums what earlier ticks delivered for this one and later ones.

        Delays of a group are delivered together, so the sums of some ticks are pending; how
        many depends on the blocks. Nothing that learns is delivered ahead.
        """
        tick, slots = self.state.tick, self.plan.slots
        for block, number in zip(self.blocks, self.plan.own, strict=True):
            sums, events = self.state.sums[number], block.scratch.events.copy()
            sums[:] = 0
            static = TickProgram([*block.early, *block.deliveries])
            for before in range(max(0, tick - slots + 1), tick):
                done, waits = np.full((2, LINE), before, dtype=np.int64)
                call(before, 1, static, 0, done, waits)
                # That tick is over; its slot is that of a tick to come.
                sums.reshape(slots, -1)[before & (slots - 1)] = 0
            block.scratch.events[:] = events

    def set_inputs(self, inputs: InputEvents) -> None:
        """Take other events and currents from the next tick on.

        Raises
        ------
        ValidationError
            If a current drives a constant that no current drove at the start.
        """
        new = set(inputs.currents) - set(self.inputs.currents)
        if new:
            raise ValidationError(
                f"session: expected currents into {sorted(self.inputs.currents)} only, got "
                f"{sorted(new)}; start the session with a current there, of 0 if need be"
            )
        silent = set(self.inputs.currents) - set(inputs.currents)
        bound = self.drives or inputs.currents or silent
        self.drives, self.inputs = split_inputs(self.plan, inputs, dict(self._worst))
        if not (bound or self.drives):
            return  # events are listed before a window: no kernel knows where they come from
        for place in silent:
            self._constants[place.population][place.constant][place.start : place.stop] = 0
        for number, block in zip(self.plan.own, self.blocks, strict=True):
            block.stimuli = self._stimuli(number)
        self._programs.clear()

    def learners_of(self, projection: str) -> list[Learner]:
        """All parts of a projection that learns."""
        return find(self.learners, projection)

    def learned(self, projection: str) -> LearnedRows:
        """Synapses of a projection that learns, to be read."""
        if projection not in self._learned:
            parts = self.learners_of(projection)
            self._learned[projection] = LearnedRows(self.plan, parts, self.ranks)
        return self._learned[projection]

    def set_parameters(self, population: str, **values: Any) -> None:
        """Change parameters of the neuron model of a population from the next tick on.

        Raises
        ------
        ValidationError
            If the model refuses them; nothing has changed then.
        """
        n = self.plan.net.populations[population].n
        model = replace(self.models[population], **values)  # type: ignore[type-var]  # a dataclass
        if problems := model.problems(n):
            raise ValidationError([f"population {population!r}: {text}" for text in problems])
        driven = self._driven.get(population, set())
        constants = model_constants(self.plan, model, n, driven)
        # Kernels of currents write into these arrays.
        constants |= {key: self._constants[population][key] for key in driven}
        self.models[population], self._constants[population] = model, constants
        for number, block in zip(self.plan.own, self.blocks, strict=True):
            block.updates = updates(
                self.plan, self.state, number, block.scratch, self.models, self._constants
            )
        self._programs.clear()

    def clear(self, keep: frozenset[str]) -> None:
        """Put all but some state variables to their start, and drop what is under way."""
        self.state.clear(self.plan, keep)

    def _block(self, tables: list[Table], block: int) -> _Kernels:
        plan, state = self.plan, self.state
        scratch = Block.make(plan, block)
        kernels = _Kernels(scratch, [], [], self._stimuli(block), [], [])
        learners: list[Learner] = []
        for table in tables:
            if table.plan.learns:
                learners.append(learner(plan, table, state, block, scratch.events))
                kernels.deliveries += learners[-1].arrivals
                continue
            for early, groups in split_groups(plan, table):
                item = delivery(plan, table, state, block, scratch, groups)
                (kernels.early if early else kernels.deliveries).append(item)
        kernels.updates += updates(plan, state, block, scratch, self.models, self._constants)
        for one in learners:
            kernels.rest += one.posts
        self.learners += learners
        kernels.rest += self._sampling(block)
        return kernels

    def _stimuli(self, block: int) -> list[Bound]:
        """Drives and currents onto the neurons of one block."""
        items = bind_drives(self.drives, self.plan, self.state, block)
        for place, current in self.inputs.currents.items():
            lo, hi = self.plan.slice(block, place.population)
            lo, hi = max(lo, place.start), min(hi, place.stop)
            if lo < hi or place.start == place.stop:
                values = self._constants[place.population][place.constant][lo:hi]
                function, args = current.call(values, lo - place.start)
                items.append(bind(function, *args))
        return items

    def _sampling(self, block: int) -> list[Bound]:
        """Keep what is sampled of the neurons of one block."""
        record, items = self.state.record, []
        for s, out in zip(self.samplings, self.samples, strict=True):
            lo, hi = self.plan.slice(block, s.population)
            (column,) = np.nonzero((s.neurons >= lo) & (s.neurons < hi))
            if column.size:
                values = self.state.neurons[s.population][s.variable]
                index = s.neurons[column]
                items.append(bind(sample, record.begin, s.every, values, index, column, out))
        return items

    def _room(self, ticks: int) -> int:
        """Open a window of at most so many ticks; gives how many there is room for.

        Raises
        ------
        ValidationError
            If the spikes that are under way leave no room for those of one tick.
        """
        state = self.state
        n = state.inputs.open(state.record.open(ticks)) if ticks else 0
        if n == 0 < ticks:
            raise ValidationError(
                f"simulate: expected room for the spikes of {state.record.history} ticks, for "
                f"which the longest delay keeps them, got {state.record.used} of "
                f"{state.record.fired.shape[1]} per block in use at tick {state.tick}; shorten the "
                "delays, or find out why so many neurons fire"
            )
        return n

    def _fill_inputs(self, start: int, n: int) -> int:
        """Put the events of ``n`` ticks, or as many as there is room for, into the record."""
        parts = self._lines.size
        if not parts:
            return n
        record = self.state.inputs
        event_start, lines = self.inputs.window(start, start + n)
        if event_start[n] > record.fired.shape[1] - record.used:
            record.compact()
        used = record.used
        room = record.fired.shape[1] - used
        if event_start[n] > room:
            n = int(np.searchsorted(event_start, room, side="right")) - 1
            if n < 1:
                raise ValidationError(
                    f"simulate: expected at most {room} events of the inputs in one tick beside "
                    f"those under way, got {event_start[1]} in tick {start}; take lower rates or "
                    "shorter delays"
                )
        lines = lines[: event_start[n]]
        record.fired[0, used : used + lines.size] = lines
        marks = record.marks[0, record.row : record.row + n]
        marks[:, 0] = event_start[:n]
        marks[:, -1] = event_start[1 : n + 1]
        if parts > 1 and lines.size:
            ticks = np.repeat(np.arange(n), np.diff(event_start[: n + 1]))
            part = np.searchsorted(self._lines, lines, side="right") - 1
            counts = np.bincount(ticks * parts + part, minlength=n * parts).reshape(n, parts)
            marks[:, 1:] = np.cumsum(counts, axis=1) + marks[:, :1]
        elif parts > 1:
            marks[:] = 0
        marks += used
        return n

    def _batches(self, start: int, n: int) -> None:
        """Run a window in batches that need no spike of another process."""
        for tick in range(start, start + n, self.plan.batch):
            ticks = min(self.plan.batch, start + n - tick)
            self.exchange.begin(tick)
            self.threads.run(tick, ticks, self._programs_of)
            self.exchange.finish(ticks)

    def _programs_of(self, threads: int) -> list[TickProgram]:
        """Kernels of each of some threads."""
        if threads not in self._programs:
            self._programs[threads] = [
                TickProgram(
                    [item for block in self.blocks[thread::threads] for item in block.early],
                    [item for block in self.blocks[thread::threads] for item in block.late],
                    self.plan.batch - 1,
                )
                for thread in range(threads)
            ]
        return self._programs[threads]

    def _count(self, n: int) -> None:
        """Count the spikes of a window of ``n`` ticks, those of all populations at once."""
        record = self.state.record
        for fired, marks in zip(record.fired, record.marks, strict=True):
            spikes = fired[marks[record.row, 0] : marks[record.row + n - 1, -1]]
            # Proportional to the spikes, not to the neurons.
            np.add.at(self.counts, spikes, 1)

    def _drain(self, start: int, n: int, sink: Recorder) -> None:
        if self._recorded.any():
            starts, times, sources = self.state.record.spikes(self._firsts, n)
            for part in np.flatnonzero((np.diff(starts) > 0) & self._recorded).tolist():
                mine = slice(starts[part], starts[part + 1])
                sink.spikes(self._names[part], times[mine], sources[mine])
        for sampling, out in zip(self.samplings, self.samples, strict=True):
            every = sampling.every
            ticks = np.arange(-(-start // every) * every, start + n, every)
            values = self._joined(sampling, out[: ticks.size])
            if self.ranks.rank == 0:
                sink.trace(sampling.name, ticks, values)

    def _joined(self, sampling: Sampling, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Give the samples of all processes, complete on rank 0."""
        if self.ranks.size == 1 or not values.size:
            return values
        bounds = [self.plan.owned(sampling.population, rank) for rank in range(self.ranks.size)]
        columns = [np.flatnonzero((sampling.neurons >= lo) & (sampling.neurons < hi))
                   for lo, hi in bounds]  # fmt: skip
        whole = self.ranks.join(values[:, columns[self.ranks.rank]])
        if self.ranks.rank == 0:
            values[:, np.concatenate(columns)] = whole
        return values


def model_of(population: Population) -> NeuronModel:
    """Give the neuron model of a population of a sound network."""
    assert population.neuron is not None
    return population.neuron
