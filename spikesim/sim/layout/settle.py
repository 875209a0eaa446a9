# SPDX-License-Identifier: Apache-2.0
"""Find the layout in which no sum can overflow, and build its rows."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from spikesim.errors import ValidationError
from spikesim.network import Network
from spikesim.network.synapses import GivenRows
from spikesim.sim.layout.channels import weight_bound
from spikesim.sim.layout.memory import check_memory
from spikesim.sim.layout.plan import Plan, plan_network
from spikesim.sim.layout.tables import SumOverflowError, Table, build_tables
from spikesim.sim.layout.updates import Updates
from spikesim.sim.parallel.mpi import Ranks
from spikesim.sim.record.room import available_memory

_ATTEMPTS = ((0, False), (4, False), (8, False), (0, True))
"""Bits of headroom, and whether sums have 64 bits: for neurons with far more synapses than the
mean a coarser unit, and where that does not do, wider sums."""
_FAR = 4
"""Times the mean that no neuron exceeds whose synapses are drawn; see ``make_channels``."""


class Layout(NamedTuple):
    """A plan that was built.

    Parameters
    ----------
    plan : Plan
    tables : list of Table
    worst : dict of (population, receptor) to int
        Largest sum that the tables can make in one tick, in units of the channel.
    """

    plan: Plan
    tables: list[Table]
    worst: dict[tuple[str, int], int]


def settle(
    net: Network,
    dtype: str = "float32",
    blocks: int | None = None,
    threads: int = 1,
    updates: Updates = None,
    ranks: Ranks | None = None,
) -> Layout:
    """Plan a network and build its rows; the options are those of ``simulate``.

    Raises
    ------
    ValidationError
        With every problem of network and options, or if the rows do not fit into memory.
    """
    ranks = ranks or Ranks()
    before = None
    for headroom, wide in _ATTEMPTS:
        plan = plan_network(net, dtype, blocks, threads * ranks.size, headroom, updates, wide)
        if plan.n_blocks < ranks.size:
            raise ValidationError(
                f"simulate: expected at least one block for each of {ranks.size} processes, got "
                f"blocks={plan.n_blocks}; leave it out"
            )
        plan = replace(plan, rank=ranks.rank, n_ranks=ranks.size)
        if not wide and (plan.channels == before or least_load(plan) >= plan.limit):
            continue  # what overflowed would do so again
        before = plan.channels
        check_memory(plan, available_memory())
        try:
            return Layout(plan, *build_tables(plan, threads, ranks))
        except SumOverflowError:
            if wide:
                raise
    raise AssertionError("the last attempt returns or raises")


def settled_plan(
    net: Network, dtype: str, blocks: int | None, threads: int, updates: Updates
) -> Plan:
    """Give the plan that ``settle`` finds; rows are built only where it depends on them."""
    plan = plan_network(net, dtype, blocks, threads, updates=updates)
    if plan.exact or largest_load(plan) < plan.limit:
        return plan
    return settle(net, dtype, blocks, threads, updates).plan


def least_load(plan: Plan) -> float:
    """Units that some neuron gets at least in a tick in which all its sources fire.

    Its synapses of one weight each, were they as many as those of the mean neuron.
    """
    loads: dict[tuple[str, int], float] = {}
    for projection in plan.net.projections.values():
        weight = projection.synapses.weight
        if weight is not None and projection.plasticity is None:
            key = projection.post.name, projection.receptor
            code = abs(np.rint(np.float64(np.float32(weight)) / plan.scale(*key)))
            loads[key] = loads.get(key, 0.0) + projection.nnz * float(code) / projection.post.n
    return 0.0 if plan.exact else max(loads.values(), default=0.0)


def largest_load(plan: Plan) -> float:
    """Units that no neuron exceeds in a tick; drawn synapses are taken as four times the mean."""
    loads: dict[tuple[str, int], float] = {}
    for projection in plan.net.projections.values():
        key = projection.post.name, projection.receptor
        most = _FAR * projection.nnz / projection.post.n
        if isinstance(projection.synapses, GivenRows) and projection.nnz:
            most = float(np.bincount(projection.synapses.rows.targets).max())
        bound = np.ceil(weight_bound(projection) / plan.scale(*key))
        loads[key] = loads.get(key, 0.0) + most * float(bound)
    return max(loads.values(), default=0.0)
