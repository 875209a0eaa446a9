# SPDX-License-Identifier: Apache-2.0
"""Many samples through one core: spikes are counted on the core, one burst per sample."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikesim.core import SpikeTrains
from spikesim.core.decode import classify
from spikesim.errors import ValidationError
from spikesim.hw.config import CoreConfig
from spikesim.hw.core import refuse_full_counters
from spikesim.hw.device.events import plan_chunks
from spikesim.hw.device.port import Port
from spikesim.hw.device.progress import progress_bar
from spikesim.hw.device.requests import (
    clear_request,
    event_requests,
    read_requests,
    run_request,
    write_requests,
)
from spikesim.hw.generated import WINDOWS, Clear, Reg, Window
from spikesim.hw.link.exchange import Request
from spikesim.hw.program import Program


@dataclass(frozen=True, eq=False)
class BatchCounts:
    """Result of many samples.

    Parameters
    ----------
    counts : int64 array, shape (samples, outputs)
        Spikes of the program's output neurons, populations in the order of ``outputs``.
    cycles : int64 array, shape (samples,)
        Clock cycles of all steps of a sample.
    state : uint16 array, shape (samples, n_neurons, 4), or None
        Window STATE after the last step.
    """

    counts: npt.NDArray[np.int64]
    cycles: npt.NDArray[np.int64]
    state: npt.NDArray[np.uint16] | None = None

    @property
    def labels(self) -> npt.NDArray[np.int64]:
        """Class of each sample, shape (samples,); see ``core.decode.classify``."""
        return classify(self.counts)


def count_batch(
    port: Port,
    program: Program,
    rasters: npt.ArrayLike,
    steps: int | None = None,
    *,
    state: bool = False,
    progress: bool = False,
) -> BatchCounts:
    """Run samples on the loaded program and let the core count; see ``Device.classify``."""
    samples, steps = samples_of(program, port.capabilities.config, rasters, steps)
    places = [program.groups[name][:2] for name in program.outputs]
    readout = Readout(places, port.capabilities.config.n_neurons if state else 0)
    with progress_bar("classify", len(samples), progress) as advance:
        counts, cycles, states = run_samples(port, samples, steps, readout, advance)
    shape = (len(samples), sum(n for _, n in places))
    return BatchCounts(
        counts=np.array(counts, np.int64).reshape(shape),
        cycles=np.array(cycles, np.int64),
        state=np.array(states, np.uint16) if state else None,
    )


def run_samples(
    port: Port,
    samples: Iterable[SpikeTrains],
    steps: int,
    readout: Readout,
    progress: Callable[[int], None] | None = None,
) -> tuple[list[npt.NDArray[np.int64]], list[int], list[npt.NDArray[np.uint16]]]:
    """Run the loaded program on samples, one burst each, and read what a readout names.

    Parameters
    ----------
    samples : iterable of SpikeTrains
        Input of each by axon, ``steps`` long.
    progress : callable, optional
        Called with the number of samples done.

    Returns
    -------
    counts, cycles, states : lists
        As ``Readout.split`` gives them, one entry per sample.

    Raises
    ------
    DeviceError
        If a counter is at its end, where it stays, or the link failed.
    """
    port.burst(write_requests(Window.REG, Reg.CTRL.address, np.zeros(1, np.uint16)))
    patience = port.capabilities.patience(steps)
    counts, cycles, states = [], [], []
    for done, trains in enumerate(samples, start=1):
        requests = sample_requests(trains, port.capabilities.config.event_queue)
        answers = port.burst(requests + readout.requests, patience=patience)
        row, total, words = readout.split(answers[-len(readout.requests) :])
        refuse_full_counters(f"device {port.name}", row)
        counts.append(row)
        cycles.append(total)
        states.append(words)
        if progress is not None:
            progress(done)
    return counts, cycles, states


def samples_of(
    program: Program, config: CoreConfig, rasters: npt.ArrayLike, steps: int | None
) -> tuple[list[SpikeTrains], int]:
    """Input of each sample by axon, and steps of each; all are checked before any is run.

    Raises
    ------
    ValidationError
        If the rasters do not fit the program, are longer than the steps, or hold a step with more
        spikes than the event queue.
    """
    batch = np.asarray(rasters)
    first_axon = _first_axon(program, batch)
    if steps is None:
        steps = batch.shape[1] + program.latency
    if steps < batch.shape[1]:
        raise ValidationError(
            f"classify: expected at least {batch.shape[1]} steps, the length of the raster, got "
            f"{steps}"
        )
    samples = [_events(sample, first_axon, config.n_axons, steps) for sample in batch]
    for trains in samples:
        plan_chunks(trains, config.event_queue)
    return samples, steps


def sample_requests(trains: SpikeTrains, event_queue: int) -> list[Request]:
    """Run one sample from a fresh state: clear, queue events, run."""
    requests = [clear_request(Clear.STATE | Clear.COUNTS | Clear.QUEUES)]
    for chunk in plan_chunks(trains, event_queue):
        requests += [*event_requests(chunk.frames), run_request(chunk.steps)]
    return requests


class Readout:
    """What is read after each sample, as fenced READs at the end of its burst."""

    def __init__(self, places: Sequence[tuple[int, int]], state_neurons: int) -> None:
        stride = WINDOWS[Window.STATE].stride
        self._state_shape = (state_neurons, stride)
        self.requests: list[Request] = []
        self._cuts: list[tuple[int, int]] = []
        for first, n in places:
            self._add(read_requests(Window.COUNT, first, n, fence=True))
        cycles = Reg.TOTAL_CYCLES
        self._add(read_requests(Window.REG, cycles.address, cycles.halfwords, fence=True))
        self._add(read_requests(Window.STATE, 0, state_neurons * stride, fence=True))

    def _add(self, requests: list[Request]) -> None:
        self._cuts.append((len(self.requests), len(self.requests) + len(requests)))
        self.requests += requests

    def split(
        self, answers: Sequence[bytes | None]
    ) -> tuple[npt.NDArray[np.int64], int, npt.NDArray[np.uint16]]:
        """Give counts, cycles and state words of one sample."""
        parts = [b"".join(a or b"" for a in answers[begin:end]) for begin, end in self._cuts]
        counts = np.frombuffer(b"".join(parts[:-2]), "<u2").astype(np.int64)
        state = np.frombuffer(parts[-1], "<u2").astype(np.uint16).reshape(self._state_shape)
        return counts, int.from_bytes(parts[-2], "little"), state


def _events(
    sample: npt.NDArray[np.bool_], first_axon: int, n_axons: int, steps: int
) -> SpikeTrains:
    ticks, index = np.nonzero(sample)
    return SpikeTrains(ticks, (index + first_axon).astype(np.int32), n_axons, steps)


def _first_axon(program: Program, batch: npt.NDArray[np.bool_]) -> int:
    """Where the raster's column 0 goes; raises ValidationError when it does not fit."""
    if batch.ndim != 3 or (batch.dtype != np.bool_ and not np.isin(batch, (0, 1)).all()):
        raise ValidationError(
            f"classify: expected a bool array of shape (samples, steps, n), got dtype "
            f"{batch.dtype}, shape {batch.shape}; encode samples into spikes first"
        )
    if len(program.inputs) == 1:
        ((first, n),) = program.inputs.values()
        if batch.shape[2] == n:
            return first
    if batch.shape[2] == program.n_axons_used:
        return 0
    raise ValidationError(
        f"classify: expected {program.n_axons_used} input columns, got {batch.shape[2]}; the "
        f"program has inputs {dict(program.inputs)}"
    )
