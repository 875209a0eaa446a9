# SPDX-License-Identifier: Apache-2.0
"""How much memory a network will take, before any of it is taken."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import NamedTuple

from spikesim.errors import ValidationError
from spikesim.kernels.deliver import CONSTANT, EXACT, PACKED, WIDE
from spikesim.network import DrawnSynapses, FixedInDegree, Projection
from spikesim.sim.layout.plan import Plan
from spikesim.sim.layout.table_plan import TablePlan

_log = logging.getLogger(__name__)

_SHARE = 0.9
"""Part of the free memory that may be taken; see ``record.room``."""
_MUCH_HISTORY = 256 << 20
"""Bytes of spikes under way of which a user is told."""


class Need(NamedTuple):
    """Memory of one part of a network.

    Parameters
    ----------
    nbytes : int
    what : str
        Names the projection that takes most of it.
    way_out : str
    """

    nbytes: int
    what: str
    way_out: str


def memory_needs(plan: Plan) -> list[Need]:
    """Memory of rows, sums and spikes under way in this process, the largest first."""
    needs = [*(_rows(plan, table) for table in plan.tables), *_sums(plan), *_history(plan)]
    return sorted(needs, key=lambda need: -need.nbytes)


def check_memory(plan: Plan, available: int | None) -> None:
    """Refuse a network that would not fit, and tell of delays that take much memory.

    Parameters
    ----------
    plan : Plan
    available : int or None, bytes
        None where it is not known: nothing is refused.

    Raises
    ------
    ValidationError
        Naming the bytes, what takes most of them, and the ways out.
    """
    needs = memory_needs(plan)
    total = sum(need.nbytes for need in needs)
    if available is not None and needs and total > _SHARE * available:
        largest = needs[0]
        raise ValidationError(
            f"simulate: expected a network of at most {_size(_SHARE * available)} (90 % of the "
            f"free memory), got about {_size(total)}, of them {_size(largest.nbytes)} for "
            f"{largest.what}; {largest.way_out}"
        )
    for need in _history(plan):
        if need.nbytes > _MUCH_HISTORY and plan.rank == 0:
            _log.warning("%s take %s of memory; %s", need.what, _size(need.nbytes), need.way_out)


def _rows(plan: Plan, table: TablePlan) -> Need:
    """Entries, row table, and what the rules that draw by target keep meanwhile."""
    own = len(plan.own) / plan.n_blocks
    size = {PACKED: 4, WIDE: 8, EXACT: 8}.get(table.mode, 4)
    if table.mode == CONSTANT and plan.slots * plan.stride <= 1 << 16:
        size = 2
    drawn = sum(4 * p.nnz for p in table.projections if _drawn_by_target(p))
    pieces = (table.sources[1] - table.sources[0]) * table.n_groups * len(plan.own)
    largest = max(table.projections, key=lambda projection: projection.nnz)
    return Need(
        int(own * size * table.nnz) + drawn + 4 * pieces,
        f"the rows of projection {largest.name!r} ({largest.nnz} synapses, delays "
        f"{table.shortest}..{table.longest} ticks, {plan.n_blocks} blocks)",
        "take fewer synapses or a narrower range of delays, fewer blocks, or several processes "
        "(comm='world')",
    )


def _drawn_by_target(projection: Projection) -> bool:
    synapses = projection.synapses
    return isinstance(synapses, DrawnSynapses) and isinstance(synapses.rule, FixedInDegree)


def _sums(plan: Plan) -> Iterator[Need]:
    wide = plan.exact or plan.wide_sums
    nbytes = (8 if wide else 4) * plan.slots * plan.stride * len(plan.own)
    yield Need(
        nbytes, f"the sums of {plan.slots} ticks of all neurons", "take several processes "
        "(comm='world')",
    )  # fmt: skip


def _history(plan: Plan) -> Iterator[Need]:
    """Where the spikes of each tick begin, for as many ticks as a spike may be under way."""
    delayed = [p for p in plan.net.projections.values() if p.nnz]
    if delayed:
        longest = max(delayed, key=lambda projection: projection.synapses.max_delay)
        lines = plan.n_blocks if plan.n_ranks == 1 else 1
        marks = lines * (len(plan.populations) + 1) + len(plan.inputs) + 1
        yield Need(
            8 * marks * plan.history,
            f"the spikes that are under way for up to {plan.history} ticks (projection "
            f"{longest.name!r}: delays up to {longest.synapses.max_delay} ticks)",
            "shorten the delays or take a longer dt",
        )


def _size(nbytes: float) -> str:
    return f"{nbytes / 1e9:.3g} GB"
