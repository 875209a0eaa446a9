# SPDX-License-Identifier: Apache-2.0
"""Spikes of a core as spikes of the populations of its program."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from spikesim.core import SpikeTrains
from spikesim.hw.program import Program


def population_spikes(
    program: Program,
    ticks: npt.ArrayLike,
    neurons: npt.ArrayLike,
    steps: int,
    start: int = 0,
    populations: Collection[str] | None = None,
) -> dict[str, SpikeTrains]:
    """Spikes of the whole core, split by population; those not recorded are left out.

    Parameters
    ----------
    ticks, neurons : int arrays, shape (k,)
        Step and neuron of the core of each spike.
    steps, start : int
        The window: start <= tick < start + steps.
    populations : collection of str, optional
        Which; default all that the program records.
    """
    at, who = np.asarray(ticks, dtype=np.int64), np.asarray(neurons, dtype=np.int64)
    split = {}
    recorded = program.recorded if populations is None else populations
    for name, (first, n, _) in program.groups.items():
        if name not in recorded:
            continue
        own = (who >= first) & (who < first + n)
        split[name] = SpikeTrains(at[own], (who[own] - first).astype(np.int32), n, steps, start)
    return split
