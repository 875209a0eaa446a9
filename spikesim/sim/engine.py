# SPDX-License-Identifier: Apache-2.0
"""Run a network in floating point."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from spikesim.core import Recording, stream
from spikesim.errors import ValidationError
from spikesim.network import Network
from spikesim.sim.choice import kernel_name
from spikesim.sim.inputs import InputEvents, resolve_inputs
from spikesim.sim.monitor import Monitors, Trace, parse_record
from spikesim.sim.plan import plan_network
from spikesim.sim.recorder import Recorder, make_sink
from spikesim.sim.run import Run, Sampling
from spikesim.sim.sink import Sink
from spikesim.sim.tables import SumOverflowError, build_tables

_log = logging.getLogger(__name__)

Progress = bool | Callable[[int, int], None]


def simulate(
    net: Network,
    inputs: Mapping[str, Any],
    steps: int,
    *,
    record: Iterable[str] | str = ("spikes",),
    seed: int = 0,
    progress: Progress = False,
    threads: int = 1,
    dtype: str = "float32",
    blocks: int | None = None,
    to: str | os.PathLike[str] | Sink | None = None,
) -> Recording:
    """Run a network for some ticks from its initial state.

    The result depends on the network, the inputs, the seed and the dtype only: it is the
    same in every bit for any number of threads and blocks.

    Parameters
    ----------
    net : Network
    inputs : mapping of str to SpikeTrains, bool array of shape (<= steps, n), or Poisson
        Spikes of each input; silent after its own end, and when left out.
    steps : int
        Ticks to run, >= 0.
    record : iterable of str
        ``"spikes"`` (all populations), and states such as ``"population.v"``, kept as they
        stand at the end of each tick.
    seed : int
        Seed of the random inputs.
    progress : bool or callable
        True logs at level INFO; a callable gets (ticks done, steps).
    threads : int
        Upper limit of threads; each works on its own block of neurons.
    dtype : {"float32", "float64"}
        float32: fast; weights are rounded to 15 bits or more of the largest weight onto a
        population and summed as integers. float64: weights as given (float32), summed in
        float64 in a fixed order.
    blocks : int, optional
        Groups of neurons; default one per thread, and more for large networks.
    to : path or Sink, optional
        Where the recording goes: an HDF5 file, or a sink; default memory.

    Returns
    -------
    Recording
        With engine "numba"; ``meta`` holds seed, dtype, kernel, and synaptic events. An
        interrupt (SIGINT) ends the run at a tick; ``complete`` is False then.

    Raises
    ------
    ValidationError
        With every problem of network, inputs and options.

    Examples
    --------
    Three spikes of weight 0.75 without leak, threshold 1, and a soft reset.

    >>> from spikesim.core import LIF
    >>> net = Network(dt=1e-3)
    >>> _ = net.add_input("in", 1)
    >>> _ = net.add_population("out", 1, LIF(beta=1.0, v_th=1.0, reset="soft"))
    >>> _ = net.connect("in", "out", [[0.75]])
    >>> recording = simulate(net, {"in": [[1], [1], [1]]}, 4, record=("spikes", "out.v"))
    >>> recording.raster("out")[:, 0].tolist()
    [False, True, True, False]
    >>> recording.traces["out.v"][:, 0].tolist()
    [0.75, 0.5, 0.25, 0.25]
    """
    problems: list[str] = []
    try:
        simulator = Simulator(net, dtype=dtype, threads=threads, blocks=blocks)
    except ValidationError as error:
        problems += error.problems
        problems += _check_run(net, inputs, steps, record, seed)[2]
        raise ValidationError(problems) from None
    return simulator.run(inputs, steps, record=record, seed=seed, progress=progress, to=to)


class Simulator:
    """A network made ready to run many times; each run starts from the initial state.

    Parameters
    ----------
    net : Network
        Read once; later changes to it have no effect.
    dtype : {"float32", "float64"}
        See ``simulate``.
    threads : int
        Upper limit of threads, for building and for running.
    blocks : int, optional
        Groups of neurons; default one per thread, and more for large networks.

    Raises
    ------
    ValidationError
        With every problem of the network.
    """

    def __init__(
        self, net: Network, *, dtype: str = "float32", threads: int = 1, blocks: int | None = None
    ) -> None:
        if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)) or threads < 1:
            raise ValidationError(f"simulate: expected threads as an integer >= 1, got {threads!r}")
        self.net = net
        self.threads = int(threads)
        for headroom in (0, 4, 8):
            self.plan = plan_network(net, dtype, blocks, self.threads, headroom)
            try:
                self.tables, self.worst = build_tables(self.plan, self.threads)
                return
            except SumOverflowError:
                # Some neuron has far more synapses than the mean: take a coarser unit.
                if headroom == 8:
                    raise

    @property
    def nbytes(self) -> int:
        """Memory of all synapses in bytes."""
        return sum(table.nbytes for table in self.tables)

    def run(
        self,
        inputs: Mapping[str, Any],
        steps: int,
        *,
        record: Iterable[str] | str = ("spikes",),
        seed: int = 0,
        progress: Progress = False,
        to: str | os.PathLike[str] | Sink | None = None,
        checkpoint: str | os.PathLike[str] | None = None,
        checkpoint_every: int | None = None,
        resume: str | os.PathLike[str] | None = None,
    ) -> Recording:
        """Run once; the other arguments, result and errors are those of ``simulate``.

        Parameters
        ----------
        checkpoint : path, optional
            File to which the state is saved: at the end, at an interrupt, and
            ``checkpoint_every`` ticks. It is replaced as a whole.
        checkpoint_every : int, optional
            Ticks between two saves.
        resume : path, optional
            Checkpoint to go on from, with the same inputs and seed. The run goes on to tick
            ``steps`` and records from the checkpoint on; its spikes are those of an
            uninterrupted run, for any number of threads and blocks.
        """
        monitors, events, problems = _check_run(self.net, inputs, steps, record, seed)
        problems += _checkpoint_problems(checkpoint, checkpoint_every)
        if monitors is None or events is None or problems:
            raise ValidationError(problems)
        steps = int(steps)
        samplings = [_sampling(self.net, trace) for trace in monitors.traces]
        run = Run(
            self.plan, self.tables, self.worst, events, monitors.spiking, samplings, self.threads
        )
        if resume is not None:
            run.load(resume, int(seed))
        meta = {"seed": int(seed), "dtype": self.plan.dtype, "kernel": kernel_name(self.plan)}
        if resume is not None:
            meta["first_tick"] = run.state.tick
        recorder = Recorder(
            self.net, monitors, steps, dtype=self.plan.dtype, sink=make_sink(to), meta=meta
        )
        due = run.state.tick + (checkpoint_every or steps)
        with _Interrupt() as interrupt, reporting(progress, steps, self.net.dt) as report:
            while run.state.tick < steps and not interrupt.asked:
                run.advance(min(due, steps) - run.state.tick, recorder)
                report(run.state.tick, steps)
                if checkpoint is not None and (run.state.tick == due or run.state.tick == steps):
                    run.save(checkpoint, int(seed))
                    due = run.state.tick + (checkpoint_every or steps)
        if run.state.tick < steps:
            _log.warning("interrupted: stopped after tick %d of %d", run.state.tick, steps)
            if checkpoint is not None:
                run.save(checkpoint, int(seed))
        return recorder.finish(events=run.events, threads=run.threads_used)


def _checkpoint_problems(path: Any, every: int | None) -> list[str]:
    if every is None:
        return []
    if isinstance(every, bool) or not isinstance(every, (int, np.integer)) or every < 1:
        return [f"simulate: expected checkpoint_every as an integer >= 1, got {every!r}"]
    return [] if path is not None else ["simulate: expected checkpoint=, the file to write, too"]


def _sampling(net: Network, trace: Trace) -> Sampling:
    population, _, variable = trace.variable.rpartition(".")
    n = net.populations[population].n
    neurons = np.arange(n) if trace.neurons is None else np.array(trace.neurons, dtype=np.int64)
    return Sampling(trace.name, population, variable, neurons, trace.every)


class _Interrupt:
    """Turns the first SIGINT into a wish to stop, so that nothing recorded is lost."""

    def __init__(self) -> None:
        self.asked = False

    def __enter__(self) -> _Interrupt:
        self._before: Any = None
        if threading.current_thread() is threading.main_thread():
            self._before = signal.signal(signal.SIGINT, self._ask)
        return self

    def __exit__(self, *error: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)

    def _ask(self, number: int, frame: object) -> None:
        if self.asked:
            raise KeyboardInterrupt
        self.asked = True


def _check_run(
    net: Network,
    inputs: Mapping[str, Any],
    steps: int,
    record: Iterable[str] | str,
    seed: int,
) -> tuple[Monitors | None, InputEvents | None, list[str]]:
    problems = _option_problems(steps, seed)
    judged = not problems
    monitors = events = None
    try:
        monitors = parse_record(net, record)
    except ValidationError as error:
        problems += error.problems
    try:
        # With steps that make no sense the lengths of the inputs cannot be judged.
        events = resolve_inputs(net, inputs, steps, seed) if judged else None
    except ValidationError as error:
        problems += error.problems
    return monitors, events, problems


def _option_problems(steps: int, seed: int) -> list[str]:
    problems = []
    whole = isinstance(steps, (int, np.integer)) and not isinstance(steps, bool)
    if not whole or steps < 0:
        problems.append(f"simulate: expected steps as an integer >= 0, got {steps!r}")
    try:
        stream(seed)
    except ValidationError as error:
        problems += error.problems
    return problems


@contextlib.contextmanager
def reporting(progress: Progress, steps: int, dt: float) -> Iterator[Callable[[int, int], None]]:
    """Give the function that is told (ticks done, steps)."""
    del steps, dt
    if callable(progress):
        yield progress
    elif progress:
        yield lambda done, steps: _log.info("simulated %d of %d ticks", done, steps)
    else:
        yield lambda done, steps: None
