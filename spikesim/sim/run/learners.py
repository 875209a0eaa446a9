# SPDX-License-Identifier: Apache-2.0
"""Projections that learn: their weights in each block, and their kernels in a tick."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.core import CsrRows
from spikesim.errors import ValidationError
from spikesim.kernels.bind import Bound, bind
from spikesim.kernels.deliver import list_fired
from spikesim.kernels.plastic import PlasticBlock
from spikesim.kernels.post_history import PostHistory
from spikesim.network import Projection
from spikesim.sim.layout.plan import Plan
from spikesim.sim.layout.tables import Table
from spikesim.sim.parallel.mpi import Ranks
from spikesim.sim.run.due import DuePieces, list_pieces_of
from spikesim.sim.run.state import State

_SMALL = 1 << 22
"""Weights (16 MB) up to which the columns of a full matrix stay in the cache."""


def method_of(plan: Plan, projection: Projection) -> str:
    """When post spikes reach the weights of a projection; see ``kernels.plastic``.

    As the user said, else by layout.

    Dense: every pair is there, at one delay, and post spikes are what costs least. Else
    deferred: one sequential pass per arrival, and half the memory.
    """
    if projection.name in plan.updates:
        return plan.updates[projection.name]
    synapses = projection.synapses
    small = synapses.delay is not None and synapses.nnz <= _SMALL
    return "dense" if small and synapses.is_matrix else "deferred"


@dataclass(frozen=True, eq=False)
class Learner:
    """One table of one learning projection onto one block.

    Attributes
    ----------
    projection : Projection
    table : Table
    block : int
    synapses : PlasticBlock
    """

    projection: Projection
    table: Table
    block: int
    synapses: PlasticBlock


class BlockLearners:
    """All that learns in one block, and its kernels in a tick.

    Parameters
    ----------
    plan : Plan
    tables : list of Table
        Those whose projection learns; their weights are copied.
    state : State
    block : int
    events : int64 array, shape (1,)
        Counts the synapses that are touched.

    Attributes
    ----------
    learners : list of Learner
        One of each table.
    histories : list of PostHistory
        What targets remember of their spikes, each once.
    lists : list of Bound
        Kernels that list what is due; before all others.
    arrivals : dict of Table to Bound
        Kernels that deliver what is due.
    posts : list of Bound
        Kernels after the update of the neurons.
    """

    def __init__(
        self,
        plan: Plan,
        tables: list[Table],
        state: State,
        block: int,
        events: npt.NDArray[np.int64],
    ) -> None:
        histories: dict[tuple[str, Hashable], PostHistory] = {}
        self.learners = [_learner(plan, table, block, histories) for table in tables]
        names = {one.synapses.history: one.projection.post.name for one in self.learners}
        self.histories = list(names)
        self.lists, pieces = list_pieces_of(tables, state, block, events)
        self.arrivals = {
            one.table: _arrival(plan, one, state, due)
            for one, due in zip(self.learners, pieces, strict=True)
        }
        self.posts = [
            item
            for history, name in names.items()
            for item in _posts(plan, name, state, block, history)
        ]


def _learner(
    plan: Plan, table: Table, block: int, histories: dict[tuple[str, Hashable], PostHistory]
) -> Learner:
    """Copy the weights of a table; its history is one of these, or becomes one."""
    (projection,) = table.plan.projections
    rule, method = projection.plasticity, method_of(plan, projection)
    assert rule is not None  # tables of static projections do not learn
    key = projection.post.name, PostHistory.form_of(rule, plan.net.dt, plan.dtype, method)
    lo, hi = plan.slice(block, projection.post.name)
    synapses = PlasticBlock(
        rule,
        plan.net.dt,
        table.offsets[block],
        table.index[block],
        _start_weights(table, block),
        hi - lo,
        plan.dtype,
        method,
        histories.get(key) if method == "deferred" else None,
    )
    histories.setdefault(key, synapses.history)
    return Learner(projection, table, block, synapses)


def _start_weights(table: Table, block: int) -> npt.NDArray[np.float32]:
    """One per synapse; a view where they are all alike."""
    weight = table.plan.projections[0].synapses.weight
    if weight is None:
        return table.exact[block]
    return np.broadcast_to(np.float32(weight), table.index[block].size)


def _arrival(plan: Plan, learner: Learner, state: State, due: DuePieces) -> Bound:
    projection, block = learner.projection, learner.block
    base = plan.bases(block)[projection.post.name, projection.receptor]
    unit = plan.scale(projection.post.name, projection.receptor)
    function, args = learner.synapses.arrive(*due, state.sums[block], base, 1.0 / unit)
    return bind(function, *args)


def _posts(plan: Plan, name: str, state: State, block: int, history: PostHistory) -> list[Bound]:
    lo, hi = plan.slice(block, name)
    fired = np.empty(max(hi - lo, 1), dtype=np.int32)
    count = np.zeros(1, dtype=np.int64)
    calls = history.post(fired, count)
    if not calls:
        return []
    record = state.own
    part = list(plan.populations).index(name)
    first = plan.populations[name][0] + lo
    listing = bind(
        list_fired, record.clock, record.fired[block], record.marks[block], part, first, fired,
        count,
    )  # fmt: skip
    return [listing, *(bind(function, *args) for function, args in calls)]


def find(learners: list[Learner], name: str) -> list[Learner]:
    """All tables and blocks of one projection.

    Raises
    ------
    ValidationError
        If no projection of that name learns.
    """
    mine = [learner for learner in learners if learner.projection.name == name]
    if not mine:
        known = sorted({learner.projection.name for learner in learners})
        raise ValidationError(
            f"projection {name!r}: expected one that learns, of {known}; pass "
            "plasticity= to connect"
        )
    return mine


class LearnedRows:
    """The synapses of a projection that learns, put in order once, to be read at any tick.

    With several processes, rank 0 has all synapses, the others those onto their neurons.

    Rows are sorted by target; synapses of one pair by delay.

    Parameters
    ----------
    plan : Plan
    parts : list of Learner
        All tables and blocks of one projection.
    ranks : Ranks
    """

    def __init__(self, plan: Plan, parts: list[Learner], ranks: Ranks) -> None:
        self._parts, self._ranks = parts, ranks
        columns: list[tuple[npt.NDArray[Any], ...]] = []
        for part in parts:
            spec, offsets = part.table.plan, part.table.offsets[part.block]
            slots = np.repeat(np.arange(offsets.size - 1), offsets[1:] - offsets[:-1])
            first = part.table.sources[0] - spec.sources[0]
            source = slots // spec.n_groups + first
            delay = slots % spec.n_groups + spec.shortest
            target = part.table.index[part.block].astype(np.int64)
            target += plan.slice(part.block, part.projection.post.name)[0]
            columns.append((source, target, delay))
        source, target, delay = (
            ranks.join(np.concatenate(column)) for column in zip(*columns, strict=True)
        )
        projection = parts[0].projection
        self._order = np.lexsort((target, source))
        indptr = np.zeros(projection.pre.n + 1, dtype=np.int64)
        np.cumsum(np.bincount(source, minlength=projection.pre.n), out=indptr[1:])
        targets, delays = (column[self._order].astype(np.int32) for column in (target, delay))
        self._columns = indptr, targets, delays, projection.post.n

    def weights(self, tick: int) -> npt.NDArray[Any]:
        """Weights at the start of a tick, in the order of the rows and the type of the run."""
        read = np.concatenate([part.synapses.read(tick) for part in self._parts])
        return self._ranks.join(read)[self._order]

    def rows(self, tick: int) -> CsrRows:
        """All synapses with their weights at the start of a tick."""
        indptr, targets, delays, n_post = self._columns
        weights = self.weights(tick)
        return CsrRows(indptr, targets, weights, delays, n_post, weights.dtype.name)
