# SPDX-License-Identifier: Apache-2.0
"""Statistics of spike trains: rates, intervals, counts, correlations, spectra.

Everything takes ``SpikeTrains`` and the tick ``dt`` in seconds, needs NumPy only (spectra:
scipy), and follows the definitions of Elephant, against which the tests check it;
``Recording.to_neo`` opens the rest of Elephant.
"""

from spikesim.analysis.correlation import fano_factor, pairwise_correlation, spike_counts
from spikesim.analysis.intervals import cv, cv2, intervals, mean_cv
from spikesim.analysis.rates import mean_rates, population_rate
from spikesim.analysis.spectrum import power_spectrum

__all__ = [
    "cv",
    "cv2",
    "fano_factor",
    "intervals",
    "mean_cv",
    "mean_rates",
    "pairwise_correlation",
    "population_rate",
    "power_spectrum",
    "spike_counts",
]
