# SPDX-License-Identifier: Apache-2.0
"""Spikes of a core as spikes of the populations of its program."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from spikesim.core import SpikeTrains
from spikesim.hw.program import Program


def population_spikes(
    program: Program,
    populations: Iterable[str],
    ticks: npt.ArrayLike,
    neurons: npt.ArrayLike,
    steps: int,
    start: int = 0,
) -> dict[str, SpikeTrains]:
    """Spikes of the whole core, split by population.

    Parameters
    ----------
    program : Program
    populations : iterable of str
        Which.
    ticks, neurons : int arrays, shape (k,)
        Step and neuron of the core of each spike.
    steps, start : int
        Window that was run.
    """
    at, who = np.asarray(ticks, dtype=np.int64), np.asarray(neurons, dtype=np.int64)
    split = {}
    for name in populations:
        first, n, _ = program.groups[name]
        own = (who >= first) & (who < first + n)
        split[name] = SpikeTrains(at[own], (who[own] - first).astype(np.int32), n, steps, start)
    return split
