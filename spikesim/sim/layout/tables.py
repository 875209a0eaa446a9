# SPDX-License-Identifier: Apache-2.0
"""Build the rows of a plan: generate synapses range by range and sort them into place."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError
from spikesim.network import Projection
from spikesim.sim.layout.plan import Plan
from spikesim.sim.layout.rows import CHUNK, Origin, RowBuilder
from spikesim.sim.layout.table_plan import TablePlan
from spikesim.sim.layout.targets import Targets
from spikesim.sim.parallel.mpi import Ranks


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
    targets = Targets(plan)
    bounds = np.zeros(targets.size, dtype=np.int64)
    for table in plan.tables:
        tables += _build(targets, table, plan, threads, bounds)
    starts = list(targets.starts.values())
    largest = ranks.agree(*(np.maximum.reduceat(bounds, starts) if starts else ()))
    worst = {key: int(bound) for key, bound in zip(targets.starts, largest, strict=True)}
    if not plan.exact:
        _check_sums(plan, worst)
    return tables, worst


class SumOverflowError(ValidationError):
    """Sums of weights that might leave their integers."""


def _check_sums(plan: Plan, worst: dict[tuple[str, int], int]) -> None:
    """Refuse sums that might leave their type; a source fires at most once per tick."""
    problems = []
    for (population, receptor), total in worst.items():
        if total >= plan.limit:
            model = plan.net.populations[population].neuron
            assert model is not None  # validated
            name = model.receptors[receptor]
            problems.append(
                f"population {population!r}: the weights onto one neuron through {name!r} sum to "
                f"{total} units of {plan.scale(population, receptor):.3g}, more than the "
                f"{plan.limit - 1} of its {plan.sum_type} accumulator; take dtype='float64'"
            )
    if problems:
        raise SumOverflowError(problems)


def _build(
    targets: Targets,
    table: TablePlan,
    plan: Plan,
    threads: int,
    bounds: npt.NDArray[np.int64],
) -> list[Table]:
    origins = origins_of(plan, table)
    starts = _row_starts(table, origins)
    # uint32 offsets: a table that could hold more is cut, and so is one that threads share.
    pieces = max(1, threads if table.nnz > 4 * CHUNK else 1, -(-table.nnz // (1 << 31)))
    inner = np.searchsorted(starts, starts[-1] * np.arange(1, pieces) // pieces).tolist()
    cuts = sorted({0, *inner, starts.size - 1})
    own_bounds = [bounds, *(np.zeros_like(bounds) for _ in cuts[2:])]

    def one(k: int) -> Table:
        part = starts[cuts[k] : cuts[k + 1] + 1]
        builder = RowBuilder(plan, targets, table, cuts[k], part, origins, own_bounds[k])
        offsets, index, exact, groups = builder.build()
        first = table.sources[0] + cuts[k]
        return Table(table, (first, first + part.size - 1), offsets, index, exact, groups)

    if len(cuts) <= 2:
        return [one(0)] if len(cuts) == 2 else []
    with ThreadPoolExecutor(threads) as pool:
        built = list(pool.map(one, range(len(cuts) - 1)))
    for part in own_bounds[1:]:
        bounds += part
    return built


def origins_of(plan: Plan, table: TablePlan) -> list[Origin]:
    """Projections of a table by the population or input that they come from, in its order."""
    ranges = plan.inputs if table.from_inputs else plan.populations
    found: dict[str, list[Projection]] = {}
    for projection in table.projections:
        found.setdefault(projection.pre.name, []).append(projection)
    first = table.sources[0]
    origins = [
        Origin(ranges[name][0] - first, ranges[name][1] - first,
               tuple((one, one.synapses.filler()) for one in group))
        for name, group in found.items()
    ]  # fmt: skip
    return sorted(origins, key=lambda origin: origin.first)


def _row_starts(table: TablePlan, origins: list[Origin]) -> npt.NDArray[np.int64]:
    """Synapses before each source of a table."""
    starts = np.zeros(table.sources[1] - table.sources[0] + 1, dtype=np.int64)
    for first, last, projections in origins:
        for _, filler in projections:
            starts[first + 1 : last + 1] += filler.indptr[1:] - filler.indptr[:-1]
    return np.cumsum(starts)
