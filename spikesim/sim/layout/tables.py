# SPDX-License-Identifier: Apache-2.0
"""Build the rows of a plan: generate synapses range by range and sort them into place."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError
from spikesim.kernels.deliver import CONSTANT, EXACT, PACKED
from spikesim.kernels.pack import begin_pieces, encode, place
from spikesim.network import Projection
from spikesim.network.synapses import Arena, Filled, row_ranges
from spikesim.sim.layout.plan import Plan, TablePlan, weight_bound
from spikesim.sim.parallel.mpi import Ranks

_CHUNK = 1 << 20
"""Synapses generated at a time: few enough to stay near the cache."""

_COUNTS = 1 << 17
"""Pieces at a time, for the same reason."""


@dataclass(frozen=True, eq=False)
class Table:
    """Rows of a range of sources onto all blocks.

    Attributes
    ----------
    plan : TablePlan
    sources : (lo, hi)
        Numbers of the sources in this table.
    offsets : uint32 array per block, shape (sources * groups + 1,)
        Where each piece begins; empty, as all arrays, for blocks of other processes.
    index : uint16, uint32 or int32 array per block
    exact : float32 array per block
        Weights of mode EXACT, else empty; empty too where all synapses of a projection that
        learns start with one weight.
    groups : int
        Delay groups up to the longest delay that was drawn; what a distribution allows is
        far beyond it, and every group costs a look at each recent spike.
    """

    plan: TablePlan
    sources: tuple[int, int]
    offsets: tuple[npt.NDArray[np.uint32], ...]
    index: tuple[npt.NDArray[Any], ...]
    exact: tuple[npt.NDArray[np.float32], ...]
    groups: int

    @property
    def nbytes(self) -> int:
        """Memory of rows and row table in bytes."""
        return sum(part.nbytes for part in (*self.offsets, *self.index, *self.exact))


def build_tables(
    plan: Plan, threads: int, ranks: Ranks
) -> tuple[list[Table], dict[tuple[str, int], int]]:
    """Build all tables of a plan, the rows of the own blocks only.

    Parameters
    ----------
    plan : Plan
    threads : int
        Each builds its own range of sources; the synapses are the same for any number.
    ranks : Ranks
        Agree on the largest sums.

    Returns
    -------
    tables : list of Table
    worst : dict of (population, receptor) to int
        Largest sum of weights onto one neuron, in units of its channel.

    Raises
    ------
    SumOverflowError
        If the sum of all weights onto a neuron could overflow its accumulator.
    """
    tables: list[Table] = []
    bounds = {
        (c.population, c.receptor): np.zeros(plan.net.populations[c.population].n, np.int64)
        for c in plan.channels
    }
    for table in plan.tables:
        tables += _build(plan, table, threads, bounds)
    largest = ranks.agree(*(bound.max(initial=0) for bound in bounds.values()))
    worst = {key: int(bound) for key, bound in zip(bounds, largest, strict=True)}
    if not plan.exact:
        _check_sums(plan, worst)
    return tables, worst


class SumOverflowError(ValidationError):
    """Sums of weights that might leave int32."""


def _check_sums(plan: Plan, worst: dict[tuple[str, int], int]) -> None:
    """Refuse sums that might leave int32; a source fires at most once per tick."""
    problems = []
    for (population, receptor), total in worst.items():
        if total >= 2**31:
            model = plan.net.populations[population].neuron
            assert model is not None  # validated
            name = model.receptors[receptor]
            problems.append(
                f"population {population!r}: the weights onto one neuron through {name!r} sum to "
                f"{total} units of {plan.scale(population, receptor):.3g}, more than the 2**31 - 1 "
                "of its accumulator; take dtype='float64', or fewer or more equal weights"
            )
    if problems:
        raise SumOverflowError(problems)


def _build(
    plan: Plan,
    table: TablePlan,
    threads: int,
    bounds: dict[tuple[str, int], npt.NDArray[np.int64]],
) -> list[Table]:
    fillers = [projection.synapses.filler() for projection in table.projections]
    starts = _row_starts(plan, table, fillers)
    # uint32 offsets: a table that could hold more is cut, and so is one that threads share.
    pieces = max(1, threads if table.nnz > 4 * _CHUNK else 1, -(-table.nnz // (1 << 31)))
    inner = np.searchsorted(starts, starts[-1] * np.arange(1, pieces) // pieces).tolist()
    cuts = sorted({0, *inner, starts.size - 1})
    own_bounds = [bounds] + [
        {key: np.zeros_like(array) for key, array in bounds.items()} for _ in cuts[2:]
    ]

    def one(k: int) -> Table:
        part = starts[cuts[k] : cuts[k + 1] + 1]
        first = table.sources[0] + cuts[k]
        return _Builder(plan, table, first, part, fillers, own_bounds[k]).build()

    if len(cuts) <= 2:
        return [one(0)] if len(cuts) == 2 else []
    with ThreadPoolExecutor(threads) as pool:
        built = list(pool.map(one, range(len(cuts) - 1)))
    for part in own_bounds[1:]:
        for key, array in part.items():
            bounds[key] += array
    return built


def _row_starts(plan: Plan, table: TablePlan, fillers: list[Any]) -> npt.NDArray[np.int64]:
    """Synapses before each source of a table."""
    ranges = plan.inputs if table.from_inputs else plan.populations
    starts = np.zeros(table.sources[1] - table.sources[0] + 1, dtype=np.int64)
    for projection, filler in zip(table.projections, fillers, strict=True):
        first, last = (source - table.sources[0] for source in ranges[projection.pre.name])
        starts[first + 1 : last + 1] += np.diff(filler.indptr)
    return np.cumsum(starts)


class _Builder:
    """One table, filled chunk by chunk in the order of its sources."""

    def __init__(
        self,
        plan: Plan,
        table: TablePlan,
        first: int,
        starts: npt.NDArray[np.int64],
        fillers: list[Any],
        bounds: dict[tuple[str, int], npt.NDArray[np.int64]],
    ) -> None:
        self.plan, self.table, self.first, self.starts = plan, table, first, starts
        self.fillers, self.bounds = fillers, bounds
        self.maps = {p.name: _target_maps(plan, p) for p in table.projections}
        self.stride = plan.stride
        # How many synapses a block gets is not known yet. Room for all is reserved, since
        # memory that is never touched costs nothing.
        capacity = int(starts[-1] - starts[0])
        size = plan.slots * self.stride
        kind: type = np.int32
        if table.mode == CONSTANT:
            kind = np.uint16 if size <= 1 << 16 else np.uint32
        elif table.mode == PACKED:
            kind = np.uint32
        elif table.learns and self.stride <= 1 << 16:
            kind = np.uint16
        blocks = len(plan.own)
        self.index: npt.NDArray[Any] = np.empty((blocks, capacity), dtype=kind)
        each = not (table.learns and table.projections[0].synapses.weight is not None)
        exact = capacity if table.mode == EXACT and each else 0
        self.exact = np.empty((blocks, exact), dtype=np.float32)
        self.used = np.zeros(blocks, dtype=np.int64)
        pieces = (starts.size - 1) * table.n_groups
        self.offsets = np.empty((blocks, pieces + 1), dtype=np.uint32)
        self.longest = 0
        most = max(1, _COUNTS // (table.n_groups * blocks))
        self.ranges = list(row_ranges(starts, _CHUNK, most))
        room = max((int(starts[hi] - starts[lo]) for lo, hi in self.ranges), default=0)
        self.entries, self.pieces = np.empty((2, room), dtype=np.uint32)
        self.weights = np.empty(room if exact else 0, dtype=np.float32)
        self.arena = Arena(5 * 4 * room)

    def build(self) -> Table:
        """Fill the table."""
        for lo, hi in self.ranges:
            self._chunk(lo, hi)
        own = len(self.plan.own)
        self.offsets[:, -1] = self.used
        columns: tuple[list[Any], ...] = [], [], []
        for block in range(self.plan.n_blocks):
            line = block - self.plan.own.start
            held = 0 <= line < own
            used = int(self.used[line]) if held else 0
            columns[0].append(self.offsets[line] if held else self.offsets[0, :0])
            columns[1].append(self.index[line if held else 0, :used])
            columns[2].append(self.exact[line if held else 0, :used])
        offsets, index, exact = map(tuple, columns)
        sources = self.first, self.first + self.starts.size - 1
        return Table(self.table, sources, offsets, index, exact, self.longest + 1)

    def _chunk(self, lo: int, hi: int) -> None:
        """Place the rows lo <= row < hi of this table."""
        shape = hi - lo, self.used.size, self.table.n_groups
        counts = np.zeros(shape, dtype=np.uint32)
        flat = counts.reshape(hi - lo, -1)
        begins, end = [], 0
        ranges = self.plan.inputs if self.table.from_inputs else self.plan.populations
        for projection, filler in zip(self.table.projections, self.fillers, strict=True):
            first, last = (source - self.first for source in ranges[projection.pre.name])
            begin, stop = max(lo, first), min(hi, last)
            if begin >= stop:
                continue
            self.arena.clear()
            within = self.plan.owned(projection.post.name) if self.plan.n_ranks > 1 else None
            filled = filler.fill(begin - first, stop - first, within, self.arena)
            starts = np.full(hi - lo + 1, end)
            starts[begin - lo : stop - lo + 1] += filled.indptr
            starts[stop - lo + 1 :] += filled.targets.size
            begins.append(starts)
            part = slice(end, end + filled.targets.size)
            self._encode(projection, filled, part, flat[begin - lo : stop - lo])
            end = part.stop
        offsets = self.offsets[:, lo * shape[2] : hi * shape[2]]
        cursor = np.empty(shape, dtype=np.int64)
        begin_pieces(counts, self.index.shape[1], self.used, offsets, cursor)
        if begins:
            place(
                np.array(begins), self.entries, self.pieces, self.weights,
                cursor.reshape(flat.shape), self.index.reshape(-1), self.exact.reshape(-1),
            )  # fmt: skip
        drawn = np.flatnonzero(counts.any(axis=(0, 1)))
        self.longest = max(self.longest, int(drawn[-1]) if drawn.size else 0)

    def _encode(
        self, projection: Projection, filled: Filled, part: slice, counts: npt.NDArray[np.uint32]
    ) -> None:
        """Turn synapses of one projection into entries of a chunk."""
        plan, table, channel = self.plan, self.table, (projection.post.name, projection.receptor)
        weights, delays, scale = filled.weights, filled.delays, plan.scale(*channel)
        if weights is None:
            weights = np.array([projection.synapses.weight], dtype=np.float32)
        if delays is None:
            delays = np.array([projection.synapses.delay], dtype=np.int32)
        if self.weights.size:
            self.weights[part] = weights
        encode(
            filled.indptr, filled.targets, weights, delays,
            0.0 if table.mode == EXACT else 1.0 / scale,
            1 << plan.index_bits if table.mode == PACKED else 0, table.shortest,
            table.group_bits, table.n_groups, *self.maps[projection.name], self.stride,
            self.entries[part], self.pieces[part], counts, self.bounds[channel],
        )  # fmt: skip
        if table.learns and not plan.exact:
            largest = int(np.ceil(weight_bound(projection) / scale))
            self.bounds[channel] += largest * np.bincount(
                filled.targets, minlength=projection.post.n
            )


def _target_maps(
    plan: Plan, projection: Projection
) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.int32]]:
    """Own block of each target that has one; accumulator in that block."""
    n = projection.post.n
    block_of = np.zeros(n, dtype=np.uint16)
    place_of = np.zeros(n, dtype=np.int32)
    for line, block in enumerate(plan.own):
        lo, hi = plan.slice(block, projection.post.name)
        block_of[lo:hi] = line
        # A rule asks for the neuron, everything else for its accumulator.
        learns = projection.plasticity is not None
        base = 0 if learns else plan.bases(block)[projection.post.name, projection.receptor]
        place_of[lo:hi] = base + np.arange(hi - lo)
    return block_of, place_of
