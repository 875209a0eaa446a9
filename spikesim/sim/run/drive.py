# SPDX-License-Identifier: Apache-2.0
"""Random inputs that go one to one onto a population are added without a list of events."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError
from spikesim.kernels.bind import Bound, bind
from spikesim.network import Projection
from spikesim.network.relay import WAY_OUT as RELAY_WAY_OUT
from spikesim.network.relay import is_relay
from spikesim.sim.inputs import BoundInput, InputEvents
from spikesim.sim.inputs.drawn import DrawnEvents, Scratch, make_scratch
from spikesim.sim.layout.channels import weight_bound
from spikesim.sim.layout.plan import Plan
from spikesim.sim.run.state import State


@dataclass(frozen=True, eq=False)
class Drive:
    """One projection of a random input whose draws go straight into the sums.

    Attributes
    ----------
    source : DrawnEvents
    projection : Projection
    weights : array, shape (1,) or (n,)
        In units of the channel.
    """

    source: DrawnEvents
    projection: Projection
    weights: npt.NDArray[Any]

    def bind(self, plan: Plan, state: State, block: int, scratch: Scratch) -> Bound:
        """Kernel for the neurons of one block, whose drives share the scratch."""
        name = self.projection.post.name
        lo, hi = plan.slice(block, name)
        start = plan.bases(block)[name, self.projection.receptor]
        weights = self.weights if self.weights.size == 1 else self.weights[lo:hi]
        kernel, args = self.source.drive_call(
            state.sums[block], start, weights, lo=lo, n=hi - lo,
            late=self.projection.synapses.delay or 0, slots=plan.slots, stride=plan.stride,
            scratch=scratch,
        )  # fmt: skip
        return bind(kernel, *args)


def bind_drives(drives: list[Drive], plan: Plan, state: State, block: int) -> list[Bound]:
    """Kernels of some drives for the neurons of one block, in order."""
    scratch = make_scratch()
    return [drive.bind(plan, state, block, scratch) for drive in drives]


def split_inputs(
    plan: Plan, inputs: InputEvents, worst: dict[tuple[str, int], int]
) -> tuple[list[Drive], InputEvents]:
    """Take out of the inputs what can be driven without a list.

    Parameters
    ----------
    plan : Plan
    inputs : InputEvents
    worst : mapping of (population, receptor) to int
        Largest sum of all weights in one tick when every source fires once.

    Raises
    ------
    ValidationError
        If the events of one tick could overflow a sum.
    """
    drives: list[Drive] = []
    listed: list[BoundInput] = []
    problems: list[str] = []
    outgoing: dict[str, list[Projection]] = {}
    for projection in plan.net.projections.values():
        outgoing.setdefault(projection.pre.name, []).append(projection)
    for bound in inputs.inputs:
        mine = outgoing.get(bound.name, [])
        source = bound.source
        most = 1
        if isinstance(source, DrawnEvents):
            most = int(source.tables.sure[0].max(initial=0)) + source.tables.thresholds.shape[1]
        problems += [
            f"input {bound.name!r}: expected at most one event per line and tick where projection "
            f"{projection.name!r} learns, got counts=True; take counts=False"
            for projection in mine
            if projection.plasticity is not None and most > 1
        ]
        problems += [
            f"input {bound.name!r}: expected at most one event per line and tick for population "
            f"{projection.post.name!r}, which repeats each arrival as one spike, got counts=True; "
            f"take counts=False with more lines, or {RELAY_WAY_OUT}"
            for projection in mine
            if is_relay(projection.post) and most > 1
        ]
        whole = isinstance(source, DrawnEvents) and source.n == plan.net.inputs[bound.name].n
        driven = whole and all(map(one_to_one, mine))
        if not driven:
            listed.append(bound)
        for projection in mine:
            key = projection.post.name, projection.receptor
            if isinstance(source, DrawnEvents) and driven:
                drives.append(Drive(source, projection, _units(plan, projection)))
            if isinstance(source, DrawnEvents) and (driven or most > 1):
                # Only here: the largest of many weights takes longer than all the rest.
                largest = int(np.ceil(weight_bound(projection) / plan.scale(*key)))
                events = most if driven else min(source.most_events, most * _fan_in(projection))
                worst[key] = worst.get(key, 0) + events * largest
            if not plan.exact and worst.get(key, 0) >= plan.limit:
                problems.append(
                    f"input {bound.name!r}: up to {most} events per line and tick and the synapses "
                    f"of {projection.post.name!r} sum to more than the {plan.limit - 1} units "
                    f"of an {plan.sum_type} accumulator; take dtype='float64', a lower rate or a "
                    "shorter dt"
                )
    if problems:
        raise ValidationError(problems)
    return drives, InputEvents(tuple(listed), inputs.currents)


def one_to_one(projection: Projection) -> bool:
    """Whether line k goes to neuron k and nowhere else, with one delay and fixed weights."""
    synapses = projection.synapses
    n = projection.post.n
    if projection.plasticity is not None or synapses.delay is None:
        return False
    if not projection.pre.n == n == synapses.nnz:
        return False
    filled = synapses.filler().fill(0, n)
    order = np.arange(n + 1)
    return bool(np.array_equal(filled.indptr, order) and np.array_equal(filled.targets, order[:-1]))


def _fan_in(projection: Projection) -> int:
    """Largest number of synapses of a projection onto one neuron."""
    targets = projection.synapses.filler().fill(0, projection.pre.n).targets
    return int(np.bincount(targets, minlength=1).max())


def _units(plan: Plan, projection: Projection) -> npt.NDArray[Any]:
    """Weights in the units of the channel: one for all, or one per neuron."""
    given: Any = projection.synapses.weight
    if given is None:
        given = projection.synapses.filler().fill(0, projection.pre.n).weights
    weights = np.atleast_1d(np.asarray(given, dtype=np.float32)).astype(np.float64)
    if plan.exact:
        return weights
    scale = plan.scale(projection.post.name, projection.receptor)
    return np.rint(weights / scale).astype(plan.sum_type)
