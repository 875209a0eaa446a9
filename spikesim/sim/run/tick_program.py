# SPDX-License-Identifier: Apache-2.0
"""The kernels that one thread calls in every tick."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.kernels.aligned import aligned
from spikesim.kernels.bind import Bound, Literal, bind, program
from spikesim.kernels.deliver import CONSTANT, EXACT, PACKED, PIECES, WIDE, deliver
from spikesim.kernels.generate import update_kernel
from spikesim.kernels.loop import LINE, advance, collect
from spikesim.neurons.model import NeuronModel
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
    flags : dict of str to uint8 array
        Who fires, by population; padded with zeros to a multiple of 64.
    events : int64 array, shape (1,)
        Synaptic events so far.
    pieces : uint32 array, shape (PIECES, 2)
    cursor : int64 array, shape (3,)
    """

    flags: dict[str, npt.NDArray[np.uint8]]
    events: npt.NDArray[np.int64]
    pieces: npt.NDArray[np.uint32]
    cursor: npt.NDArray[np.int64]

    @classmethod
    def make(cls, plan: Plan, block: int) -> Block:
        """Scratch for the neurons that a block owns."""
        flags = {}
        for name in plan.populations:
            lo, hi = plan.slice(block, name)
            flags[name] = aligned(-(-(hi - lo) // 64) * 64, np.uint8)
        pieces = np.zeros((PIECES, 2), np.uint32)
        return cls(flags, np.zeros(1, np.int64), pieces, np.zeros(3, np.int64))


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


def updates(
    plan: Plan,
    state: State,
    block: int,
    scratch: Block,
    models: Mapping[str, NeuronModel],
    constants: dict[str, dict[str, Any]],
) -> list[Bound]:
    """Update and spike search of every population in one block, in order."""
    items = []
    bases = plan.bases(block)
    for part, (name, model) in enumerate(models.items()):
        lo, hi = plan.slice(block, name)
        flags = scratch.flags[name]
        values = constants[name]
        kernel = update_kernel(
            model.template(), model.states, model.counters, len(model.receptors), values, plan.dtype
        )
        inputs: list[Any] = []
        for receptor in range(len(model.receptors)):
            real = np.dtype(plan.dtype).type
            inputs += [bases[name, receptor], real(plan.scale(name, receptor))]
        held = [state.neurons[name][key][lo:hi] for key in (*model.states, *model.counters)]
        chosen = [value[lo:hi] if np.ndim(value) else value for value in values.values()]
        items.append(
            bind(
                kernel,
                plan.net.populations[name].start_tick,
                plan.slots,
                plan.stride,
                state.sums[block],
                flags[: hi - lo],
                *inputs,
                *held,
                *chosen,
            )
        )
        first = plan.populations[name][0] + lo
        record = state.own
        items.append(
            bind(
                collect, flags, first, part, record.clock, record.fired[block], record.marks[block]
            )
        )
    return items


def model_constants(
    plan: Plan, model: NeuronModel, n: int, driven: Collection[str] = ()
) -> dict[str, Any]:
    """Constants of the template of a population of ``n`` in the types of the engine.

    Parameters
    ----------
    plan : Plan
    model : NeuronModel
    n : int
    driven : collection of str
        Constants that a device writes in every tick: one value per neuron.
    """
    out: dict[str, Any] = {}
    for key, value in model.constants(plan.net.dt, n).items():
        array = np.asarray(value)
        if key in driven:
            array = np.broadcast_to(array, n)
        kind = plan.dtype if array.dtype.kind == "f" else "int32"
        own = aligned(array.size, kind).reshape(array.shape)
        own[...] = array
        out[key] = own if own.ndim else own[()]
    return out


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
