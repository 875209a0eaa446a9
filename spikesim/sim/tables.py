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
from spikesim.kernels.pack import begin_pieces, count_pieces, place
from spikesim.network import Projection
from spikesim.sim.mpi import Ranks
from spikesim.sim.plan import Plan, TablePlan, weight_bound

_CHUNK = 1 << 19
"""Synapses generated at a time: few enough to stay near the cache."""


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
    # uint32 offsets: a table that could hold more is cut, and so is one that threads share.
    pieces = max(1, threads if table.nnz > 4 * _CHUNK else 1, -(-table.nnz // (1 << 31)))
    lo, hi = table.sources
    cuts = [lo + (hi - lo) * k // pieces for k in range(pieces + 1)]
    fillers = [projection.synapses.filler() for projection in table.projections]
    own_bounds = [bounds] + [
        {key: np.zeros_like(array) for key, array in bounds.items()} for _ in range(pieces - 1)
    ]

    def one(k: int) -> Table:
        return _Builder(plan, table, (cuts[k], cuts[k + 1]), fillers, own_bounds[k]).build()

    if pieces == 1:
        return [one(0)]
    with ThreadPoolExecutor(threads) as pool:
        built = list(pool.map(one, range(pieces)))
    for part in own_bounds[1:]:
        for key, array in part.items():
            bounds[key] += array
    return built


class _Builder:
    """One table, filled chunk by chunk in the order of its sources."""

    def __init__(
        self,
        plan: Plan,
        table: TablePlan,
        sources: tuple[int, int],
        fillers: list[Any],
        bounds: dict[tuple[str, int], npt.NDArray[np.int64]],
    ) -> None:
        self.plan, self.table, self.sources = plan, table, sources
        self.fillers, self.bounds = fillers, bounds
        # Lines of the arrays below: own blocks, and a last one for synapses of others.
        self.own = np.arange(len(plan.own) + (plan.n_ranks > 1), dtype=np.int64)
        self.own[len(plan.own) :] = -1
        self.maps = {p.name: _target_maps(plan, p) for p in table.projections}
        self.stride = plan.stride
        self.mean_row = table.nnz / max(table.sources[1] - table.sources[0], 1)
        # How many synapses a block gets is not known yet. Room for all is reserved, since
        # memory that is never touched costs nothing.
        capacity = table.nnz
        size = plan.slots * plan.stride
        kind: type = np.int32
        if table.mode == CONSTANT:
            kind = np.uint16 if size <= 1 << 16 else np.uint32
        elif table.mode == PACKED:
            kind = np.uint32
        elif table.learns and plan.stride <= 1 << 16:
            kind = np.uint16
        self.index: npt.NDArray[Any] = np.empty((len(plan.own), capacity), dtype=kind)
        each = not (table.learns and table.projections[0].synapses.weight is not None)
        exact = capacity if table.mode == EXACT and each else 0
        self.exact = np.empty((len(plan.own), exact), dtype=np.float32)
        self.used = np.zeros(self.own.size, dtype=np.int64)
        rows = sources[1] - sources[0]
        self.offsets = np.empty((len(plan.own), rows * table.n_groups + 1), dtype=np.uint32)
        self.longest = 0

    def build(self) -> Table:
        """Fill the table."""
        lo, hi = self.sources
        step = max(1, int(_CHUNK / max(self.mean_row, 1.0)))
        # Small enough that counts and cursors stay in the cache too.
        step = min(step, max(1, (1 << 18) // self.table.n_groups))
        for start in range(lo, hi, step):
            self._chunk(start, min(start + step, hi))
        own = len(self.plan.own)
        self.offsets[:, -1] = self.used[:own]
        columns: tuple[list[Any], ...] = [], [], []
        for block in range(self.plan.n_blocks):
            line = block - self.plan.own.start
            held = 0 <= line < own
            used = int(self.used[line]) if held else 0
            columns[0].append(self.offsets[line] if held else self.offsets[0, :0])
            columns[1].append(self.index[line if held else 0, :used])
            columns[2].append(self.exact[line if held else 0, :used])
        offsets, index, exact = map(tuple, columns)
        return Table(self.table, self.sources, offsets, index, exact, self.longest + 1)

    def _chunk(self, lo: int, hi: int) -> None:
        table, groups = self.table, self.table.n_groups
        parts = list(self._parts(lo, hi))
        counts = np.zeros((self.own.size, (hi - lo) * groups), dtype=np.uint32)
        for projection, first, (indptr, targets, _, delays) in parts:
            block_of, _ = self.maps[projection.name]
            view = counts[:, (first - lo) * groups :]
            count_pieces(
                0, indptr.size - 1, indptr, targets, delays, table.shortest, table.group_bits,
                groups, block_of, view,
            )  # fmt: skip
        at = (lo - self.sources[0]) * groups
        cursor = np.empty_like(counts)
        begin_pieces(counts, self.used, cursor, cursor)
        self.offsets[:, at : at + counts.shape[1]] = cursor[: self.offsets.shape[0]]
        for projection, first, (indptr, targets, weights, delays) in parts:
            block_of, place_of = self.maps[projection.name]
            channel = projection.post.name, projection.receptor
            factor = 0.0 if table.mode == EXACT else 1.0 / self.plan.scale(*channel)
            place(
                0, indptr.size - 1, indptr, targets, weights, delays, factor,
                self.plan.index_bits if table.mode == PACKED else 0,
                table.shortest, table.group_bits, groups, block_of, self.own, place_of,
                self.stride, cursor[:, (first - lo) * groups :], self.index, self.exact,
                self.bounds[channel],
            )  # fmt: skip
            if delays.size:
                group = (int(delays.max()) - table.shortest) >> table.group_bits
                self.longest = max(self.longest, group)
            if table.learns and not self.plan.exact:
                largest = int(np.ceil(weight_bound(projection) / self.plan.scale(*channel)))
                self.bounds[channel] += largest * np.bincount(targets, minlength=projection.post.n)

    def _parts(self, lo: int, hi: int) -> Any:
        """For every projection: itself, first source, columns of lo <= source < hi."""
        ranges = self.plan.inputs if self.table.from_inputs else self.plan.populations
        for projection, filler in zip(self.table.projections, self.fillers, strict=True):
            first, last = ranges[projection.pre.name]
            begin, end = max(lo, first), min(hi, last)
            if begin >= end:
                continue
            indptr, targets, weights, delays = filler.fill(begin - first, end - first)
            synapses = projection.synapses
            if weights is None:
                weights = np.array([synapses.weight], dtype=np.float32)
            if delays is None:
                delays = np.array([synapses.delay], dtype=np.int32)
            yield projection, begin, (indptr, targets, weights, delays)


def _target_maps(
    plan: Plan, projection: Projection
) -> tuple[npt.NDArray[np.uint16], npt.NDArray[np.int32]]:
    """Own block of each target, one more for those of others; accumulator in that block."""
    n = projection.post.n
    block_of = np.full(n, len(plan.own), dtype=np.uint16)
    place_of = np.zeros(n, dtype=np.int32)
    for line, block in enumerate(plan.own):
        lo, hi = plan.slice(block, projection.post.name)
        block_of[lo:hi] = line
        # A rule asks for the neuron, everything else for its accumulator.
        learns = projection.plasticity is not None
        base = 0 if learns else plan.bases(block)[projection.post.name, projection.receptor]
        place_of[lo:hi] = base + np.arange(hi - lo)
    return block_of, place_of
