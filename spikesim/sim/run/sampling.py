# SPDX-License-Identifier: Apache-2.0
"""States that a run samples: kernels that take them down, and the way to the recorder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.kernels.bind import Bound, bind
from spikesim.kernels.loop import sample
from spikesim.recording import Monitor
from spikesim.sim.layout.plan import Plan
from spikesim.sim.parallel.mpi import Ranks
from spikesim.sim.record.recorder import Recorder
from spikesim.sim.run.state import State

_BYTES = 64 << 20
"""Memory for the samples of one window."""


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

    @classmethod
    def of(cls, item: Monitor, n: int) -> Sampling:
        """Sample what a monitor asks for in a population of ``n``."""
        neurons = np.arange(n) if item.index is None else np.array(item.index, dtype=np.int64)
        return cls(item.name, item.source, item.variable, neurons, item.every)


class StateSamples:
    """Room for the samples of one window.

    Parameters
    ----------
    plan : Plan
    ranks : Ranks
    samplings : sequence of Sampling
    """

    def __init__(self, plan: Plan, ranks: Ranks, samplings: Sequence[Sampling]) -> None:
        self._plan, self._ranks, self._samplings = plan, ranks, tuple(samplings)
        self._rows: list[npt.NDArray[Any]] = []

    def fitting(self, ticks: int) -> int:
        """Ticks of a window of at most so many whose samples take little memory."""
        per_tick = sum(8 * s.neurons.size / s.every for s in self._samplings)
        return max(1, min(ticks, int(_BYTES / max(per_tick, 1))))

    def reserve(self, window: int) -> None:
        """Take the memory for windows of so many ticks."""
        self._rows = [
            np.zeros((-(-window // s.every) + 1, s.neurons.size), dtype=self._plan.dtype)
            for s in self._samplings
        ]

    @property
    def nbytes(self) -> int:
        """Memory in bytes."""
        return sum(rows.nbytes for rows in self._rows)

    def bind(self, state: State, block: int) -> list[Bound]:
        """Kernels that keep what is sampled of the neurons of one block."""
        items = []
        for s, out in zip(self._samplings, self._rows, strict=True):
            lo, hi = self._plan.slice(block, s.population)
            (column,) = np.nonzero((s.neurons >= lo) & (s.neurons < hi))
            if column.size:
                values = state.neurons[s.population][s.variable]
                index = s.neurons[column]
                items.append(bind(sample, state.record.begin, s.every, values, index, column, out))
        return items

    def drain(self, start: int, n: int, sink: Recorder) -> None:
        """Hand over the samples of a window of ``n`` ticks."""
        for s, out in zip(self._samplings, self._rows, strict=True):
            ticks = np.arange(-(-start // s.every) * s.every, start + n, s.every)
            values = self._joined(s, out[: ticks.size])
            if self._ranks.rank == 0:
                sink.trace(s.name, ticks, values)

    def _joined(self, sampling: Sampling, values: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Give the samples of all processes, complete on rank 0."""
        if self._ranks.size == 1 or not values.size:
            return values
        bounds = [self._plan.owned(sampling.population, rank) for rank in range(self._ranks.size)]
        columns = [np.flatnonzero((sampling.neurons >= lo) & (sampling.neurons < hi))
                   for lo, hi in bounds]  # fmt: skip
        whole = self._ranks.join(values[:, columns[self._ranks.rank]])
        if self._ranks.rank == 0:
            values[:, np.concatenate(columns)] = whole
        return values
