# SPDX-License-Identifier: Apache-2.0
"""Run a network in floating point."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from spikesim.engine import Batch
from spikesim.engine.bounds import steps_problems
from spikesim.engine.contract import Inputs
from spikesim.engine.progress import Progress
from spikesim.errors import ValidationError
from spikesim.network import Network
from spikesim.recording import Item, Recording
from spikesim.sim.arguments import checked
from spikesim.sim.layout.rounding import rounding_losses
from spikesim.sim.layout.settle import settle
from spikesim.sim.layout.updates import Updates
from spikesim.sim.parallel.batch import run_batch
from spikesim.sim.parallel.mpi import Communicator, Ranks
from spikesim.sim.parallel.trials import run_trials
from spikesim.sim.record.sink import Sink
from spikesim.sim.run.checkpoint import checkpoint_problems, fingerprint
from spikesim.sim.run.health import OnInvalid
from spikesim.sim.session import FloatSession, Path

_log = logging.getLogger(__name__)


def simulate(
    net: Network,
    inputs: Mapping[str, Any],
    steps: int,
    *,
    record: Iterable[Item] | Item = ("spikes",),
    seed: int = 0,
    progress: Progress = False,
    threads: int = 1,
    dtype: str = "float32",
    blocks: int | None = None,
    updates: Updates = None,
    to: Path | Sink | None = None,
    comm: Communicator | Ranks | str | None = None,
    on_invalid: OnInvalid = "error",
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
    updates : {"deferred", "immediate"}, or mapping of projection to such, optional
        When spikes of the targets reach the weights of projections that learn. By default at
        the next arrival, in a full matrix at once. "immediate" pays where sources fire far
        more often than targets, or weights are read at nearly every tick.
    to : path or Sink, optional
        Where the recording goes: an HDF5 file, or a sink; default memory.
    comm : "world" or MPI communicator, optional
        Run together with the other processes of ``mpiexec``, each with a part of the neurons;
        all make the same call. Process 0 records; the others get an empty recording.
    on_invalid : {"error", "warn", "ignore"}
        What to do when a state of a neuron is NaN or infinite: end the run with
        InvalidStateError, log it once for each variable, or nothing.

    Returns
    -------
    Recording
        With engine "float"; ``meta`` holds seed, dtype, kernel, and synaptic events. An
        interrupt (SIGINT) ends the run at a tick; ``complete`` is False then.

    Raises
    ------
    ValidationError
        With every problem of network, inputs and options.

    Examples
    --------
    Three spikes of weight 0.75 without leak, threshold 1, and a soft reset.

    >>> from spikesim.neurons import LIF
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
        simulator = Simulator(
            net, dtype=dtype, threads=threads, blocks=blocks, updates=updates, comm=comm
        )
    except ValidationError as error:
        problems += error.problems
        try:
            checked(net, inputs, steps, record, seed)
        except ValidationError as further:
            problems += further.problems
        raise ValidationError(problems) from None
    return simulator.run(
        inputs, steps, record=record, seed=seed, progress=progress, to=to, on_invalid=on_invalid
    )


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
    updates :
        See ``simulate``.
    comm : "world" or MPI communicator, optional
        See ``simulate``.

    Raises
    ------
    ValidationError
        With every problem of the network.

    Notes
    -----
    In float32 a warning is logged for projections of which many weights change by more than
    1 % when they are rounded to the common unit of the weights onto a receptor.
    """

    def __init__(
        self,
        net: Network,
        *,
        dtype: str = "float32",
        threads: int = 1,
        blocks: int | None = None,
        updates: Updates = None,
        comm: Communicator | Ranks | str | None = None,
    ) -> None:
        if isinstance(threads, bool) or not isinstance(threads, (int, np.integer)) or threads < 1:
            raise ValidationError(f"simulate: expected threads as an integer >= 1, got {threads!r}")
        if not isinstance(net, Network):
            raise ValidationError(f"simulate: expected a Network, got {type(net).__name__}")
        self.net = net
        self.threads = int(threads)
        self.ranks = Ranks.of(comm)
        with self.ranks.together():
            self._build(dtype, blocks, updates)

    def _build(self, dtype: str, blocks: int | None, updates: Updates) -> None:
        size = self.ranks.size
        if size > 1:
            self.ranks.same("network", fingerprint(self.net))
            self.ranks.same("options", f"dtype={dtype}, threads={self.threads}, blocks={blocks}, "
                            f"updates={updates}")  # fmt: skip
        self.plan, self.tables, self.worst = settle(
            self.net, dtype, blocks, self.threads, updates, self.ranks
        )
        if self.ranks.rank == 0:
            for text in rounding_losses(self.plan):
                _log.warning("%s", text)

    def __enter__(self) -> Simulator:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Nothing to free: tables go with the object."""

    @property
    def nbytes(self) -> int:
        """Memory of all synapses of this process in bytes."""
        return sum(table.nbytes for table in self.tables)

    def start(
        self,
        inputs: Mapping[str, Any],
        steps: int | None = None,
        *,
        record: Iterable[Item] | Item = ("spikes",),
        seed: int = 0,
        to: Path | Sink | None = None,
        resume: Path | None = None,
        threads: int | None = None,
        on_invalid: OnInvalid = "error",
    ) -> FloatSession:
        """Open a run that is advanced by hand; see ``FloatSession``."""
        return FloatSession(
            self, inputs, steps, record=record, seed=seed, to=to, resume=resume,
            threads=self.threads if threads is None else threads, on_invalid=on_invalid,
        )  # fmt: skip

    def batch(
        self,
        samples: Inputs | Sequence[Inputs],
        steps: int | None = None,
        *,
        populations: Iterable[str] | None = None,
        seeds: Sequence[int] | None = None,
        jobs: int = 1,
        progress: Progress = False,
    ) -> Batch:
        """Run samples, each from the start, and count spikes; see ``engine.Prepared.batch``."""
        return run_batch(self, samples, steps, populations, seeds, jobs, progress)

    def trials(
        self,
        inputs: Mapping[str, Any] | Sequence[Mapping[str, Any]],
        steps: int,
        *,
        seeds: Sequence[int] | None = None,
        record: Iterable[Item] | Item = ("spikes",),
        jobs: int = 1,
        progress: Progress = False,
    ) -> list[Recording]:
        """Run independent copies of the network: trials, images, seeds.

        Nothing is built again; each copy has a state of its own and starts from the
        beginning. Results do not depend on ``jobs``.

        Parameters
        ----------
        inputs : mapping, or sequence of mappings
            The same for all trials, or one per trial; as for ``simulate``.
        steps : int
        seeds : sequence of int, optional
            One per trial; default 0, 1, 2, … for a sequence of inputs.
        record :
            As for ``simulate``.
        jobs : int
            Trials that run at once, each on one thread.
        progress : bool or callable
            As for ``simulate``, after each trial.

        Returns
        -------
        list of Recording
            In the order of the trials. The first interrupt (SIGINT) stops all of them, with a
            line in the log: the list is then shorter, by the trials that had not begun, and those
            that were cut off have ``complete`` False. A second one raises KeyboardInterrupt.

        Raises
        ------
        ValidationError
            If an argument is not legal, with every problem of the first such trial.
        """
        return run_trials(self, inputs, steps, seeds, record, jobs, progress)

    def run(
        self,
        inputs: Mapping[str, Any],
        steps: int,
        *,
        record: Iterable[Item] | Item = ("spikes",),
        seed: int = 0,
        progress: Progress = False,
        to: Path | Sink | None = None,
        checkpoint: Path | None = None,
        checkpoint_every: int | None = None,
        resume: Path | None = None,
        on_invalid: OnInvalid = "error",
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
            uninterrupted run, for any number of threads, blocks and ranks.
        """
        with self.ranks.together():
            return self._run_once(
                inputs, steps, progress, checkpoint, checkpoint_every,
                record=record, seed=seed, to=to, resume=resume, on_invalid=on_invalid,
            )  # fmt: skip

    def _run_once(
        self,
        inputs: Mapping[str, Any],
        steps: int,
        progress: Progress,
        checkpoint: Path | None,
        checkpoint_every: int | None,
        **options: Any,
    ) -> Recording:
        problems = _checkpoint_problems(checkpoint, checkpoint_every)
        if steps is None:
            problems += steps_problems("simulate", steps)
        if problems:
            # Before anything begins: opening a session replaces the file of the recording.
            try:
                checked(self.net, inputs, steps, options["record"], options["seed"])
            except ValidationError as error:
                problems += error.problems
            raise ValidationError(problems)
        session = self.start(inputs, steps, **options)
        session.advance(
            int(steps) - session.tick,
            progress=progress,
            checkpoint=checkpoint,
            checkpoint_every=checkpoint_every,
        )
        if session.interrupted:
            _log.warning("interrupted: stopped after tick %d of %d", session.tick, session.steps)
        return session.finish()


def _checkpoint_problems(path: Any, every: int | None) -> list[str]:
    problems = [] if path is None else checkpoint_problems(path)
    if every is None:
        return problems
    if isinstance(every, bool) or not isinstance(every, (int, np.integer)) or every < 1:
        problems.append(f"simulate: expected checkpoint_every as an integer >= 1, got {every!r}")
    if path is None:
        problems.append("simulate: expected checkpoint=, the file to write, too")
    return problems
