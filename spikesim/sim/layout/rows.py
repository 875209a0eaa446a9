# SPDX-License-Identifier: Apache-2.0
"""Fill the rows of one table: generate synapses range by range and sort them into place."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spikesim.kernels.aligned import aligned
from spikesim.kernels.deliver import CONSTANT, EXACT, PACKED, WIDE
from spikesim.kernels.pack import begin_pieces, encode, place
from spikesim.network import Filled, Filler, Projection
from spikesim.network.synapses import Arena, row_ranges
from spikesim.sim.layout.channels import weight_bound
from spikesim.sim.layout.plan import Plan
from spikesim.sim.layout.table_plan import TablePlan
from spikesim.sim.layout.targets import Maps, Targets

CHUNK = 1 << 20
"""Synapses generated at a time: few enough to stay near the cache."""

_COUNTS = 1 << 17
"""Pieces at a time, for the same reason."""

_SIGMAS, _SPARE = 6.0, 1024
"""Room beyond the expected synapses of a block: evenly drawn ones never exceed it."""

Columns = tuple[npt.NDArray[Any], ...]


class Origin(NamedTuple):
    """The projections of a table that come from one population or input.

    Parameters
    ----------
    first, last : int
        Its sources first <= s < last, counted from the first of the table.
    projections : tuple of (Projection, Filler)
        In the order of the network.
    """

    first: int
    last: int
    projections: tuple[tuple[Projection, Filler], ...]


class RowBuilder:
    """Rows of some sources of a table, filled chunk by chunk in the order of the sources.

    Parameters
    ----------
    plan : Plan
    targets : Targets
    table : TablePlan
    first : int
        First source, counted from the first of the table.
    starts : int64 array, shape (sources + 1,)
        Synapses of the table before each source.
    origins : list of Origin
        All of the table, ascending.
    bounds : int64 array, shape (targets.size,)
        Sums of the magnitudes of all weights onto each neuron; changed.
    """

    def __init__(
        self,
        plan: Plan,
        targets: Targets,
        table: TablePlan,
        first: int,
        starts: npt.NDArray[np.int64],
        origins: list[Origin],
        bounds: npt.NDArray[np.int64],
    ) -> None:
        self.plan, self.targets, self.table = plan, targets, table
        self.first, self.starts, self.bounds = first, starts, bounds
        self._origins, self._ends = origins, [origin.last for origin in origins]
        self._maps: dict[tuple[str, int], Maps] = {}
        blocks = len(plan.own)
        each = not (table.learns and table.projections[0].synapses.weight is not None)
        weighted = table.mode == EXACT and each
        self._room = _Room(self._expected(), self._kind(), weighted)
        pieces = (starts.size - 1) * table.n_groups
        self.offsets = np.empty((blocks, pieces + 1), dtype=np.uint32)
        self.longest = 0
        most = max(1, _COUNTS // (table.n_groups * blocks))
        self.ranges = list(row_ranges(starts, CHUNK, most))
        room = max((int(starts[hi] - starts[lo]) for lo, hi in self.ranges), default=0)
        self.pieces = aligned(room, np.uint32)
        self.entries = aligned(room, np.uint64 if table.mode == WIDE else np.uint32)
        self.weights = aligned(room if weighted else 0, np.float32)
        self.arena = Arena(5 * 4 * room)
        self._unit = {PACKED: 1 << plan.index_bits, WIDE: 1 << 32}.get(table.mode, 0)
        self._weight, self._delay = np.zeros(1, np.float32), np.zeros(1, np.int32)

    def build(self) -> tuple[Columns, Columns, Columns, int]:
        """Fill the rows: offsets, index and exact weights by block, and groups; see ``Table``."""
        for lo, hi in self.ranges:
            self._chunk(lo, hi)
        self.offsets[:, -1] = self._room.used
        own = self.plan.own
        columns: tuple[list[Any], ...] = [], [], []
        for block in range(self.plan.n_blocks):
            held = block in own
            line = block - own.start if held else 0
            columns[0].append(self.offsets[line] if held else self.offsets[0, :0])
            for column, part in zip(columns[1:], self._room.block(line, held), strict=True):
                column.append(part)
        offsets, index, exact = map(tuple, columns)
        return offsets, index, exact, self.longest + 1

    def _kind(self) -> type:
        table, stride = self.table, self.plan.stride
        if table.mode == CONSTANT:
            return np.uint16 if self.plan.slots * stride <= 1 << 16 else np.uint32
        if table.mode in (PACKED, WIDE):
            return np.uint32 if table.mode == PACKED else np.uint64
        return np.uint16 if table.learns and stride <= 1 << 16 else np.int32

    def _expected(self) -> npt.NDArray[np.int64]:
        """Synapses that there is room for in each own block, were targets drawn evenly."""
        plan, whole = self.plan, int(self.starts[-1] - self.starts[0])
        if plan.n_blocks == 1:
            return np.array([whole], dtype=np.int64)
        onto: dict[str, int] = {}
        last = self.first + self.starts.size - 1
        for origin in self._overlapping(self.first, last):
            lo, hi = max(self.first, origin.first), min(last, origin.last)
            for projection, filler in origin.projections:
                n = filler.indptr[hi - origin.first] - filler.indptr[lo - origin.first]
                onto[projection.post.name] = onto.get(projection.post.name, 0) + int(n)
        mean = np.zeros(len(plan.own))
        for line, block in enumerate(plan.own):
            for name, n in onto.items():
                lo, hi = plan.slice(block, name)
                mean[line] += n * ((hi - lo) / plan.net.populations[name].n)
        room = np.ceil(mean + _SIGMAS * np.sqrt(mean)).astype(np.int64) + _SPARE
        return np.minimum(room, whole)

    def _overlapping(self, lo: int, hi: int) -> list[Origin]:
        """Origins with sources lo <= s < hi of the table."""
        begin = end = bisect_right(self._ends, lo)
        while end < len(self._origins) and self._origins[end].first < hi:
            end += 1
        return self._origins[begin:end]

    def _chunk(self, lo: int, hi: int) -> None:
        """Place the rows lo <= row < hi of this part of the table."""
        shape = hi - lo, len(self.plan.own), self.table.n_groups
        counts = np.zeros(shape, dtype=np.uint32)
        flat = counts.reshape(hi - lo, -1)
        ready: list[tuple[slice, npt.NDArray[np.int64]]] = []
        end = 0
        for origin in self._overlapping(lo + self.first, hi + self.first):
            first = origin.first - self.first
            begin, stop = max(lo, first), min(hi, origin.last - self.first)
            rows = slice(begin - lo, stop - lo)
            starts = np.empty((len(origin.projections), stop - begin + 1), dtype=np.int64)
            for k, (projection, filler) in enumerate(origin.projections):
                self.arena.clear()
                within = self.plan.owned(projection.post.name) if self.plan.n_ranks > 1 else None
                filled = filler.fill(begin - first, stop - first, within, self.arena)
                np.add(filled.indptr, end, out=starts[k])
                part = slice(end, end + filled.targets.size)
                self._encode(projection, filled, part, flat[rows])
                end = part.stop
            ready.append((rows, starts))
        self._room = room = self._room.holding(counts.sum(axis=(0, 2), dtype=np.int64))
        offsets = self.offsets[:, lo * shape[2] : hi * shape[2]]
        cursor = np.empty(shape, dtype=np.int64)
        begin_pieces(counts, room.begins, room.used, offsets, cursor)
        places = cursor.reshape(flat.shape)
        for rows, starts in ready:
            place(starts, self.entries, self.pieces, self.weights, places[rows], room.index,
                  room.exact)  # fmt: skip
        drawn = np.flatnonzero(counts.any(axis=(0, 1)))
        self.longest = max(self.longest, int(drawn[-1]) if drawn.size else 0)

    def _encode(
        self, projection: Projection, filled: Filled, part: slice, counts: npt.NDArray[np.uint32]
    ) -> None:
        """Turn synapses of one projection into entries of a chunk."""
        plan, table, channel = self.plan, self.table, (projection.post.name, projection.receptor)
        weights, delays, scale = filled.weights, filled.delays, plan.scale(*channel)
        if weights is None:
            weights = self._weight
            weights[0] = projection.synapses.weight
        if delays is None:
            delays = self._delay
            delays[0] = projection.synapses.delay or 0
        if self.weights.size:
            self.weights[part] = weights
        if channel not in self._maps:
            self._maps[channel] = self.targets.maps(projection)
        bounds = self.bounds[self.targets.span(projection)]
        encode(
            filled.indptr, filled.targets, weights, delays,
            0.0 if table.mode == EXACT else 1.0 / scale,
            self._unit, table.shortest,
            table.group_bits, table.n_groups, *self._maps[channel], plan.stride,
            self.entries[part], self.pieces[part], counts, bounds,
        )  # fmt: skip
        if table.learns and not plan.exact:
            largest = int(np.ceil(weight_bound(projection) / scale))
            bounds += largest * np.bincount(filled.targets, minlength=projection.post.n)


class _Room:
    """Memory for the entries of all own blocks, one block after the other.

    Parameters
    ----------
    sizes : int64 array, shape (blocks,)
        Entries that each block is expected to hold at most.
    kind : type
        Of the index.
    weighted : bool
        Whether each entry has a weight beside the index.
    """

    def __init__(self, sizes: npt.NDArray[np.int64], kind: type, weighted: bool) -> None:
        self.used = np.zeros(sizes.size, dtype=np.int64)
        self._sizes, self._weighted = sizes, weighted
        self.begins = np.cumsum(sizes) - sizes
        total = int(sizes.sum())
        self.index = aligned(total, kind)
        self.exact = aligned(total if weighted else 0, np.float32)

    def holding(self, more: npt.NDArray[np.int64]) -> _Room:
        """Itself, or a copy with room for so many further entries of each block."""
        needed = self.used + more
        if (needed <= self._sizes).all():
            return self
        # Twice as much: where targets lie by their sources, one block after the other fills.
        sizes = np.where(needed <= self._sizes, self._sizes, np.maximum(needed, 2 * self._sizes))
        wider = _Room(sizes, self.index.dtype.type, self._weighted)
        for line, used in enumerate(self.used.tolist()):
            begin, at = int(self.begins[line]), int(wider.begins[line])
            wider.index[at : at + used] = self.index[begin : begin + used]
            if self._weighted:
                wider.exact[at : at + used] = self.exact[begin : begin + used]
        wider.used[:] = self.used
        return wider

    def block(self, line: int, held: bool) -> tuple[npt.NDArray[Any], npt.NDArray[np.float32]]:
        """Index and weights of one block, or nothing."""
        begin = int(self.begins[line])
        part = slice(begin, begin + (int(self.used[line]) if held else 0))
        return self.index[part], self.exact[part if self._weighted else slice(0)]
