# SPDX-License-Identifier: Apache-2.0
"""The two golden models as cores for sessions and batches."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.core import SpikeTrains
from spikesim.hw.core import PARAMETERS, STATES, IntArray, Stretch
from spikesim.hw.generated import COUNT_BITS
from spikesim.hw.golden.fast import FastState, core_tables, run_batch
from spikesim.hw.golden.readable import GoldenCore
from spikesim.hw.program import Program

_COUNT_MAX = (1 << COUNT_BITS) - 1


class FastCore:
    """The fast golden model of one core.

    Parameters
    ----------
    program : Program
    """

    name = "golden"
    at_once = 4096

    def __init__(self, program: Program) -> None:
        self.program = program
        self._tables = core_tables(program)
        self.restart()

    def restart(self) -> None:
        """Go to the start state; parameters that were set are those of the program again."""
        self._state = FastState.initial(self.program, 1)
        for name in PARAMETERS:
            self._held(name)[:] = self.program.params[name]
        self._counts = np.zeros(self.program.config.n_neurons, np.int64)

    def advance(self, axons: SpikeTrains, *, spikes: bool, history: bool) -> Stretch:
        """Run some steps; see ``hw.core.ProgrammedCore``."""
        before = int(self._state.total_cycles[0])
        kept = {"cycles", "spikes"} | ({"membrane"} if history else set())
        result = run_batch(
            self.program, axons.raster()[None], axons.steps, kept, self._state, self._tables
        )
        assert result.spikes is not None and result.cycles is not None
        ticks, neurons = np.nonzero(result.spikes[0])
        self._counts += result.spikes[0].sum(axis=0)
        return Stretch(
            ticks,
            neurons,
            int(self._state.total_cycles[0]) - before,
            result.cycles[0],
            {name: values[0] for name, values in result.history.items()},
        )

    def read(self, name: str) -> IntArray:
        """Codes of a state or parameter, shape (N,)."""
        return np.array(self._held(name))

    def write(self, name: str, values: IntArray) -> None:
        """Set codes of all neurons."""
        self._held(name)[:] = values

    def counts(self) -> npt.NDArray[np.int64]:
        """Spikes of each neuron, which the core's own counters hold up to 65,535 of."""
        return self._counts.copy()

    def weights(self) -> IntArray:
        """Weight words."""
        return np.array(self.program.weights)

    def words(self) -> dict[str, npt.NDArray[Any]]:
        """Every word that a run changes."""
        state = self._state
        return {
            "step": np.array([state.step], np.int64),
            **{name: state.neurons[k, 0] for k, name in enumerate(STATES)},
            **{name: self._held(name) for name in PARAMETERS},
            "acc": state.acc[0],
            "fired": state.fired[0],
            "count": self._counts,
            "total_cycles": state.total_cycles,
        }

    restores = True

    def restore(self, words: dict[str, npt.NDArray[Any]]) -> None:
        """Go to a state that any core gave."""
        state = self._state
        state.step = int(words["step"][0])
        for name in (*STATES, *PARAMETERS):
            self._held(name)[:] = words[name]
        state.acc[0], state.fired[0] = words["acc"], words["fired"]
        self._counts[:] = words["count"]
        state.counts[0] = np.minimum(words["count"], _COUNT_MAX)
        state.total_cycles[:] = words["total_cycles"]

    def batch(
        self, rasters: npt.NDArray[np.bool_], steps: int, places: Sequence[tuple[int, int]]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Run samples, each from the start state."""
        result = run_batch(self.program, rasters, steps, tables=self._tables)
        return result.counts[:, neurons_of(places)].astype(np.int64), result.total_cycles

    def close(self) -> None:
        """Nothing to free."""

    def _held(self, name: str) -> IntArray:
        states: IntArray = self._state.neurons[:, 0]
        table, names = (states, STATES) if name in STATES else (self._tables[2], PARAMETERS)
        row: IntArray = table[names.index(name)]
        return row


class ReadableCore:
    """The readable golden model, some hundred steps a second.

    Parameters
    ----------
    program : Program
    """

    name = "golden-readable"
    at_once = 256

    def __init__(self, program: Program) -> None:
        self.program = program
        self._core = GoldenCore(program.config)
        self._core.load(program)
        self._counts = np.zeros(program.config.n_neurons, np.int64)

    def restart(self) -> None:
        """Go to the start state; parameters that were set are those of the program again."""
        self._core.load(self.program)
        self._counts[:] = 0

    def advance(self, axons: SpikeTrains, *, spikes: bool, history: bool) -> Stretch:
        """Run some steps; see ``hw.core.ProgrammedCore``."""
        core, steps = self._core, axons.steps
        ticks: list[int] = []
        neurons: list[int] = []
        cycles = np.zeros(steps, np.int64)
        kept = {
            name: np.zeros((steps if history else 0, self.program.config.n_neurons), np.int32)
            for name in ("v", "i")
        }
        for step in range(steps):
            core.queue(core.next_step, axons.at(step).tolist())
            result = core.step(record=False)
            ticks += [step] * len(result.fired)
            neurons += result.fired
            cycles[step] = result.cycles
            if history:
                kept["v"][step], kept["i"][step] = core.v, core.i
        who = np.array(neurons, np.int64)
        self._counts += np.bincount(who, minlength=self._counts.size)
        return Stretch(np.array(ticks, np.int64), who, int(cycles.sum()), cycles, kept)

    def read(self, name: str) -> IntArray:
        """Codes of a state or parameter, shape (N,)."""
        if name in STATES:
            return np.array(getattr(self._core, name), np.int64)
        return np.array([entry[name] for entry in self._core.params], np.int64)

    def write(self, name: str, values: IntArray) -> None:
        """Set codes of all neurons."""
        if name in STATES:
            setattr(self._core, name, values.tolist())
        else:
            for entry, value in zip(self._core.params, values.tolist(), strict=True):
                entry[name] = value

    def counts(self) -> npt.NDArray[np.int64]:
        """Spikes of each neuron, which the core's own counters hold up to 65,535 of."""
        return self._counts.copy()

    def weights(self) -> IntArray:
        """Weight words."""
        return np.array(self._core.weights, np.int64)

    def words(self) -> dict[str, npt.NDArray[Any]]:
        """Every word that a run changes."""
        core = self._core
        fired = np.zeros(self.program.config.n_neurons, np.bool_)
        fired[core.fired] = True
        return {
            "step": np.array([core.next_step], np.int64),
            **{name: self.read(name) for name in (*STATES, *PARAMETERS)},
            "acc": np.array(core.acc, np.int64),
            "fired": fired,
            "count": self.counts(),
            "total_cycles": np.array([core.total_cycles], np.int64),
        }

    restores = True

    def restore(self, words: dict[str, npt.NDArray[Any]]) -> None:
        """Go to a state that any core gave."""
        core = self._core
        core.next_step, core.total_cycles = int(words["step"][0]), int(words["total_cycles"][0])
        for name in (*STATES, *PARAMETERS):
            self.write(name, words[name])
        core.acc = words["acc"].tolist()
        core.fired = np.flatnonzero(words["fired"]).tolist()
        self._counts[:] = words["count"]
        core.count = np.minimum(words["count"], _COUNT_MAX).tolist()

    def batch(
        self, rasters: npt.NDArray[np.bool_], steps: int, places: Sequence[tuple[int, int]]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Run samples, each from the start state."""
        counts, cycles, neurons = [], [], neurons_of(places)
        n_axons = self.program.config.n_axons
        for raster in rasters:
            self.restart()
            ticks, axons = np.nonzero(raster)
            trains = SpikeTrains(ticks, axons.astype(np.int32), n_axons, steps)
            cycles.append(self.advance(trains, spikes=False, history=False).total_cycles)
            counts.append(np.minimum(self._counts[neurons], _COUNT_MAX))
        shape = (len(rasters), neurons.size)
        return np.array(counts, np.int64).reshape(shape), np.array(cycles, np.int64)

    def close(self) -> None:
        """Nothing to free."""


def neurons_of(places: Sequence[tuple[int, int]]) -> npt.NDArray[np.int64]:
    """Numbers of the neurons at some places (first, n), in order.

    >>> neurons_of([(8, 2), (0, 3)]).tolist()
    [8, 9, 0, 1, 2]
    """
    return np.concatenate(
        [np.zeros(0, np.int64), *(np.arange(first, first + n) for first, n in places)]
    )
