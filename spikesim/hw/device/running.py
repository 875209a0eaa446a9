# SPDX-License-Identifier: Apache-2.0
"""Run a loaded program and bring back spikes and state."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from spikesim.core import Recording, SpikeTrains
from spikesim.hw.device.events import Chunk, plan_chunks
from spikesim.hw.device.loading import progress_bar
from spikesim.hw.device.requests import (
    clear_request,
    read_requests,
    run_request,
    write_requests,
)
from spikesim.hw.engine import population_spikes
from spikesim.hw.generated import (
    FIELDS,
    MARKER,
    REPLIES,
    WINDOWS,
    Clear,
    Command,
    Reg,
    StatusBit,
    Window,
)
from spikesim.hw.image import unpack_table
from spikesim.hw.link.errors import LinkLostError
from spikesim.hw.link.session import Request

if TYPE_CHECKING:
    from spikesim.hw.device.device import Device

_SPIKE_WORDS = REPLIES[Command.SPIKES].most
# Markers hold 15 bits of the step; half of that is always told apart.
_MAX_CHUNK = 1 << 14
_STATE_DTYPE = np.dtype([(name, np.int32) for name in FIELDS[Window.STATE]])


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

    def spikes(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Give steps and neurons so far, int64 arrays of shape (k,)."""
        if not self._ticks:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        return np.concatenate(self._ticks), np.concatenate(self._neurons)


def run_on(
    device: Device,
    axons: SpikeTrains,
    steps: int,
    record: tuple[str, ...],
    *,
    resume: bool = False,
    each_step: bool = False,
    progress: bool = False,
) -> Recording:
    """Run the loaded program on a device; see ``Device.run``.

    Parameters
    ----------
    axons : SpikeTrains
        Input spikes by axon; ``record`` is checked already.
    """
    program = device.require_program()
    traces = {
        name: (*program.groups[name.rpartition(".")[0]][:2], name.rpartition(".")[2])
        for name in record
        if name != "spikes"
    }
    start = device.register("STEP") if resume else 0
    single = each_step or bool(traces)
    queue = device.capabilities.config.event_queue
    chunks = _short(plan_chunks(axons, queue, start), 1 if single else _MAX_CHUNK)
    spikes = "spikes" in record
    opening = write_requests(Window.REG, Reg.CTRL.address, np.array([spikes], np.uint16))
    if not resume:
        opening.insert(0, clear_request(Clear.STATE | Clear.COUNTS | Clear.QUEUES))
    device.session.burst(opening)
    decoder = SpikeDecoder(start)
    columns: dict[str, list[npt.NDArray[np.int32]]] = {name: [] for name in traces}
    meta: dict[str, Any] = {"program_id": program.program_id}
    cycles: list[int] = []
    with progress_bar("run", steps, progress) as advance:
        done = 0
        for chunk in chunks:
            _run_chunk(device, chunk, decoder if spikes else None)
            if single and chunk.steps:
                cycles.append(device.register("LAST_CYCLES"))
            for name, (first, n, field) in traces.items():
                columns[name].append(_state(device, first, n)[field].astype(np.int32))
            done += chunk.steps
            if advance is not None:
                advance(done)
    if single:
        meta["cycles"] = cycles
    meta["total_cycles"] = device.register("TOTAL_CYCLES")
    ticks, neurons = decoder.spikes()
    return Recording(
        spikes=population_spikes(program, ticks - start, neurons, steps) if spikes else {},
        traces={
            name: np.array(rows, np.int32).reshape(steps, traces[name][1])
            for name, rows in columns.items()
        },
        steps=steps,
        dt=program.dt,
        engine=device.name,
        meta=meta,
    )


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


def _run_chunk(device: Device, chunk: Chunk, decoder: SpikeDecoder | None) -> None:
    requests = [Request(Command.EVENTS, frame, fence=True) for frame in chunk.frames]
    requests.append(run_request(chunk.steps))
    patience = device.patience(chunk.steps)
    if decoder is None:
        # The fenced read comes back when the run has ended.
        requests += read_requests(Window.REG, Reg.STATUS.address, 1, fence=True)
        device.session.burst(requests, patience=patience)
        return
    take = Request(Command.SPIKES, bytes((_SPIKE_WORDS,)), answer=True)
    requests.append(take)
    while True:
        reply = device.session.burst(requests)[-1]
        if reply is None:
            raise LinkLostError(
                f"device {device.name}: expected spikes, got an acknowledgement without them "
                "after repeated loss; run again"
            )
        flags = struct.unpack_from("<H", reply)[0]
        words = np.frombuffer(reply, "<u2", offset=6)
        decoder.feed(words)
        # The queue is read after the flags, so an idle core with a short reply is done.
        if not flags & StatusBit.BUSY and words.size < _SPIKE_WORDS:
            return
        requests = [take]


def _state(device: Device, first: int, n: int) -> npt.NDArray[Any]:
    stride = WINDOWS[Window.STATE].stride
    halfwords = device.read(Window.STATE, first * stride, n * stride)
    return unpack_table(Window.STATE, halfwords, _STATE_DTYPE)
