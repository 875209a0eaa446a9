# SPDX-License-Identifier: Apache-2.0
"""The kernels that one thread calls in every tick."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from spikesim.kernels.bind import Bound, Literal, bind, program
from spikesim.kernels.deliver import CONSTANT, EXACT, PACKED, PIECES, WIDE, deliver
from spikesim.kernels.loop import LINE, advance
from spikesim.sim.layout.plan import Plan
from spikesim.sim.layout.tables import Table
from spikesim.sim.run.state import State

_WEIGHT_TYPES = {CONSTANT: np.int32, PACKED: np.int32, WIDE: np.int32, EXACT: np.float64}


@dataclass(eq=False)
class TickProgram:
    """Kernels of one thread, in order.

    Attributes
    ----------
    early : list of Bound
        Need nothing that other threads did in the last ``lag + 1`` ticks.
    late : list of Bound
    lag : int
        Ticks that other threads may be behind.
    """

    early: list[Bound] = field(default_factory=list)
    late: list[Bound] = field(default_factory=list)
    lag: int = 0

    @cached_property
    def compiled(self) -> bool:
        """Whether all kernels can be called by address."""
        return all(item.address for item in (*self.early, *self.late))

    @cached_property
    def table(self) -> npt.NDArray[np.int64]:
        """Addresses and contexts of all kernels in order."""
        return program([*self.early, *self.late])


@dataclass(eq=False)
class Block:
    """Scratch of one block.

    Attributes
    ----------
    events : int64 array, shape (1,)
        Synaptic events so far.
    pieces : uint32 array, shape (PIECES, 2)
    cursor : int64 array, shape (3,)
    """

    events: npt.NDArray[np.int64]
    pieces: npt.NDArray[np.uint32]
    cursor: npt.NDArray[np.int64]

    @classmethod
    def make(cls) -> Block:
        """Nothing was delivered yet."""
        pieces = np.zeros((PIECES, 2), np.uint32)
        return cls(np.zeros(1, np.int64), pieces, np.zeros(3, np.int64))


def delivery(plan: Plan, table: Table, state: State, block: int, scratch: Block,
             groups: tuple[int, int]) -> Bound:  # fmt: skip
    """Deliver some delay groups of a table to one block."""
    spec = table.plan
    record = state.inputs if spec.from_inputs else state.record
    pops = np.array([*spec.parts, *table.sources], dtype=np.int64)
    group = np.array(
        [spec.n_groups, groups[0], 1 << spec.group_bits, spec.shortest, groups[1]], dtype=np.int64
    )
    ring = plan.slots * plan.stride - 1 if plan.slots > 1 else 0
    return bind(
        deliver,
        Literal(spec.mode),
        Literal(plan.index_bits if spec.mode == PACKED else 0),
        ring if ring else Literal(0),
        record.clock,
        record.fired,
        record.marks,
        pops,
        group,
        table.offsets[block],
        table.index[block],
        table.exact[block],
        _WEIGHT_TYPES[spec.mode](spec.code),
        state.sums[block],
        plan.stride,
        plan.slots,
        scratch.pieces,
        scratch.cursor,
        scratch.events,
    )


def split_groups(plan: Plan, table: Table) -> list[tuple[bool, tuple[int, int]]]:
    """Which delay groups can be delivered before the other threads are done: (early, range).

    Spikes of the last ``plan.batch`` ticks, of which others may not be done with all, act with
    the shortest delay; all older ones are known. Sums in a fixed order are not split, so that
    the order is the same for any number of threads.
    """
    spec, last = table.plan, table.groups
    if spec.from_inputs:
        return [(True, (0, last))]
    if spec.shortest > plan.batch:
        return [(not plan.exact, (0, last))]
    if plan.exact or last == 1:
        return [(False, (0, last))]
    return [(True, (1, last)), (False, (0, 1))]


def call(
    start: int,
    n: int,
    kernels: TickProgram,
    thread: int,
    progress: npt.NDArray[np.int64],
    waits: npt.NDArray[np.int64],
) -> None:
    """Run bound kernels for ``n`` ticks: compiled, or one by one where JIT is disabled."""
    if kernels.compiled:
        advance(start, n, kernels.table, len(kernels.early), kernels.lag, thread, progress, waits)
        return
    for tick in range(start, start + n):
        for item in (*kernels.early, *kernels.late):
            item(tick)
        progress[thread * LINE] = tick + 1
