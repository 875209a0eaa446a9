# SPDX-License-Identifier: Apache-2.0
"""The kernels that update the neurons of a block, and find those that fire."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikesim.kernels.aligned import aligned
from spikesim.kernels.bind import Bound, bind
from spikesim.kernels.generate import update_kernel
from spikesim.kernels.loop import collect
from spikesim.neurons.model import NeuronModel
from spikesim.sim.layout.plan import Plan
from spikesim.sim.run.state import Pool, State

Constants = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, eq=False)
class _Update:
    """What the kernel of one population needs beside its neurons.

    Attributes
    ----------
    kernel : compiled kernel
    start_tick : int
    bases : list of int
        First accumulator of each receptor.
    scales : list of NumPy float
        Unit of each.
    constants : list of array or NumPy scalar
        Those of an array: of the neurons of this block.
    """

    kernel: Callable[..., None]
    start_tick: int
    bases: list[int]
    scales: list[Any]
    constants: list[Any]

    def goes_on(self, n: int, other: _Update) -> bool:
        """Whether ``n`` neurons of this and those of another can be updated as one."""
        return (
            self.kernel is other.kernel
            and self.start_tick == other.start_tick
            and self.scales == other.scales
            and [base + n for base in self.bases] == other.bases
            and all(
                np.ndim(mine) == np.ndim(its) == 0 and mine.tobytes() == its.tobytes()
                for mine, its in zip(self.constants, other.constants, strict=True)
            )
        )


def updates(
    plan: Plan,
    state: State,
    block: int,
    models: Mapping[str, NeuronModel],
    constants: Constants,
) -> list[Bound]:
    """Update and spike search of all neurons of one block, in order.

    Populations of one pool whose models are alike are updated as if they were one.
    """
    items = []
    for pool in state.pools:
        made = {
            name: _update(plan, block, name, models[name], constants[name]) for name in pool.names
        }
        for names in _together(plan, pool, made):
            items += _bind(plan, state, block, pool, names, made[names[0]])
    return items


def _update(
    plan: Plan, block: int, name: str, model: NeuronModel, values: Mapping[str, Any]
) -> _Update:
    receptors, real = range(len(model.receptors)), np.dtype(plan.dtype).type
    lo, hi = plan.slice(block, name)
    bases = plan.bases(block)
    return _Update(
        update_kernel(
            model.template(), model.states, model.counters, len(receptors), values, plan.dtype
        ),
        plan.net.populations[name].start_tick,
        [bases[name, receptor] for receptor in receptors],
        [real(plan.scale(name, receptor)) for receptor in receptors],
        [value[lo:hi] if np.ndim(value) else value for value in values.values()],
    )


def _together(plan: Plan, pool: Pool, made: Mapping[str, _Update]) -> Iterator[list[str]]:
    """Names of the pool, those together that one kernel can update."""
    names: list[str] = []
    n = 0
    for name in pool.names:
        # The part of a block ends before the population does.
        if not (names and plan.n_blocks == 1 and made[names[0]].goes_on(n, made[name])):
            if names:
                yield names
            names, n = [], 0
        names.append(name)
        n += plan.net.populations[name].n
    yield names


def _bind(
    plan: Plan, state: State, block: int, pool: Pool, names: list[str], update: _Update
) -> list[Bound]:
    slices = [plan.slice(block, name) for name in names]
    edges = np.cumsum([0, *(hi - lo for lo, hi in slices)], dtype=np.int64)
    firsts = [plan.populations[name][0] + lo for name, (lo, _) in zip(names, slices, strict=True)]
    n = int(edges[-1])
    flags = aligned(-(-n // 64) * 64, np.uint8)
    begin = pool.begins[names[0]] + slices[0][0]
    held = [array[begin : begin + n] for array in pool.arrays.values()]
    sums = [item for pair in zip(update.bases, update.scales, strict=True) for item in pair]
    record, part = state.own, list(plan.populations).index(names[0])
    return [
        bind(
            update.kernel, update.start_tick, plan.slots, plan.stride, state.sums[block],
            flags[:n], *sums, *held, *update.constants,
        ),
        bind(
            collect, flags, edges, np.array(firsts, dtype=np.int64), part, record.clock,
            record.fired[block], record.marks[block],
        ),
    ]  # fmt: skip


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
