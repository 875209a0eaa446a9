# SPDX-License-Identifier: Apache-2.0
"""Weights that are recorded at intervals: windows end where they are due."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from spikesim.recording import Monitor
from spikesim.sim.record.recorder import Recorder
from spikesim.sim.run.run import Run


class WeightReadings:
    """Reads the weights of projections that learn, at the end of ticks.

    Parameters
    ----------
    run : Run
    monitors : sequence of Monitor
        Of weights.
    """

    def __init__(self, run: Run, monitors: Sequence[Monitor]) -> None:
        self._run, self._monitors = run, tuple(monitors)

    def before(self, tick: int, stop: int) -> int:
        """Where a window from ``tick`` on ends: at ``stop``, or earlier where weights are due."""
        due = (-(-tick // one.every) * one.every + 1 for one in self._monitors)
        return min([stop, *due])

    def keep(self, recorder: Recorder) -> None:
        """Hand over what is due at the end of the last tick."""
        tick = self._run.state.tick
        for one in self._monitors:
            if (tick - 1) % one.every == 0:
                values = self._run.learned(one.source).weights(tick)
                if self._run.ranks.rank > 0:
                    continue
                chosen = values if one.index is None else values[list(one.index)]
                recorder.trace(one.name, np.array([tick - 1]), chosen[np.newaxis, :])
