# SPDX-License-Identifier: Apache-2.0
"""What drives the inputs of a network: recorded spikes, rasters, Poisson trains."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from spikesim.core import SpikeTrains, stream
from spikesim.errors import ValidationError
from spikesim.network import Network

CHUNK_TICKS = 64
"""Ticks that share one random stream; part of the definition of a Poisson train."""

Events = tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]


@dataclass(frozen=True, eq=False)
class Poisson:
    """Independent Poisson trains, at most one spike per line and tick.

    In each tick line k fires with probability ``rates_hz[k] * dt``. A longer run begins
    with the spikes of a shorter one of the same seed.

    Parameters
    ----------
    rates_hz : float or float array, shape (n,), 1/s
        Mean rate, >= 0 and at most 1/dt.

    Raises
    ------
    ValidationError
        If a rate is negative or not finite.

    Examples
    --------
    >>> Poisson(20.0).trains(n=100, steps=1000, dt=1e-3, seed=1, name="noise")
    SpikeTrains(2021 spikes, n=100, steps=1000)
    """

    rates_hz: float | npt.ArrayLike

    def __post_init__(self) -> None:
        rates = np.array(self.rates_hz, dtype=np.float64)
        if rates.ndim > 1 or not np.isfinite(rates).all() or (rates < 0).any():
            raise ValidationError(
                f"Poisson: expected finite rates >= 0 as a scalar or of shape (n,), got "
                f"{self.rates_hz!r}"
            )
        rates.setflags(write=False)
        object.__setattr__(self, "rates_hz", rates)

    def problems(self, n: int, dt: float) -> list[str]:
        """Why these rates cannot drive ``n`` lines at tick ``dt``; empty when they can."""
        rates = np.asarray(self.rates_hz)
        if rates.ndim == 1 and rates.size != n:
            return [f"expected rates as a scalar or of shape ({n},), got ({rates.size},)"]
        if rates.size and rates.max() * dt > 1.0:
            return [
                f"expected rates of at most 1/dt = {1 / dt:g} Hz, got {rates.max():g} Hz; take a "
                "shorter dt or more lines"
            ]
        return []

    def events(self, n: int, dt: float, seed: int, name: str, start: int, stop: int) -> Events:
        """Events of start <= tick < stop of the input ``name``, sorted."""
        probability = np.broadcast_to(np.asarray(self.rates_hz) * dt, (n,))
        ticks, lines = [np.zeros(0, np.int64)], [np.zeros(0, np.int64)]
        for chunk in range(start // CHUNK_TICKS, -(-stop // CHUNK_TICKS)):
            draws = stream(seed, "poisson", name, chunk).random((CHUNK_TICKS, n))
            step, line = np.nonzero(draws < probability)
            ticks.append(step + chunk * CHUNK_TICKS)
            lines.append(line)
        tick, line = np.concatenate(ticks), np.concatenate(lines)
        lo, hi = np.searchsorted(tick, (start, stop))
        return tick[lo:hi], line[lo:hi].astype(np.int32)

    def trains(self, n: int, steps: int, dt: float, seed: int, name: str) -> SpikeTrains:
        """Draw the spikes that a run of this seed gives the input ``name``.

        Raises
        ------
        ValidationError
            If the rates do not fit ``n`` lines or the tick.
        """
        problems = self.problems(n, dt)
        if problems:
            raise ValidationError(problems)
        ticks, lines = self.events(n, dt, seed, name, 0, steps)
        return SpikeTrains(ticks, lines, n, steps)


class _Source(Protocol):
    def window(self, start: int, stop: int) -> Events: ...


@dataclass(frozen=True, eq=False)
class _Recorded:
    trains: SpikeTrains
    first_line: int

    def window(self, start: int, stop: int) -> Events:
        lo, hi = np.searchsorted(self.trains.ticks, (start, stop))
        return self.trains.ticks[lo:hi], self.trains.index[lo:hi] + np.int32(self.first_line)


@dataclass(frozen=True, eq=False)
class _Drawn:
    poisson: Poisson
    n: int
    dt: float
    seed: int
    name: str
    first_line: int

    def window(self, start: int, stop: int) -> Events:
        ticks, lines = self.poisson.events(self.n, self.dt, self.seed, self.name, start, stop)
        return ticks, lines + np.int32(self.first_line)


@dataclass(frozen=True, eq=False)
class InputEvents:
    """Events of all inputs of a network, tick by tick."""

    sources: tuple[_Source, ...]

    def window(self, start: int, stop: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
        """Events of start <= tick < stop.

        Returns
        -------
        event_start : int64 array, shape (stop - start + 1,)
            Where the events of each tick begin.
        event_source : int32 array
            Global input line, ascending in a tick.
        """
        parts = [source.window(start, stop) for source in self.sources]
        ticks = np.concatenate([np.zeros(0, np.int64), *(part[0] for part in parts)])
        lines = np.concatenate([np.zeros(0, np.int32), *(part[1] for part in parts)])
        if len(parts) > 1:
            # Stable, and each part is sorted and above the one before: lines come out ascending.
            order = np.argsort(ticks, kind="stable")
            ticks, lines = ticks[order], lines[order]
        return np.searchsorted(ticks, np.arange(start, stop + 1)), lines


def resolve_inputs(net: Network, inputs: Mapping[str, Any], steps: int, seed: int) -> InputEvents:
    """Check what the user gave for each input and make it a source of events.

    Parameters
    ----------
    net : Network
    inputs : mapping of str to SpikeTrains, bool array of shape (<= steps, n), or Poisson
        An input that is left out is silent.
    steps : int
        Ticks of the run.
    seed : int
        Seed of the Poisson trains.

    Returns
    -------
    InputEvents

    Raises
    ------
    ValidationError
        With every problem: unknown names, wrong shapes, events after the end.
    """
    if not isinstance(inputs, Mapping):
        raise ValidationError(
            f"inputs: expected a mapping from input name to spikes, got {type(inputs).__name__}; "
            f"the inputs are {list(net.inputs)}"
        )
    problems = [
        f"inputs: expected names among {list(net.inputs)}, got {name!r}"
        for name in inputs
        if name not in net.inputs
    ]
    sources: list[_Source] = []
    first_line = 0
    for name, population in net.inputs.items():
        who = f"input {name!r}"
        if isinstance(inputs.get(name), Poisson):
            given = inputs[name]
            problems += [f"{who}: {text}" for text in given.problems(population.n, net.dt)]
            sources.append(_Drawn(given, population.n, net.dt, seed, name, first_line))
        elif name in inputs:
            trains = _as_trains(who, inputs[name], population.n, steps, problems)
            sources.append(_Recorded(trains, first_line))
        first_line += population.n
    if problems:
        raise ValidationError(problems)
    return InputEvents(tuple(sources))


def _as_trains(who: str, given: Any, n: int, steps: int, problems: list[str]) -> SpikeTrains:
    try:
        trains = given if isinstance(given, SpikeTrains) else SpikeTrains.from_raster(given)
    except ValidationError as error:
        problems += [f"{who}: {text}" for text in error.problems]
        return SpikeTrains.empty(n, steps)
    if trains.n != n:
        problems.append(f"{who}: expected {n} lines, got {trains.n}")
    if trains.steps > steps:
        problems.append(
            f"{who}: expected spikes over at most {steps} ticks, got {trains.steps}; run longer or "
            f"cut with window(0, {steps})"
        )
    return trains
