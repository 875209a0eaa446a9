# SPDX-License-Identifier: Apache-2.0
"""Where the synapses of all projections go: own block and accumulator of every target."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikesim.network import Projection
from spikesim.sim.layout.plan import Plan

Maps = tuple[npt.NDArray[np.uint16], npt.NDArray[np.int32]]


class Targets:
    """Own block and accumulator of the neurons of all channels, one channel after the other.

    Parameters
    ----------
    plan : Plan

    Attributes
    ----------
    starts : dict of (population, receptor) to int
        Where each channel begins.
    size : int
        Neurons of all channels together.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.starts: dict[tuple[str, int], int] = {}
        self.size = 0
        for channel in plan.channels:
            self.starts[channel.population, channel.receptor] = self.size
            self.size += plan.net.populations[channel.population].n
        self._block_of = np.zeros(self.size, dtype=np.uint16)
        self._place_of = np.zeros(self.size, dtype=np.int32)
        for line, block in enumerate(plan.own):
            bases = plan.bases(block)
            for (population, receptor), start in self.starts.items():
                lo, hi = plan.slice(block, population)
                self._block_of[start + lo : start + hi] = line
                base = bases[population, receptor]
                self._place_of[start + lo : start + hi] = np.arange(base, base + hi - lo)

    def span(self, projection: Projection) -> slice:
        """Where the targets of a projection stand among all."""
        start = self.starts[projection.post.name, projection.receptor]
        return slice(start, start + projection.post.n)

    def maps(self, projection: Projection) -> Maps:
        """Own block of each target that has one; accumulator in that block."""
        span = self.span(projection)
        block_of, place_of = self._block_of[span], self._place_of[span]
        if projection.plasticity is not None:
            # A rule asks for the neuron, everything else for its accumulator.
            place_of = place_of.copy()
            for block in self._plan.own:
                lo, hi = self._plan.slice(block, projection.post.name)
                place_of[lo:hi] -= self._plan.bases(block)[projection.post.name,
                                                           projection.receptor]  # fmt: skip
        return block_of, place_of
