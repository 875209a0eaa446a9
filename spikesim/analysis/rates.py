# SPDX-License-Identifier: Apache-2.0
"""How often neurons fire: each on average, and all together over time."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikesim.core import SpikeTrains
from spikesim.core.clock import bin_ticks
from spikesim.errors import ValidationError

FloatArray = npt.NDArray[np.float64]


def mean_rates(trains: SpikeTrains, dt: float) -> FloatArray:
    """Mean rate of each neuron over the window of the record.

    A pause (``Session.pause``) within the window counts as the silence it stands for.

    Parameters
    ----------
    trains : SpikeTrains
    dt : float
        Tick in seconds.

    Returns
    -------
    float64 array, shape (n,), Hz

    Raises
    ------
    ValidationError
        If the record has no tick or dt is not positive.

    Examples
    --------
    >>> mean_rates(SpikeTrains([0, 2], [1, 1], n=2, steps=4), dt=0.5).tolist()
    [0.0, 1.0]
    """
    check_record("mean_rates", trains, dt)
    return np.divide(trains.counts(), trains.steps * dt, dtype=np.float64)


def population_rate(trains: SpikeTrains, dt: float, bin_s: float) -> tuple[FloatArray, FloatArray]:
    """Rate of the population over time: its time histogram per neuron and second.

    Parameters
    ----------
    trains : SpikeTrains
    dt : float
        Tick in seconds.
    bin_s : float
        Width of a bin in seconds, a multiple of dt.

    Returns
    -------
    times : float64 array, shape (k,), s
        Where each bin begins, in the time of the run; the first one begins with the record.
        Ticks that fill no whole bin are left out.
    rate : float64 array, shape (k,), Hz
        Spikes / (n x bin_s).

    Raises
    ------
    ValidationError
        If the bin is no multiple of dt or longer than the record.

    References
    ----------
    S. Grün, S. Rotter (eds.), Analysis of Parallel Spike Trains, Springer 2010, chapter 2.

    Examples
    --------
    >>> trains = SpikeTrains([0, 0, 3], [0, 1, 0], n=2, steps=4)
    >>> [x.tolist() for x in population_rate(trains, dt=0.5, bin_s=1.0)]
    [[0.0, 1.0], [1.0, 0.5]]
    """
    ticks, k = whole_bins("population_rate", trains, dt, bin_s)
    counts = np.bincount((trains.ticks - trains.start) // ticks, minlength=k)[:k]
    times = np.multiply(trains.start + np.arange(k) * ticks, dt, dtype=np.float64)
    return times, np.divide(counts, max(trains.n, 1) * ticks * dt, dtype=np.float64)


def check_record(who: str, trains: SpikeTrains, dt: float) -> None:
    """Refuse a tick that is no time, and a record without any."""
    problems = []
    if not (np.isfinite(dt) and dt > 0):
        problems.append(f"{who}: expected dt > 0 in seconds, got {dt!r}")
    if trains.steps < 1:
        problems.append(f"{who}: expected a record of at least one tick, got {trains!r}")
    if problems:
        raise ValidationError(problems)


def whole_bins(who: str, trains: SpikeTrains, dt: float, bin_s: float) -> tuple[int, int]:
    """Width of a bin in ticks, and how many whole ones the window of the record holds.

    Raises
    ------
    ValidationError
        If the bin is no multiple of dt or longer than the record.
    """
    check_record(who, trains, dt)
    ticks = bin_ticks(bin_s, dt, f"{who}: bin_s")
    if ticks > trains.steps:
        raise ValidationError(
            f"{who}: expected bin_s within the record of {trains.steps * dt:g} s, got {bin_s:g} s"
        )
    return ticks, trains.steps // ticks
