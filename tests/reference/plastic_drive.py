# SPDX-License-Identifier: Apache-2.0
"""Play given spike trains to a block of plastic synapses, tick by tick, as an engine would."""

from functools import cached_property

import numpy as np

from spikesim.kernels.plastic import PlasticBlock

SCALE = 2.0**20


class Drive:
    """All-to-all block whose sources reach their targets in ``delays`` ticks (one slot each)."""

    def __init__(
        self, rule, weights, method="deferred", dtype="float32", dt=1e-3, base=2, history=None
    ):
        n_slots, self.n_post = weights.shape
        self.start = np.arange(n_slots + 1, dtype=np.int64) * self.n_post
        targets = np.tile(np.arange(self.n_post, dtype=np.uint16), n_slots)
        self.block = PlasticBlock(
            rule, dt, self.start, targets, weights.ravel(), self.n_post, dtype, method, history
        )
        self.base, self.exact = base, dtype == "float64"
        self.acc = np.zeros(base + self.n_post, np.float64 if self.exact else np.int32)
        self.lo, self.hi, self.slot = np.zeros((3, n_slots), np.int64)
        self.n_pieces, self.n_fired = np.zeros((2, 1), np.int64)
        self.fired = np.zeros(self.n_post, np.int32)
        self.arrive = self.block.arrive(
            self.lo, self.hi, self.slot, self.n_pieces, self.acc, base, SCALE
        )

    @cached_property
    def post(self):
        """Calls of post spikes, of all that share the history."""
        return self.block.history.post(self.fired, self.n_fired)

    def tick(self, tick, arrivals, posts):
        """Play one tick; gives what was delivered to each target, in the unit of the weight."""
        sums = self.deliver(tick, arrivals)
        self.enter(tick, posts)
        return sums

    def deliver(self, tick, arrivals):
        """Let spikes arrive; gives what was delivered to each target, in the unit of the weight."""
        slots = np.flatnonzero(arrivals)
        self.n_pieces[0], self.slot[: slots.size] = slots.size, slots
        self.lo[: slots.size], self.hi[: slots.size] = self.start[slots], self.start[slots + 1]
        self.acc[:] = 0
        function, args = self.arrive
        function(tick, *args)
        assert not self.acc[: self.base].any()
        return self.acc[self.base :] / (1.0 if self.exact else SCALE)

    def enter(self, tick, posts):
        """Let targets fire."""
        fired = np.flatnonzero(posts)
        self.n_fired[0], self.fired[: fired.size] = fired.size, fired
        for function, args in self.post:
            function(tick, *args)

    def play(self, arrivals, posts, first=0, rebase=True):
        """Play rasters of shape (ticks, slots) and (ticks, n_post); gives deliveries, weights."""
        if rebase and first + len(arrivals) >= self.block.history.horizon:
            self.block.history.rebase(first)
        sums = [self.tick(first + t, arrivals[t], posts[t]) for t in range(len(arrivals))]
        weights = self.block.read(first + len(arrivals)).reshape(-1, self.n_post)
        return np.array(sums).reshape(-1, self.n_post), weights
