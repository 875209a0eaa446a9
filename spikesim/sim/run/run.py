# SPDX-License-Identifier: Apache-2.0
"""One run of a built network: windows of ticks in compiled code, drained in between."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import pairwise
from typing import Any

import numpy as np

from spikesim.core.quantity import WAY_OUT
from spikesim.errors import ValidationError, errors_of
from spikesim.kernels.bind import Bound, bind
from spikesim.kernels.loop import LINE
from spikesim.kernels.post_history import PostHistory
from spikesim.sim.inputs import InputEvents
from spikesim.sim.layout.plan import Plan
from spikesim.sim.layout.pools import model_of
from spikesim.sim.layout.tables import Table
from spikesim.sim.parallel.mpi import Ranks, SpikeExchange
from spikesim.sim.parallel.threads import Threads
from spikesim.sim.record.recorder import Recorder
from spikesim.sim.run.checkpoint import load_checkpoint, save_checkpoint
from spikesim.sim.run.drive import bind_drives, split_inputs
from spikesim.sim.run.events import fill_inputs, open_window
from spikesim.sim.run.learned import gather_learned, scatter_learned
from spikesim.sim.run.learners import BlockLearners, LearnedRows, Learner, find
from spikesim.sim.run.sampling import Sampling, StateSamples
from spikesim.sim.run.state import State
from spikesim.sim.run.tick_program import Block, TickProgram, call, delivery, split_groups
from spikesim.sim.run.updating import model_constants, updates

_WINDOW_TICKS = 4096
_NEVER = 1 << 62
_WINDOW_SECONDS = 0.25
"""Wall time of a window: short enough for progress bars and for an interrupt."""


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
        self._names = tuple(plan.populations)
        kept = set(populations)
        self._recorded = [name in kept for name in self._names]
        self._firsts = np.array([lo for lo, _ in plan.populations.values()], dtype=np.int64)
        self._lines = np.array([lo for lo, _ in plan.inputs.values()], dtype=np.int64)
        self.threads = Threads(min(threads, len(plan.own)))
        self.samples = StateSamples(plan, self.ranks, samplings)
        self.state = State.initial(plan, self.samples.fitting(_WINDOW_TICKS))
        self.exchange = SpikeExchange(self.ranks, self.state.own, self.state.record, plan.own)
        self.window = self.state.record.window
        self._next = min(64, self.window)
        self.samples.reserve(self.window)
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
        self._histories: list[PostHistory] = []
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
            "samples": self.samples.nbytes,
        }

    def advance(self, ticks: int, sink: Recorder) -> int:
        """Run one window of at most ``ticks`` ticks; gives how many were run."""
        state = self.state
        start = state.tick
        n = open_window(state, min(ticks, self._next, self.window))
        n = fill_inputs(state, self.inputs, self._lines, start, n)
        self._rebase(start, n)
        began = time.perf_counter()
        if self.ranks.size == 1:
            self.threads.run(start, n, self._programs_of)
        else:
            self._batches(start, n)
        (spent,) = self.ranks.agree(time.perf_counter() - began)
        state.record.tally(n, self.counts)
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
        with errors_of(f"checkpoint file {os.fspath(path)!r}"):
            learned, changed = load_checkpoint(path, self.plan, self.state, seed, steps)
            for name, model in changed.items():
                given: Any = model
                values = {f.name: getattr(given, f.name) for f in fields(given)}
                self.set_parameters(name, **values)
            self._deliver_pending()
            scatter_learned(self.plan, self.learners, self.ranks, learned)
        self._horizon = 0

    def _rebase(self, start: int, n: int) -> None:
        """Let what learns count ticks from a later origin, before they leave 32 bits."""
        if start + n < self._horizon:
            return
        if any(start + n >= history.horizon for history in self._histories):
            # All at once, so that a checkpoint has one origin for all blocks.
            for history in self._histories:
                history.rebase(start)
        self._horizon = min((history.horizon for history in self._histories), default=_NEVER)

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
            If a current drives a population that none drove at the start.
        """
        # Kernels read one value per neuron where a current drove any neuron at the start.
        new = {f"{place.population}.{place.constant}" for place in inputs.currents
               if place.constant not in self._driven.get(place.population, ())}  # fmt: skip
        if new:
            known = sorted(f"{name}.{key}" for name, keys in self._driven.items() for key in keys)
            raise ValidationError(
                f"session: expected currents into {known} or parts of it only, got {sorted(new)}; "
                "start the session with a current there, of 0 if need be"
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
            If the model or the network refuses them, or a counter of this run is too short for
            them; nothing has changed then.
        """
        net, n = self.plan.net, self.plan.net.populations[population].n
        with errors_of(f"population {population!r}"):
            model = self.models[population].changed(**values)
            problems = model.problems(n) or model.population_problems(net.dt, n)
            if not problems and net.units == "SI":
                problems = [f"{text}; {WAY_OUT}" for text in model.doubts(net.dt)]
            if problems:
                raise ValidationError(problems)
            driven = self._driven.get(population, set())
            constants = model_constants(self.plan, model, n, driven)
            if problems := self.state.counter_problems(population, constants):
                raise ValidationError(problems)
        # Kernels of currents write into these arrays.
        constants |= {key: self._constants[population][key] for key in driven}
        self.models[population], self._constants[population] = model, constants
        for number, block in zip(self.plan.own, self.blocks, strict=True):
            block.updates = updates(self.plan, self.state, number, self.models, self._constants)
        self._programs.clear()

    def clear(self, keep: Iterable[str]) -> None:
        """Put all but some state variables to their start, and drop what is under way."""
        self.state.clear(self.plan, keep)

    def _block(self, tables: list[Table], block: int) -> _Kernels:
        plan, state = self.plan, self.state
        scratch = Block.make()
        kernels = _Kernels(scratch, [], [], self._stimuli(block), [], [])
        learns = [table for table in tables if table.plan.learns]
        learning = BlockLearners(plan, learns, state, block, scratch.events)
        kernels.deliveries += learning.lists
        for table in tables:
            if table.plan.learns:
                kernels.deliveries.append(learning.arrivals[table])
                continue
            for early, groups in split_groups(plan, table):
                item = delivery(plan, table, state, block, scratch, groups)
                (kernels.early if early else kernels.deliveries).append(item)
        kernels.updates += updates(plan, state, block, self.models, self._constants)
        kernels.rest += learning.posts
        self.learners += learning.learners
        self._histories += learning.histories
        kernels.rest += self.samples.bind(state, block)
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

    def _drain(self, start: int, n: int, sink: Recorder) -> None:
        if any(self._recorded):
            starts, times, sources = self.state.record.spikes(self._firsts, n)
            edges = starts.tolist() if times.size else []
            for part, (lo, hi) in enumerate(pairwise(edges)):
                if lo < hi and self._recorded[part]:
                    sink.spikes(self._names[part], times[lo:hi], sources[lo:hi])
        self.samples.drain(start, n, sink)
