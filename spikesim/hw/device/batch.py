# SPDX-License-Identifier: Apache-2.0
"""Many samples through one core: spikes are counted on the core, one burst per sample."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from spikesim.core import SpikeTrains
from spikesim.hw.core import refuse_full_counters
from spikesim.hw.device.events import plan_chunks
from spikesim.hw.device.port import Port
from spikesim.hw.device.requests import (
    clear_request,
    event_requests,
    read_requests,
    run_request,
    write_requests,
)
from spikesim.hw.generated import Clear, Reg, Window
from spikesim.hw.link.exchange import Request


def run_samples(
    port: Port,
    samples: Iterable[SpikeTrains],
    steps: int,
    readout: Readout,
) -> tuple[list[npt.NDArray[np.int64]], list[int]]:
    """Run the loaded program on samples, one burst each, and read what a readout names.

    Parameters
    ----------
    samples : iterable of SpikeTrains
        Input of each by axon, ``steps`` long.

    Returns
    -------
    counts, cycles : lists
        As ``Readout.split`` gives them, one entry per sample.

    Raises
    ------
    DeviceError
        If a counter is at its end, where it stays, or the link failed.
    """
    port.burst(write_requests(Window.REG, Reg.CTRL.address, np.zeros(1, np.uint16)))
    patience = port.capabilities.patience(steps)
    counts, cycles = [], []
    for trains in samples:
        requests = sample_requests(trains, port.capabilities.config.event_queue)
        answers = port.burst(requests + readout.requests, patience=patience)
        row, total = readout.split(answers[-len(readout.requests) :])
        refuse_full_counters(f"device {port.name}", row)
        counts.append(row)
        cycles.append(total)
    return counts, cycles


def sample_requests(trains: SpikeTrains, event_queue: int) -> list[Request]:
    """Run one sample from a fresh state: clear, queue events, run."""
    requests = [clear_request(Clear.STATE | Clear.COUNTS | Clear.QUEUES)]
    for chunk in plan_chunks(trains, event_queue):
        requests += [*event_requests(chunk.frames), run_request(chunk.steps)]
    return requests


class Readout:
    """What is read after each sample, as fenced READs at the end of its burst."""

    def __init__(self, places: Sequence[tuple[int, int]]) -> None:
        self.requests: list[Request] = []
        self._cuts: list[tuple[int, int]] = []
        for first, n in places:
            self._add(read_requests(Window.COUNT, first, n, fence=True))
        cycles = Reg.TOTAL_CYCLES
        self._add(read_requests(Window.REG, cycles.address, cycles.halfwords, fence=True))

    def _add(self, requests: list[Request]) -> None:
        self._cuts.append((len(self.requests), len(self.requests) + len(requests)))
        self.requests += requests

    def split(self, answers: Sequence[bytes | None]) -> tuple[npt.NDArray[np.int64], int]:
        """Give counts and cycles of one sample."""
        parts = [b"".join(a or b"" for a in answers[begin:end]) for begin, end in self._cuts]
        counts = np.frombuffer(b"".join(parts[:-1]), "<u2").astype(np.int64)
        return counts, int.from_bytes(parts[-1], "little")
