# SPDX-License-Identifier: Apache-2.0
"""Interspike intervals and how irregular they are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikesim.core import SpikeTrains

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def intervals(trains: SpikeTrains, dt: float) -> tuple[FloatArray, npt.NDArray[np.int32]]:
    """Interspike intervals of all neurons, neuron after neuron, each in order of time.

    Parameters
    ----------
    trains : SpikeTrains
    dt : float
        Tick in seconds.

    Returns
    -------
    isi : float64 array, shape (k,), s
    neuron : int32 array, shape (k,)
        Whose interval it is, ascending.

    Examples
    --------
    >>> isi, neuron = intervals(SpikeTrains([0, 1, 3, 4], [0, 1, 0, 0], n=2, steps=5), dt=0.5)
    >>> isi.tolist(), neuron.tolist()
    ([1.5, 0.5], [0, 0])
    """
    ticks, neuron = _ticks(trains)
    return np.multiply(ticks, dt, dtype=np.float64), neuron


def cv(trains: SpikeTrains) -> FloatArray:
    r"""Coefficient of variation of each neuron's intervals.

    Standard deviation over mean, :math:`\sigma_I / \mu_I` with :math:`\sigma` over k (not
    k - 1) intervals as in Elephant: 0 for a clock, 1 for a Poisson process.

    Parameters
    ----------
    trains : SpikeTrains

    Returns
    -------
    float64 array, shape (n,)
        NaN for a neuron with fewer than two intervals.

    References
    ----------
    W. R. Softky, C. Koch, The highly irregular firing of cortical cells is inconsistent with
    temporal integration of random EPSPs, J. Neurosci. 13, 334, 1993.

    Examples
    --------
    >>> cv(SpikeTrains([0, 1, 4], [0, 0, 0], n=1, steps=5)).tolist()
    [0.5]
    """
    isi, neuron = _ticks(trains)
    k = np.bincount(neuron, minlength=trains.n)
    enough = np.where(k >= 2, k, np.nan)
    mean = np.bincount(neuron, isi, trains.n) / enough
    # About the mean, not as a difference of squares: no cancellation for a regular train.
    variance = np.bincount(neuron, (isi - mean[neuron]) ** 2, trains.n) / enough
    result: FloatArray = np.sqrt(variance) / mean
    return result


def cv2(trains: SpikeTrains) -> FloatArray:
    r"""Local variation of each neuron's intervals, which slow changes of rate do not raise.

    The mean of :math:`2 |I_{k+1} - I_k| / (I_{k+1} + I_k)`: 0 for a clock, 1 for a Poisson
    process.

    Parameters
    ----------
    trains : SpikeTrains

    Returns
    -------
    float64 array, shape (n,)
        NaN for a neuron with fewer than two intervals.

    References
    ----------
    G. R. Holt, W. R. Softky, C. Koch, R. J. Douglas, Comparison of discharge variability in
    vitro and in vivo in cat visual cortex neurons, J. Neurophysiol. 75, 1806, 1996, eq. 4.

    Examples
    --------
    >>> cv2(SpikeTrains([0, 1, 4], [0, 0, 0], n=1, steps=5)).tolist()
    [1.0]
    """
    isi, neuron = _ticks(trains)
    same = neuron[1:] == neuron[:-1]
    ratio = (2.0 * np.abs(np.diff(isi)) / (isi[1:] + isi[:-1]))[same]
    owner = neuron[1:][same]
    k = np.bincount(owner, minlength=trains.n)
    result: FloatArray = np.bincount(owner, ratio, trains.n) / np.where(k >= 1, k, np.nan)
    return result


def mean_cv(trains: SpikeTrains, min_spikes: int = 3) -> float:
    """Mean of the CV over neurons with at least ``min_spikes`` spikes; NaN if there is none.

    Few intervals bias the CV low, so papers state such a limit.

    Parameters
    ----------
    trains : SpikeTrains
    min_spikes : int

    Examples
    --------
    >>> mean_cv(SpikeTrains([0, 1, 4, 4], [0, 0, 0, 1], n=2, steps=5))
    0.5
    """
    values = cv(trains)[trains.counts() >= max(min_spikes, 3)]
    return float(values.mean()) if values.size else float("nan")


def _ticks(trains: SpikeTrains) -> tuple[IntArray, npt.NDArray[np.int32]]:
    """Intervals in ticks and their neuron."""
    # Sorted by tick already, so a stable sort by neuron keeps the times of each ascending.
    order = np.argsort(trains.index, kind="stable")
    ticks, neuron = trains.ticks[order], trains.index[order]
    same = neuron[1:] == neuron[:-1]
    return np.diff(ticks)[same], neuron[1:][same]
