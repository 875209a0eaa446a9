# SPDX-License-Identifier: Apache-2.0
"""Say how a network is laid out for the engine, and why."""

from __future__ import annotations

from spikesim.kernels.deliver import CONSTANT, PACKED, WIDE
from spikesim.network import Network
from spikesim.sim.layout.plan import Plan
from spikesim.sim.layout.rounding import rounding_losses
from spikesim.sim.layout.settle import settled_plan
from spikesim.sim.layout.table_plan import TablePlan
from spikesim.sim.layout.updates import Updates
from spikesim.sim.run.learners import method_of


def kernel_name(plan: Plan) -> str:
    """Name of the way sums are formed, such as "due-pieces-int32"; see ``Plan.sum_type``."""
    return f"due-pieces-{plan.sum_type}"


def explain(
    net: Network,
    *,
    dtype: str = "float32",
    threads: int = 1,
    blocks: int | None = None,
    updates: Updates = None,
) -> str:
    """Which kernels ``simulate`` takes for a network, and the reasons, one per line.

    The options are those of ``simulate``.

    Raises
    ------
    ValidationError
        If the network or an option is not legal.

    Examples
    --------
    >>> from spikesim.neurons import LIF
    >>> net = Network(dt=1e-3)
    >>> _ = net.add_population("out", 2, LIF(beta=0.9))
    >>> print(explain(net))
    kernel due-pieces-int32, float32, 1 thread, 1 block of targets
      sums: integers, the same for any order: any threads and blocks give the same bits
      neurons: 2 in every tick; one compiled loop per model
    """
    plan = settled_plan(net, dtype, blocks, threads, updates)
    used = min(threads, plan.n_blocks)
    lines = [
        f"kernel {kernel_name(plan)}, {dtype}, {_count(used, 'thread')}, "
        f"{_count(plan.n_blocks, 'block')} of targets",
        "  sums: float64, oldest spike first, then in the order of sources: any threads and blocks "
        "give the same bits"
        if plan.exact
        else "  sums: integers, the same for any order: any threads and blocks give the same bits",
        f"  neurons: {plan.n_neurons} in every tick; one compiled loop per model",
    ]
    if plan.wide_sums:
        lines.append(
            "  wide: the weights onto some neuron sum to more than 2**31 - 1 units; all sums have "
            "64 bits"
        )
    if plan.slots > 1:
        lines.append(
            f"  input: sums of {plan.slots} ticks are kept, so that pieces of a row can cover "
            "several delays"
        )
    lines += [_table(plan, table) for table in plan.tables]
    lines += [f"  lost: {text}" for text in rounding_losses(plan)]
    return "\n".join(lines)


_METHODS = {
    "deferred": "float weights, post spikes applied at the next arrival (no column index)",
    "immediate": "float weights, post spikes applied at once through a column index, 8 bytes more "
    "per synapse",
    "dense": "float weights as a full matrix, post spikes applied to their column at once",
}


def _count(n: int, noun: str) -> str:
    return f"{n} {noun}" if n == 1 else f"{n} {noun}s"


def _table(plan: Plan, table: TablePlan) -> str:
    names = ", ".join(projection.name for projection in table.projections)
    if table.learns:
        (projection,) = table.projections
        what = f"{type(projection.plasticity).__name__}, {_METHODS[method_of(plan, projection)]}"
    elif table.mode == CONSTANT:
        size = 2 if plan.slots * plan.stride <= 1 << 16 else 4
        what = f"one weight, {size} bytes per synapse"
    elif table.mode in (PACKED, WIDE):
        bits, size = 32 - plan.index_bits, 4 if table.mode == PACKED else 8
        what = f"own weights of {bits} bits packed with the target, {size} bytes per synapse"
    else:
        what = "own float32 weights, 8 bytes per synapse"
    if table.shortest == table.longest:
        delays = f"one delay of {table.shortest} ticks: one piece per row"
    else:
        delays = (
            f"delays {table.shortest}..{table.longest} ticks: "
            f"{_count(table.n_groups, 'piece')} per row, "
            f"{_count(1 << table.group_bits, 'delay')} each"
        )
    return f"  rows of {table.nnz} synapses ({names}): {what}; {delays}"
