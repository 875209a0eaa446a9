# SPDX-License-Identifier: Apache-2.0
"""Run a loaded program and bring back spikes and state."""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

from spikesim.core import SpikeTrains
from spikesim.hw.device.events import Chunk, plan_chunks
from spikesim.hw.device.memory import Memory
from spikesim.hw.device.port import Port
from spikesim.hw.device.requests import (
    clear_request,
    event_requests,
    read_requests,
    run_request,
    write_requests,
)
from spikesim.hw.generated import MARKER, REPLIES, Clear, Command, Reg, StatusBit, Window
from spikesim.hw.image import Table
from spikesim.hw.link.errors import LinkLostError
from spikesim.hw.link.exchange import Request
from spikesim.hw.program import Program
from spikesim.hw.program_spikes import population_spikes

_SPIKE_WORDS = REPLIES[Command.SPIKES].most
# Markers hold 15 bits of the step; half of that is always told apart.
_MAX_CHUNK = 1 << 14


class SpikeDecoder:
    """Turn words of the spike queue into (step, neuron) pairs.

    Parameters
    ----------
    step : int
        A step at or before the first one to come, less than 2^15 steps away.
    """

    def __init__(self, step: int) -> None:
        self._step = step
        self._ticks: list[npt.NDArray[np.int64]] = []
        self._neurons: list[npt.NDArray[np.int64]] = []

    def feed(self, words: npt.NDArray[np.uint16]) -> None:
        """Take words in queue order; a step may be cut anywhere."""
        values = words.astype(np.int64)
        is_marker = values >= MARKER
        steps = np.empty(values.size, np.int64)
        at = 0
        for place in np.flatnonzero(is_marker):
            steps[at:place] = self._step
            self._step += (int(values[place]) - self._step) % MARKER
            at = int(place)
        steps[at:] = self._step
        self._ticks.append(steps[~is_marker])
        self._neurons.append(values[~is_marker])

    def reach(self, step: int) -> None:
        """Know that what comes is of this step or later, so that silence of any length is told."""
        self._step = max(self._step, step)

    def spikes(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Give steps and neurons so far, int64 arrays of shape (k,)."""
        if not self._ticks:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        return np.concatenate(self._ticks), np.concatenate(self._neurons)


class CoreRun:
    """A loaded program under way on a core: advanced by hand, looked at in between.

    Parameters
    ----------
    port : Port
        The core; ``program`` is loaded on it.
    program : Program
    resume : bool
        Go on from the present state instead of clearing it.
    spikes : bool
        Bring back the spikes of recorded populations; without, the core only counts them.

    Attributes
    ----------
    step : int
        Steps since the state was cleared.

    Examples
    --------
    >>> from spikesim.hw.compile import compile_network
    >>> from spikesim.hw.device import Device
    >>> from spikesim.hw.link.transport import InProcessTransport
    >>> from spikesim.hw.protocol_model import GoldenDevice
    >>> from spikesim.network import Network
    >>> from spikesim.neurons import LIF
    >>> net = Network(dt=1e-3)
    >>> _ = net.add_population("clock", 1, LIF(beta=1.0, bias=0.5))
    >>> program = compile_network(net).program
    >>> device = Device.open(InProcessTransport(GoldenDevice(program.config)))
    >>> device.load(program)
    >>> run = CoreRun(device, program)
    >>> run.advance(5)["clock"].ticks.tolist(), run.counts("clock").tolist(), run.step
    ([1, 3], [2], 5)
    """

    def __init__(
        self, port: Port, program: Program, *, resume: bool = False, spikes: bool = True
    ) -> None:
        self._port, self._program, self._spikes = port, program, spikes
        self._memory = Memory(port)
        self.step = self._memory.register("STEP") if resume else 0
        opening = write_requests(Window.REG, Reg.CTRL.address, np.array([spikes], np.uint16))
        if not resume:
            opening.insert(0, clear_request(Clear.STATE | Clear.COUNTS | Clear.QUEUES))
        port.burst(opening)

    def advance(
        self,
        steps: int,
        axons: SpikeTrains | None = None,
        *,
        after_each: Callable[[], None] | None = None,
        progress: Callable[[int], None] | None = None,
    ) -> dict[str, SpikeTrains]:
        """Run some steps.

        Parameters
        ----------
        steps : int
        axons : SpikeTrains, optional
            Input spikes by axon, ticks from the first of these steps.
        after_each : callable, optional
            Called after each step, while the core stands still.
        progress : callable, optional
            Called with the number of steps done.

        Returns
        -------
        dict of str to SpikeTrains
            By population, ticks from the first of these steps; empty without ``spikes``.

        Raises
        ------
        ValidationError
            If one step has more input spikes than the event queue holds.
        DeviceError
            The link failed; see ``spikesim.hw.link``.
        """
        config = self._port.capabilities.config
        if axons is None:
            axons = SpikeTrains.empty(config.n_axons, steps)
        start, decoder = self.step, SpikeDecoder(self.step)
        longest = _MAX_CHUNK if after_each is None else 1
        for chunk in _short(plan_chunks(axons, config.event_queue, start), longest):
            decoder.reach(self.step)
            self._run_chunk(chunk, decoder)
            self.step += chunk.steps
            if after_each is not None and chunk.steps:
                after_each()
            if progress is not None:
                progress(self.step - start)
        if not self._spikes:
            return {}
        ticks, neurons = decoder.spikes()
        return population_spikes(
            self._program, self._program.recorded, ticks - start, neurons, steps
        )

    def state(self, population: str) -> Table:
        """State words of a population, a table of shape (n,) with columns v, i, refr."""
        own = self._program.neurons(population)
        return self._memory.state(own.start, own.stop - own.start)

    def counts(self, population: str) -> npt.NDArray[np.int64]:
        """Spikes of each neuron since the state was cleared, shape (n,), at most 65,535."""
        own = self._program.neurons(population)
        return self._memory.counts(own.start, own.stop - own.start)

    @property
    def last_cycles(self) -> int:
        """Clock cycles of the last step."""
        return self._memory.register("LAST_CYCLES")

    @property
    def total_cycles(self) -> int:
        """Clock cycles of all steps since the state was cleared."""
        return self._memory.register("TOTAL_CYCLES")

    def _run_chunk(self, chunk: Chunk, decoder: SpikeDecoder) -> None:
        requests = [*event_requests(chunk.frames), run_request(chunk.steps)]
        if not self._spikes:
            # The fenced read comes back when the run has ended.
            requests += read_requests(Window.REG, Reg.STATUS.address, 1, fence=True)
            self._port.burst(requests, patience=self._port.capabilities.patience(chunk.steps))
            return
        take = Request(Command.SPIKES, bytes((_SPIKE_WORDS,)), answer=True)
        requests.append(take)
        while True:
            reply = self._port.burst(requests)[-1]
            if reply is None:
                raise LinkLostError(
                    f"device {self._port.name}: expected spikes, got an acknowledgement without "
                    "them after repeated loss; run again"
                )
            flags = struct.unpack_from("<H", reply)[0]
            words = np.frombuffer(reply, "<u2", offset=6)
            decoder.feed(words)
            # The queue is read after the flags, so an idle core with a short reply is done.
            if not flags & StatusBit.BUSY and words.size < _SPIKE_WORDS:
                return
            requests = [take]


def _short(chunks: Sequence[Chunk], longest: int) -> list[Chunk]:
    """Cut chunks to at most ``longest`` steps; all events go out before the first piece."""
    pieces = []
    for chunk in chunks:
        left = chunk.steps
        frames = chunk.frames
        while left > 0 or frames:
            now = min(left, longest)
            pieces.append(Chunk(now, frames))
            left, frames = left - now, ()
    return pieces
