# SPDX-License-Identifier: Apache-2.0
"""A run that is open: advance it, look at it, change its inputs and weights, go on."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spikesim.core import CsrRows
from spikesim.engine import Variables
from spikesim.engine.bounds import beyond_problems, expect_known, known_part
from spikesim.engine.contract import Path
from spikesim.engine.interrupt import Interrupt
from spikesim.engine.progress import Progress, reporting
from spikesim.engine.variables import PopulationVariables
from spikesim.errors import ValidationError
from spikesim.recording import Item, Monitors, Recording
from spikesim.sim.arguments import checked
from spikesim.sim.explain import kernel_name
from spikesim.sim.inputs import resolve_inputs
from spikesim.sim.record.recorder import Recorder, make_sink
from spikesim.sim.record.sink import Sink
from spikesim.sim.run.checkpoint import checkpoint_problems
from spikesim.sim.run.claim import Claim, exclusive
from spikesim.sim.run.health import Health, OnInvalid
from spikesim.sim.run.readings import WeightReadings
from spikesim.sim.run.run import Run
from spikesim.sim.run.sampling import Sampling
from spikesim.sim.run.saving import Saving
from spikesim.sim.run.variables import population_variables

if TYPE_CHECKING:
    from spikesim.sim.simulator import Simulator


class FloatSession:
    """A run in progress; made by ``Simulator.start``; ``engine.Session``.

    Parameters
    ----------
    simulator : Simulator
    inputs : mapping
        As for ``simulate``.
    steps : int, optional
        Ticks that the session may run at most, for which the recording reserves room; None sets
        no end.
    record, seed, to :
        As for ``simulate``.
    resume : path, optional
        Checkpoint to go on from.
    threads : int
        Upper limit of threads.
    on_invalid : {"error", "warn", "ignore"}
        As for ``simulate``.

    Raises
    ------
    ValidationError
        With every problem of the arguments.

    Examples
    --------
    >>> from spikesim import LIF, Network, Simulator
    >>> net = Network(dt=1e-3)
    >>> _ = net.add_population("clock", 1, LIF(beta=1.0, bias=0.25, v_th=1.0))
    >>> session = Simulator(net, dtype="float64").start({}, 100)
    >>> session.advance(2)
    >>> session.neurons["clock"]["v"].tolist()
    [0.5]
    >>> session.advance(8)
    >>> session.finish().spikes["clock"].ticks.tolist()
    [3, 7]
    """

    def __init__(
        self,
        simulator: Simulator,
        inputs: Mapping[str, Any],
        steps: int | None = None,
        *,
        record: Iterable[Item] | Item = ("spikes",),
        seed: int = 0,
        to: Path | Sink | None = None,
        resume: Path | None = None,
        threads: int = 1,
        on_invalid: OnInvalid = "error",
    ) -> None:
        self.net, self.plan, self._ranks = simulator.net, simulator.plan, simulator.ranks
        self._claim = Claim()
        with self._ranks.together():
            self._start(simulator, inputs, steps, record, seed, to, resume, threads)
            self._health = Health(self._run, on_invalid)

    def _start(
        self,
        simulator: Simulator,
        inputs: Mapping[str, Any],
        steps: int | None,
        record: Iterable[Item] | Item,
        seed: int,
        to: Path | Sink | None,
        resume: Path | None,
        threads: int,
    ) -> None:
        monitors, events = checked(self.net, inputs, steps, record, seed)
        if self._ranks.size > 1:
            self._ranks.same("run", f"steps={steps}, seed={seed}, record={monitors}")
        self.steps = None if steps is None else int(steps)
        self.seed, self.monitors = int(seed), monitors
        samplings = [
            Sampling.of(state, self.net.populations[state.source].n) for state in monitors.states
        ]
        recording = self._ranks.rank == 0
        self._run = Run(
            simulator.plan, simulator.tables, simulator.worst, events,
            monitors.spiking if recording else (), samplings, threads, self._ranks,
        )  # fmt: skip
        meta: dict[str, Any] = {
            "seed": self.seed, "dtype": self.plan.dtype, "kernel": kernel_name(self.plan)
        }  # fmt: skip
        if self._ranks.size > 1:
            meta |= {"rank": self._ranks.rank, "ranks": self._ranks.size}
        if resume is not None:
            self._run.load(resume, self.seed, self.steps)
        self._recorder = Recorder(
            self.net,
            monitors if recording else Monitors(),
            self.steps,
            dtype=self.plan.dtype,
            sink=make_sink(to if recording else None),
            meta=meta,
            start=self.tick,
        )
        self.interrupted = False
        self._sizes = {name: population.n for name, population in self.net.populations.items()}
        self._variables = PopulationVariables(
            self._sizes, lambda name: population_variables(self._run, name)
        )
        self._saving = Saving(self.save)
        self._weights = WeightReadings(self._run, monitors.weights)
        self._paused: dict[str, int] = {}

    @property
    def tick(self) -> int:
        """Next tick to run."""
        return self._run.state.tick

    @property
    def neurons(self) -> Mapping[str, Variables]:
        """States, counters and parameters of each population, to be read and set by name.

        States and counters are the arrays of the run itself, shape (n,); a parameter that is set
        acts from the next tick on, and goes into checkpoints.

        Examples
        --------
        >>> from spikesim import LIF, Network, Simulator
        >>> net = Network(dt=1e-3)
        >>> _ = net.add_population("clock", 1, LIF(beta=1.0, bias=0.25, v_th=1.0))
        >>> session = Simulator(net).start({})
        >>> session.neurons["clock"]["v_th"] = 0.5
        >>> session.advance(8)
        >>> session.counts("clock").tolist()
        [4]
        """
        return self._variables

    def counts(self, population: str) -> npt.NDArray[np.int64]:
        """Spikes of each neuron of a population, or slice, since the session began, shape (n,)."""
        name, chosen = known_part(population, self._sizes)
        lo, hi = self.plan.populations[name]
        return self._run.counts[lo:hi][chosen.start : chosen.stop : chosen.step].copy()

    @property
    def events(self) -> int:
        """Synaptic events delivered so far, in this process."""
        return self._run.events

    @property
    def memory(self) -> dict[str, int]:
        """Bytes that this process holds now, by kind.

        ``"static"``: synapses that do not learn. ``"plastic"``: those that do, with their
        weights, and what the rule remembers of their neurons. ``"state"``: neurons, their
        summed input, and spikes under way or not yet recorded. ``"samples"``: the window of
        the state monitors. What was recorded belongs to the sink.
        """
        return self._run.memory()

    @property
    def nbytes(self) -> int:
        """Sum of ``memory``."""
        return sum(self.memory.values())

    @exclusive("recording")
    def advance(
        self,
        ticks: int,
        *,
        progress: Progress = False,
        checkpoint: Path | None = None,
        checkpoint_every: int | None = None,
        interrupt: Interrupt | None = None,
    ) -> None:
        """Run some ticks.

        The first interrupt (SIGINT) ends them early, between two ticks, with nothing lost
        and ``interrupted`` set; a second one raises KeyboardInterrupt. A checkpoint that cannot
        be written, such as on a full disk, leaves the one before it in place and is logged;
        the run goes on.

        Parameters
        ----------
        ticks : int
        progress : bool or callable
        checkpoint, checkpoint_every :
            As for ``Simulator.run``.
        interrupt : Interrupt, optional
            Somebody else's wish to stop, heard instead of the signal.

        Raises
        ------
        ValidationError
            If the session would run beyond ``steps``, or the checkpoint has no place.
        """
        with self._ranks.together():
            progress = progress if self._ranks.rank == 0 else False
            self._advance(ticks, progress, checkpoint, checkpoint_every, interrupt)

    def _advance(
        self,
        ticks: int,
        progress: Progress,
        checkpoint: Path | None,
        checkpoint_every: int | None,
        heard: Interrupt | None,
    ) -> None:
        problems = [] if checkpoint is None else checkpoint_problems(checkpoint)
        problems += beyond_problems(self.steps, self.tick, ticks, "ticks")
        if problems:
            raise ValidationError(problems)
        stop = self.tick + int(ticks)
        self._saving.begin(checkpoint, self.tick, checkpoint_every or max(int(ticks), 1))
        self.interrupted = False
        with (
            self._claim.recording(),
            self._recorder,
            Interrupt() if heard is None else nullcontext(heard) as interrupt,
            reporting(progress, self.net.dt, self.tick) as report,
        ):
            while self.tick < stop and not self._ranks.any(interrupt.asked):
                self._claim.amid_window = True
                self._window(min(self._saving.due, stop))
                self._claim.amid_window = False
                self._health.look()
                report(self.tick, stop)
                self._saving.save_if_due(self.tick, stop)
        self.interrupted = self.tick < stop
        if self.interrupted:
            self._saving.save(self.tick)

    @exclusive("state")
    def set_inputs(self, inputs: Mapping[str, Any]) -> None:
        """Go on with other inputs; what is under way still arrives.

        Recorded spikes count their ticks from the start of the session, as random inputs do.

        Raises
        ------
        ValidationError
            With every problem of the inputs.
        """
        self._run.set_inputs(resolve_inputs(self.net, inputs, self.steps, self.seed))

    @exclusive("state")
    def weights(self, projection: str) -> CsrRows:
        """Give the synapses of a projection, with their weights as they are now.

        Of one that learns, rows are sorted by target, synapses of one pair by delay, and weights
        have the type of the run; of others they are those of the network.

        Raises
        ------
        ValidationError
            If there is no such projection.
        """
        known = self.net.projections
        expect_known("projection", projection, known)
        if known[projection].plasticity is None:
            return known[projection].rows
        return self._run.learned(projection).rows(self.tick)

    @exclusive("state")
    def normalize(self, projection: str, total: float) -> None:
        """Scale the weights onto each target of a projection so that they sum to ``total``.

        Raises
        ------
        ValidationError
            If the projection does not learn.
        """
        for learner in self._run.learners_of(projection):
            learner.synapses.normalize(self.tick, total)

    @exclusive("state")
    def reward(self, projection: str, amount: float) -> None:
        """Raise the common signal (dopamine) of a reward-modulated projection.

        Raises
        ------
        ValidationError
            If the projection does not learn, or its rule knows no reward.
        """
        for learner in self._run.learners_of(projection):
            learner.synapses.reward(self.tick, amount)

    @exclusive("state")
    def clear(self, keep: Iterable[str] = ()) -> None:
        """Put neurons back to their initial state and drop all spikes that are under way.

        Parameters
        ----------
        keep : iterable of str
            State variables that stay, such as ``"theta"``.

        Raises
        ------
        ValidationError
            If no population has such a variable.
        """
        self._health.look(now=True)  # afterwards nothing tells that a state was no number
        self._run.clear(keep)

    @exclusive("recording")
    def pause(self, ticks: int, keep: Iterable[str] = ()) -> None:
        """Let silence pass without running it; neurons are put back as by ``clear``.

        Traces of plasticity rules decay as long as it lasts. Variables that are kept do not
        move: a slow decay is up to the caller.

        The recording counts the pause as the silence it stands for: rates are over the time with
        the pauses, and an interval may span one. ``meta["paused_ticks"]`` is their sum.

        Parameters
        ----------
        ticks : int
        keep : iterable of str
            State variables that stay, such as ``"theta"``.

        Raises
        ------
        ValidationError
            If the session would go beyond ``steps``, or samples states or weights, which
            have no values in a pause.
        """
        problems = beyond_problems(self.steps, self.tick, ticks, "ticks of pause")
        if self.monitors.states or self.monitors.weights:
            problems.append(
                "session: expected only spikes and rates to be recorded, got states or weights, "
                "which have no values in a pause; advance instead"
            )
        if problems:
            raise ValidationError(problems)
        self.clear(keep)
        self._run.state.skip(int(ticks))
        if ticks:
            self._paused["paused_ticks"] = self._paused.get("paused_ticks", 0) + int(ticks)
        self._recorder.window(self.tick)

    @exclusive("state")
    def save(self, path: Path) -> None:
        """Write a checkpoint to a file, whole or not at all."""
        self._run.save(path, self.seed)

    @exclusive("nothing")
    def finish(self) -> Recording:
        """Close the recording; it is complete when the last of ``steps`` ticks was run.

        The session can be looked at and saved afterwards, but not advanced.
        """
        self._claim.close("finish()")
        with self._ranks.together():
            with self._recorder:
                self._health.look(now=True)
            events = self._ranks.total(self.events)
            return self._recorder.finish(
                events=events, threads=self._run.threads.used, **self._paused, **self._saving.failed
            )

    def _window(self, stop: int) -> None:
        """Run one window, which ends where weights are due."""
        self._run.advance(self._weights.before(self.tick, stop) - self.tick, self._recorder)
        self._weights.keep(self._recorder)
        self._recorder.window(self.tick)
