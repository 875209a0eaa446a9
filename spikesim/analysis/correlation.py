# SPDX-License-Identifier: Apache-2.0
"""Spike counts in bins: how much they vary, and how much neurons vary together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikesim.analysis.rates import whole_bins
from spikesim.core import SpikeTrains

FloatArray = npt.NDArray[np.float64]


def spike_counts(trains: SpikeTrains, dt: float, bin_s: float) -> npt.NDArray[np.int64]:
    """Spikes of each neuron in each bin of time.

    Parameters
    ----------
    trains : SpikeTrains
    dt : float
        Tick in seconds.
    bin_s : float
        Width of a bin in seconds, a multiple of dt.

    Returns
    -------
    int64 array, shape (n, k)
        The first bin begins with the record; ticks that fill no whole bin are left out.

    Raises
    ------
    ValidationError
        If the bin is no multiple of dt or longer than the record.

    Examples
    --------
    >>> spike_counts(SpikeTrains([0, 1, 4], [0, 0, 1], n=2, steps=5), 1.0, 2.0).tolist()
    [[2, 0], [0, 0]]
    """
    ticks, k = whole_bins("spike_counts", trains, dt, bin_s)
    used = int(np.searchsorted(trains.ticks, trains.start + k * ticks))
    cell = trains.index[:used].astype(np.int64) * k + (trains.ticks[:used] - trains.start) // ticks
    return np.bincount(cell, minlength=trains.n * k).reshape(trains.n, k).astype(np.int64)


def fano_factor(trains: SpikeTrains, dt: float, bin_s: float) -> FloatArray:
    r"""Fano factor of each neuron: variance over mean of its spike counts in bins.

    Variance over k, not k - 1, as in Elephant; 1 for a Poisson process.

    Parameters
    ----------
    trains : SpikeTrains
    dt : float
        Tick in seconds.
    bin_s : float
        Width of a bin in seconds, a multiple of dt.

    Returns
    -------
    float64 array, shape (n,)
        NaN for a silent neuron.

    Raises
    ------
    ValidationError
        As ``spike_counts``.

    References
    ----------
    M. P. Nawrot et al., Measurement of variability dynamics in cortical spike trains,
    J. Neurosci. Methods 169, 374, 2008.

    Examples
    --------
    >>> fano_factor(SpikeTrains([0, 1], [0, 0], n=1, steps=4), dt=1.0, bin_s=2.0).tolist()
    [1.0]
    """
    counts = spike_counts(trains, dt, bin_s)
    mean = counts.mean(axis=1)
    result: FloatArray = counts.var(axis=1) / np.where(mean > 0, mean, np.nan)
    return result


def pairwise_correlation(trains: SpikeTrains, dt: float, bin_s: float) -> FloatArray:
    r"""Pearson correlation of the spike counts of each pair of neurons.

    Parameters
    ----------
    trains : SpikeTrains
        Take a sample of a large population first: ``trains.select(...)``.
    dt : float
        Tick in seconds.
    bin_s : float
        Width of a bin in seconds, a multiple of dt.

    Returns
    -------
    float64 array, shape (n, n)
        Symmetric, 1 on the diagonal; NaN where a neuron's counts never change.

    Raises
    ------
    ValidationError
        As ``spike_counts``.

    References
    ----------
    M. R. Cohen, A. Kohn, Measuring and interpreting neuronal correlations, Nat. Neurosci. 14,
    811, 2011.

    Examples
    --------
    >>> trains = SpikeTrains([0, 0, 3], [0, 1, 2], n=3, steps=4)
    >>> pairwise_correlation(trains, 1.0, 2.0).round(12).tolist()
    [[1.0, 1.0, -1.0], [1.0, 1.0, -1.0], [-1.0, -1.0, 1.0]]
    """
    counts = spike_counts(trains, dt, bin_s).astype(np.float64)
    counts -= counts.mean(axis=1, keepdims=True)
    size = np.sqrt((counts**2).sum(axis=1))
    counts /= np.where(size > 0, size, np.nan)[:, np.newaxis]
    result: FloatArray = counts @ counts.T
    return result
