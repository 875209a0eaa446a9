# SPDX-License-Identifier: Apache-2.0
"""At which frequencies a population fires together."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikesim.analysis.rates import population_rate
from spikesim.core import SpikeTrains
from spikesim.core.optional import optional_library
from spikesim.errors import ValidationError

FloatArray = npt.NDArray[np.float64]


def power_spectrum(
    trains: SpikeTrains, dt: float, bin_s: float, segment_s: float | None = None
) -> tuple[FloatArray, FloatArray]:
    """Power spectral density of the population rate, one-sided, by Welch's method.

    Segments with half overlap and a Hann window, each without its mean (scipy.signal.welch).

    Parameters
    ----------
    trains : SpikeTrains
    dt : float
        Tick in seconds.
    bin_s : float
        Width of a bin in seconds, a multiple of dt; frequencies reach up to 1 / (2 bin_s).
    segment_s : float, optional
        Length of a segment in seconds; frequencies are 1 / segment_s apart. Default an
        eighth of the record.

    Returns
    -------
    frequency : float64 array, shape (m,), Hz
    density : float64 array, shape (m,), Hz² / Hz

    Raises
    ------
    ValidationError
        If the bin is no multiple of dt, a segment is shorter than two bins or longer than the
        record, or scipy is not installed.

    References
    ----------
    P. D. Welch, The use of fast Fourier transform for the estimation of power spectra, IEEE
    Trans. Audio Electroacoust. 15, 70, 1967.

    Examples
    --------
    Five volleys a second.

    >>> trains = SpikeTrains(range(0, 4000, 200), [0] * 20, n=1, steps=4000)
    >>> frequency, density = power_spectrum(trains, dt=1e-3, bin_s=0.05, segment_s=1.0)
    >>> bool(density[5] > 100 * density[2])
    True
    """
    welch = optional_library("scipy.signal", "power_spectrum").welch
    _, rate = population_rate(trains, dt, bin_s)
    n = max(2, rate.size // 8) if segment_s is None else round(segment_s / bin_s)
    if not 2 <= n <= rate.size:
        raise ValidationError(
            f"power_spectrum: expected segments of 2 to {rate.size} bins of {bin_s:g} s, got {n}; "
            "record longer, or choose another segment_s or bin_s"
        )
    frequency, density = welch(rate, fs=1.0 / bin_s, nperseg=n)
    return frequency, density
