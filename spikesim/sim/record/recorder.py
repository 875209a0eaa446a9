# SPDX-License-Identifier: Apache-2.0
"""Between the engine and a sink: counts what is only counted, and passes the rest on."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.core.on_demand import OnDemand
from spikesim.errors import ValidationError
from spikesim.network import Network
from spikesim.recording import Monitor, Monitors, Recordable, Recording
from spikesim.sim.record.room import check_memory
from spikesim.sim.record.sink import Index, MemorySink, RecordHeader, Sink, Ticks, TraceHeader


def make_sink(to: str | os.PathLike[str] | Sink | None) -> Sink:
    """Turn what a user gives as ``to=`` into a sink: None, a file name, or a sink itself.

    Raises
    ------
    ValidationError
        If it is none of these, or the file cannot be made.
    """
    if to is None:
        return MemorySink()
    if isinstance(to, (str, os.PathLike)):
        from spikesim.sim.record.sink_hdf5 import HDF5Sink

        return HDF5Sink(to)
    if not callable(getattr(to, "start", None)):
        raise ValidationError(f"record: expected to= as a file name or a sink, got {to!r}")
    return to


class Recorder:
    """Takes the events of a run from the engine, window by window.

    For each window of ticks start <= tick < stop, in order of time, the engine calls
    ``spikes`` for every population of ``monitors.spiking``, ``trace`` for every trace and
    every weight monitor, with the rows of the multiples of ``every``, and then ``window``; at the
    end, also after an interrupt, ``finish``. As a context it closes the sink when the run
    raises, so that a file holds all windows that were handed over.

    Parameters
    ----------
    net : Network
    monitors : Monitors
    steps : int or None
        Ticks the run is asked for; None where it has no end.
    dtype : str
        Of the states.
    sink : Sink
    engine : str
    meta : mapping, optional
        Known before the run, such as the seed.
    start : int
        First tick that is recorded; above 0 when a run goes on from a checkpoint.

    Raises
    ------
    ValidationError
        If a recording in memory would not fit.
    """

    def __init__(
        self,
        net: Network,
        monitors: Monitors,
        steps: int | None,
        *,
        dtype: str = "float32",
        sink: Sink | None = None,
        engine: str = "float",
        meta: dict[str, Any] | None = None,
        start: int = 0,
    ) -> None:
        self.monitors = monitors
        self._sink = MemorySink() if sink is None else sink
        self._kept = frozenset(monitors.spikes)
        self._parts = [(part, _numbers(part, net)) for part in monitors.spikes_of_parts]
        self._rates = [_RateCounter(rate, net, start) for rate in monitors.rates]
        traces = trace_headers(net, monitors, dtype)
        if isinstance(self._sink, MemorySink) and steps is not None:
            check_memory(traces, steps, start)
        sizes = {name: net.populations[name].n for name in monitors.spikes}
        sizes |= {part.whose: len(part.index or ()) for part, _ in self._parts}
        self._sink.start(
            RecordHeader(steps, net.dt, engine, sizes, traces, dict(meta or {}), start)
        )
        self._steps, self._stop = steps, start

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """Close the recording as a run that was cut off, should the run raise."""
        if error is not None:
            self._sink.finish(False, {"stopped_by": f"{type(error).__name__}: {error}"})

    def spikes(self, population: str, ticks: Ticks, index: Index) -> None:
        """Spikes of one population in this window, sorted by (tick, index)."""
        for counter in self._rates:
            if counter.rate.source == population:
                counter.add(ticks, index)
        if population in self._kept:
            self._sink.spikes(population, ticks, index)
        for part, numbers in self._parts:
            if part.source == population:
                own = numbers[index]
                self._sink.spikes(part.whose, ticks[own >= 0], own[own >= 0])

    def trace(self, name: str, ticks: Ticks, values: npt.NDArray[Any]) -> None:
        """Rows of one trace in this window: ticks of shape (k,), values of shape (k, n)."""
        if len(ticks):
            self._sink.trace(name, ticks, values)

    def window(self, stop: int) -> None:
        """All of tick < ``stop`` was handed over."""
        for counter in self._rates:
            ticks, values = counter.bins(stop)
            if len(ticks):
                self._sink.trace(counter.rate.name, ticks, values)
        self._stop = stop
        self._sink.window(stop)

    def finish(self, **meta: Any) -> Recording:
        """Close the recording; it is complete if the windows reached the last tick."""
        self._sink.finish(self._steps is None or self._stop >= self._steps, meta)
        return self._sink.recording()


def trace_headers(net: Network, monitors: Monitors, dtype: str) -> dict[str, TraceHeader]:
    """Form of every trace that these monitors keep."""
    headers = {}
    sizes = [(item, net.populations[item.source].n) for item in monitors.states]
    sizes += [(item, net.projections[item.source].nnz) for item in monitors.weights]
    for item, n in sizes:
        columns = n if item.index is None else len(item.index)
        headers[item.name] = TraceHeader(columns, dtype, item.every, item.index)
    for rate in monitors.rates:
        headers[rate.name] = TraceHeader(1, "float64", rate.every, span=rate.every)
    return headers


def recordable(net: Network) -> Recordable:
    """Give what the float engine can keep of a network."""
    return Recordable(
        net.dt,
        {name: population.n for name, population in net.populations.items()},
        OnDemand(lambda name: _states(net, name), net.populations),
        OnDemand(lambda name: net.projections[name].nnz, net.projections),
        inputs=tuple(net.inputs),
    )


def _states(net: Network, population: str) -> tuple[str, ...]:
    neuron = net.populations[population].neuron
    return () if neuron is None else tuple(neuron.states)


def _numbers(item: Monitor, net: Network) -> Index:
    """Give the number of each neuron within a slice of its population; -1 outside."""
    numbers = np.full(net.populations[item.source].n, -1, dtype=np.int32)
    numbers[list(item.index or ())] = np.arange(len(item.index or ()), dtype=np.int32)
    return numbers


class _RateCounter:
    """Spikes of one population, or a slice of it, in the bins that are not over yet."""

    def __init__(self, rate: Monitor, net: Network, start: int) -> None:
        self.rate = rate
        self._numbers = None if rate.index is None else _numbers(rate, net)
        n = net.populations[rate.source].n if rate.index is None else len(rate.index)
        self._hz = 1.0 / (max(n, 1) * rate.every * net.dt)
        self._first = -(-start // rate.every)  # the bin that counts[0] belongs to; whole ones only
        self._counts = np.zeros(0, dtype=np.int64)

    def add(self, ticks: Ticks, index: Index) -> None:
        if self._numbers is not None:
            ticks = ticks[self._numbers[index] >= 0]
        ticks = ticks[np.searchsorted(ticks, self._first * self.rate.every) :]
        if len(ticks):
            new = np.bincount(ticks // self.rate.every - self._first, minlength=len(self._counts))
            new[: len(self._counts)] += self._counts
            self._counts = new

    def bins(self, stop: int) -> tuple[Ticks, npt.NDArray[np.float64]]:
        """First ticks and rates of the bins that end at or before ``stop``, each given once."""
        n = max(0, stop // self.rate.every - self._first)
        counts = np.zeros(n, dtype=np.int64)
        over = min(n, len(self._counts))
        counts[:over] = self._counts[:over]
        first = self._first * self.rate.every
        ticks = np.arange(first, first + n * self.rate.every, self.rate.every, dtype=np.int64)
        self._first += n
        self._counts = self._counts[n:]
        return ticks, np.multiply(counts, self._hz, dtype=np.float64)[:, np.newaxis]
