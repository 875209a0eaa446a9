# SPDX-License-Identifier: Apache-2.0
"""A device as a core for sessions and batches: the same for board, virtual board and model."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spikesim.core import SpikeTrains
from spikesim.errors import DeviceError
from spikesim.hw.core import PARAMETERS, STATES, IntArray, Stretch, refuse_full_counters
from spikesim.hw.device.batch import Readout, run_samples
from spikesim.hw.device.running import CoreRun
from spikesim.hw.generated import WINDOWS, Clear, Window
from spikesim.hw.image import PARAM_DTYPE, STATE_DTYPE, pack_table, unpack_table, unpack_weights
from spikesim.hw.program import Program

if TYPE_CHECKING:
    from spikesim.hw.device.device import Device


class DeviceCore:
    """A program on a device.

    Parameters
    ----------
    device : Device
        The program is loaded unless it is the one that is there.
    program : Program
    each_step : bool
        Stop after each step to read its clock cycles.
    """

    at_once = 4096

    def __init__(self, device: Device, program: Program, *, each_step: bool = False) -> None:
        self.device, self.program, self._each_step = device, program, each_step
        self._on_close: Callable[[], None] | None = None
        self._run: CoreRun | None = None
        self._spikes = self._changed = False
        if device.program != program:
            device.load(program)

    @property
    def name(self) -> str:
        """Name of the device."""
        return self.device.name

    def restart(self) -> None:
        """Go to the start state; parameters that were set are those of the program again."""
        if self._changed:
            self.device.write(Window.PARAM, 0, pack_table(Window.PARAM, self.program.params))
            self._changed = False
        self.device.clear(Clear.STATE | Clear.COUNTS | Clear.QUEUES)
        self._run = None

    def advance(self, axons: SpikeTrains, *, spikes: bool, history: bool) -> Stretch:
        """Run some steps; see ``hw.core.ProgrammedCore``."""
        run = self._running(spikes)
        before = run.total_cycles
        cycles: list[int] = []
        kept: dict[str, list[npt.NDArray[np.int32]]] = {"v": [], "i": []}

        def look() -> None:
            cycles.append(run.last_cycles)
            if history:
                state = self.device.memory.state(0, self.program.config.n_neurons)
                for name, rows in kept.items():
                    rows.append(state[name].astype(np.int32))

        single = self._each_step or history
        try:
            found = run.advance(axons.steps, axons, after_each=look if single else None)
        except KeyboardInterrupt:
            self.device.stop()
            raise
        ticks, neurons = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for name, trains in found.items():
            ticks.append(trains.ticks)
            neurons.append(trains.index.astype(np.int64) + self.program.groups[name][0])
        return Stretch(
            np.concatenate(ticks),
            np.concatenate(neurons),
            run.total_cycles - before,
            np.array(cycles, np.int64) if single else None,
            {name: np.array(rows, np.int32) for name, rows in kept.items()} if history else {},
        )

    def read(self, name: str) -> IntArray:
        """Codes of a state or parameter, shape (N,)."""
        table = self._table(Window.STATE if name in STATES else Window.PARAM)
        values: IntArray = table[name].astype(np.int64)
        return values

    def write(self, name: str, values: IntArray) -> None:
        """Set codes of all neurons."""
        window = Window.STATE if name in STATES else Window.PARAM
        table = self._table(window)
        table[name] = values
        self._changed |= window is Window.PARAM
        self.device.write(window, 0, pack_table(window, table))

    def counts(self) -> npt.NDArray[np.int64]:
        """Spikes of each neuron.

        Raises
        ------
        DeviceError
            If a counter is at its end, where it stays.
        """
        counts = self.device.memory.counts(0, self.program.config.n_neurons)
        refuse_full_counters(f"device {self.name}", counts)
        return counts

    def weights(self) -> IntArray:
        """Weight words as the core holds them."""
        config = self.program.config
        n_words = self.program.weights.shape[0]
        halfwords = self.device.read(Window.WEIGHT, 0, n_words * config.weight_stride)
        return unpack_weights(halfwords, config.lanes, config.weight_bits)

    def words(self) -> dict[str, npt.NDArray[Any]]:
        """Every word that a run changes."""
        config, memory = self.program.config, self.device.memory
        there = self.device.capabilities.config
        if (there.n_neurons, there.delay_slots) != (config.n_neurons, config.delay_slots):
            raise DeviceError(
                f"device {self.name}: expected the core that the program was compiled for, got one "
                "of another size, whose state no other engine can take; run from the start"
            )
        raw = memory.read(Window.ACC, 0, config.delay_slots * config.n_neurons).astype(np.int64)
        half = 1 << (config.acc_bits - 1)
        fired = np.zeros(config.n_neurons, np.bool_)
        fired[memory.read(Window.FIRED, 0, memory.register("FIRED_COUNT"))] = True
        return {
            "step": np.array([memory.register("STEP")], np.int64),
            **{name: self.read(name) for name in (*STATES, *PARAMETERS)},
            "acc": ((raw + half) % (2 * half) - half).reshape(config.delay_slots, -1),
            "fired": fired,
            "count": self.counts(),
            "total_cycles": np.array([memory.register("TOTAL_CYCLES")], np.int64),
        }

    restores = False
    """A core's step counter and list of fired neurons can be read only."""

    def restore(self, words: dict[str, npt.NDArray[Any]]) -> None:
        """Refuse, see ``restores``."""
        raise DeviceError(f"device {self.name}: a core cannot be put to a step")

    def batch(
        self, rasters: npt.NDArray[np.bool_], steps: int, places: Sequence[tuple[int, int]]
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Run samples, each from the start state, and let the core count."""
        config = self.program.config
        self._run = None

        def samples() -> Iterator[SpikeTrains]:
            for raster in rasters:
                ticks, axons = np.nonzero(raster)
                yield SpikeTrains(ticks, axons.astype(np.int32), config.n_axons, steps)

        try:
            counts, cycles = run_samples(self.device, samples(), steps, Readout(places))
        except KeyboardInterrupt:
            self.device.stop()
            raise
        shape = (len(rasters), sum(n for _, n in places))
        return np.array(counts, np.int64).reshape(shape), np.array(cycles, np.int64)

    def on_close(self, action: Callable[[], None]) -> None:
        """Take what to do when the core is not needed any more, such as to give a port back."""
        self._on_close = action

    def close(self) -> None:
        """Give back what was opened for this core."""
        if self._on_close is not None:
            self._on_close()
            self._on_close = None

    def _running(self, spikes: bool) -> CoreRun:
        if self._run is None or self._spikes != spikes:
            self._run = CoreRun(self.device, self.program, resume=True, spikes=spikes)
            self._spikes = spikes
        return self._run

    def _table(self, window: Window) -> npt.NDArray[Any]:
        n = self.program.config.n_neurons
        halfwords = self.device.read(window, 0, n * WINDOWS[window].stride)
        dtype = STATE_DTYPE if window is Window.STATE else PARAM_DTYPE
        return unpack_table(window, halfwords, dtype)
