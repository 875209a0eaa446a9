# SPDX-License-Identifier: Apache-2.0
"""What an engine does for its users; whoever implements it stands beside the others.

``Engine.prepare`` does once what does not depend on a run: it builds tables, compiles, or loads a
program onto a core. What comes back opens sessions, which are advanced by hand, and runs batches of
independent samples. ``spikesim.run``, the command line, models and reports use nothing else, so an
engine that fulfils these three protocols has all of them.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from spikesim.core import CsrRows
from spikesim.engine.batch import Batch
from spikesim.engine.progress import Progress
from spikesim.engine.variables import Variables
from spikesim.recording import Item, Recording

Path = str | os.PathLike[str]
Inputs = Mapping[str, Any]
"""What drives each input: SpikeTrains, a bool array of shape (steps, n), or random events."""


@runtime_checkable
class Session(Protocol):
    """A run in progress, between two ticks.

    Attributes
    ----------
    tick : int
        Next tick to run.
    interrupted : bool
        Whether the last ``advance`` was ended early by an interrupt (SIGINT).
    """

    interrupted: bool

    @property
    def tick(self) -> int:
        """Next tick to run."""

    @property
    def neurons(self) -> Mapping[str, Variables]:
        """State variables and parameters of each population, to be read and set."""

    def advance(self, ticks: int, *, progress: Progress = False) -> None:
        """Run some ticks; raises ValidationError beyond the steps it was started for."""

    def set_inputs(self, inputs: Inputs) -> None:
        """Go on with other inputs; what is under way still arrives.

        Ticks of spike trains count from the start of the session.
        """

    def counts(self, population: str) -> npt.NDArray[np.int64]:
        """Spikes of each neuron since the session began, shape (n,)."""

    def weights(self, projection: str) -> CsrRows:
        """Synapses of a projection with their weights as they are now."""

    def clear(self, keep: Iterable[str] = ()) -> None:
        """Put neurons back to their start and drop spikes under way; time goes on."""

    def save(self, path: Path) -> None:
        """Write the state to a file, whole or not at all; ``Prepared.start`` goes on from it."""

    def finish(self) -> Recording:
        """Close the session; gives what was recorded."""


@runtime_checkable
class Prepared(Protocol):
    """A network or program made ready on an engine; a context that frees it at the end."""

    def start(
        self,
        inputs: Inputs,
        steps: int | None = None,
        *,
        record: Iterable[Item] | Item = ("spikes",),
        seed: int = 0,
        resume: Path | None = None,
    ) -> Session:
        """Open a session at the start state, or where a saved one stood.

        Parameters
        ----------
        inputs : mapping of str to what drives it
            Inputs that are left out are silent.
        steps : int, optional
            Ticks it may run at most; None sets no end.
        record : str, Trace, Rate, Weights, or iterable of them
            See ``spikesim.recording``.
        seed : int
            Of random inputs.
        resume : path, optional
            What ``Session.save`` wrote.

        Raises
        ------
        ValidationError
            With every problem of the arguments.
        """

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
        """Run samples independently, each from the start state, and count spikes.

        Parameters
        ----------
        samples : mapping of str to bool array of shape (samples, steps, n), or sequence of mappings
            One raster per sample; or for each sample what drives each input.
        steps : int, optional
            Ticks per sample; by default those of the rasters and as many more as the latest
            population starts late.
        populations : iterable of str, optional
            Whose spikes are counted; by default those of the outputs.
        seeds : sequence of int, optional
            Of random inputs, one per sample; default 0, 1, 2, ...
        jobs : int
            Samples that run at once, where the engine can. The result does not depend on it.
        progress : bool or callable

        Raises
        ------
        ValidationError
            If an argument is not legal.
        """

    def close(self) -> None:
        """Free what the engine holds; harmless when repeated."""

    def __enter__(self) -> Prepared: ...

    def __exit__(self, *exc: object) -> None: ...


@runtime_checkable
class Engine(Protocol):
    """A way to run networks: float kernels, integer model, Verilated core, board."""

    @property
    def name(self) -> str:
        """What recordings and messages call it."""

    def prepare(self, model: Any) -> Prepared:
        """Make a network (or program) ready to run.

        Raises
        ------
        ValidationError
            If it cannot run what was given.
        CompileError
            If a network does not fit the core.
        """

    def explain(self, model: Any) -> str:
        """Say which kernel or device would run this, and why, without starting any.

        Raises
        ------
        ValidationError, CompileError
            As ``prepare``.
        """
