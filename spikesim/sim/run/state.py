# SPDX-License-Identifier: Apache-2.0
"""Everything that changes while a network runs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError
from spikesim.kernels.aligned import aligned
from spikesim.sim.layout.plan import Plan
from spikesim.sim.layout.pools import model_of, pools_of
from spikesim.sim.record.room import available_memory
from spikesim.sim.run.spike_record import Record

_VIRTUAL_SPIKES = 1 << 27
"""Spikes that a record reserves (512 MB that cost nothing until they are used) ..."""
_SHARE = 4
"""... or this part of the free memory, if that is more."""

_LEAST_EVENTS = 1 << 20


@dataclass(frozen=True, eq=False)
class Pool:
    """Populations whose neurons lie one after the other.

    Attributes
    ----------
    names : list of str
        In order.
    begins : dict of str to int
        First neuron of each.
    arrays : dict of str to array
        States and counters of all.
    """

    names: list[str]
    begins: dict[str, int]
    arrays: dict[str, npt.NDArray[Any]]

    @classmethod
    def make(cls, sizes: Mapping[str, int], kinds: Mapping[str, str]) -> Pool:
        """Neurons of zeros: so many of each population, with arrays of these types."""
        names, total = list(sizes), sum(sizes.values())
        begins = np.cumsum([0, *sizes.values()])[:-1].tolist()
        arrays = {key: aligned(total, kind) for key, kind in kinds.items()}
        return cls(names, dict(zip(names, begins, strict=True)), arrays)

    def of(self, name: str, n: int) -> dict[str, npt.NDArray[Any]]:
        """States and counters of one population, of ``n`` neurons."""
        begin = self.begins[name]
        return {key: array[begin : begin + n] for key, array in self.arrays.items()}


@dataclass(eq=False)
class State:
    """The state between two ticks.

    Attributes
    ----------
    tick : int
        Next tick to run.
    pools : list of Pool
        State variables and counters of all populations, in order.
    neurons : dict of str to dict of str to array, shape (n,)
        Those of each population.
    sums : list of int32, int64 or float64 array, shape (slots * stride,)
        Input of the coming ticks, by block.
    record, inputs : Record
        Spikes of neurons and of input lines.
    own : Record
        Where blocks write their spikes: ``record``, unless several processes run the network;
        then one batch of ticks, which goes into ``record`` when it is exchanged.
    """

    tick: int
    pools: list[Pool]
    neurons: dict[str, dict[str, npt.NDArray[Any]]]
    sums: list[npt.NDArray[Any]]
    record: Record
    inputs: Record
    own: Record
    start: list[Pool] = field(default_factory=list)
    """``pools`` before tick 0, made by the first ``clear``."""

    @classmethod
    def initial(cls, plan: Plan, window: int) -> State:
        """State before tick 0: nothing has fired and nothing is on its way."""
        pools = _initial_pools(plan)
        sizes = {name: population.n for name, population in plan.net.populations.items()}
        neurons = {name: pool.of(name, sizes[name]) for pool in pools for name in pool.names}
        size = plan.slots * plan.stride
        sums = [
            aligned(size if block in plan.own else 0, plan.sum_type)
            for block in range(plan.n_blocks)
        ]
        lines = plan.n_blocks if plan.n_ranks == 1 else 1
        largest = plan.n_neurons if lines == 1 else plan.largest_block(range(lines))
        parts = len(plan.populations), len(plan.inputs)
        window = Record.fitting_window(lines, max(parts), plan.history, window)
        most = _VIRTUAL_SPIKES
        if plan.n_ranks == 1:  # windows are the same in all processes
            most = max(most, (available_memory() or 0) // 4 // _SHARE)
        record = own = Record.empty(lines, largest, parts[0], plan.history, window, most)
        if plan.n_ranks > 1:
            largest = plan.largest_block(range(plan.n_blocks))
            own = Record.empty(plan.n_blocks, largest, parts[0], 0, plan.batch)
        # Room for one event per line and tick; where lines send more, windows get shorter.
        room = max(plan.n_inputs, -(-_LEAST_EVENTS // (plan.history + window)))
        inputs = Record.empty(1, room, parts[1], plan.history, window, most)
        inputs.per_tick = 0
        return cls(0, pools, neurons, sums, record, inputs, own)

    @property
    def nbytes(self) -> int:
        """Memory of neurons, sums and records in use, in bytes."""
        neurons = (array for pool in self.pools for array in pool.arrays.values())
        records = {id(r): r.nbytes for r in (self.record, self.inputs, self.own)}
        return sum(a.nbytes for a in (*neurons, *self.sums)) + sum(records.values())

    def clear(self, plan: Plan, keep: Iterable[str]) -> None:
        """Put neurons back to their start, except some variables; drop spikes under way.

        Raises
        ------
        ValidationError
            If no population has such a variable.
        """
        keep = {keep} if isinstance(keep, str) else set(keep)
        if unknown := sorted(keep.difference(*(pool.arrays for pool in self.pools))):
            known = dict.fromkeys(name for pool in self.pools for name in pool.arrays)
            raise ValidationError(
                f"session: expected states among {list(known)} to keep, got {unknown}"
            )
        self.start = self.start or _initial_pools(plan)
        for pool, start in zip(self.pools, self.start, strict=True):
            for key, value in start.arrays.items():
                if key not in keep:
                    pool.arrays[key][:] = value
        for sums in self.sums:
            sums[:] = 0
        for record in (self.record, self.inputs):
            record.forget(self.tick)

    def counter_problems(self, population: str, constants: Mapping[str, Any]) -> list[str]:
        """Why counters cannot hold whole constants, such as a refractory time in ticks.

        They were given room for those of the network, see ``initial``.
        """
        held = self.neurons[population].values()
        kinds = [array.dtype for array in held if array.dtype.kind == "i"]
        room = min((int(np.iinfo(kind).max) for kind in kinds), default=np.iinfo(np.int64).max)
        return [
            f"expected {name!r} of at most {room} ticks in this run, whose counters are "
            f"{kinds[0]}, got {int(np.max(value))}; build the network with it"
            for name, value in constants.items()
            if np.asarray(value).dtype.kind in "iu" and np.max(value) > room
        ]

    def skip(self, ticks: int) -> None:
        """Go on ``ticks`` later, right after ``clear``."""
        self.tick += ticks
        for record in (self.record, self.inputs):
            record.clock += ticks


def _initial_pools(plan: Plan) -> list[Pool]:
    """All neurons at their start."""
    pools: list[Pool] = []
    sizes = {name: population.n for name, population in plan.net.populations.items()}
    for names in pools_of(plan.net):
        starts = {
            name: model_of(plan.net.populations[name]).initial(plan.net.dt, sizes[name])
            for name in names
        }
        kinds = {name: _kinds(plan, name, starts[name]) for name in names}
        for alike, group in groupby(names, key=kinds.__getitem__):
            pools.append(Pool.make({name: sizes[name] for name in group}, alike))
            for name in pools[-1].names:
                for key, array in pools[-1].of(name, sizes[name]).items():
                    array[:] = starts[name][key]
    return pools


def _kinds(plan: Plan, name: str, start: Mapping[str, npt.NDArray[Any]]) -> dict[str, str]:
    """Types of the states and counters of a population that starts so."""
    population = plan.net.populations[name]
    model = model_of(population)
    whole = [np.asarray(c) for c in model.constants(plan.net.dt, population.n).values()]
    whole = [c for c in whole if c.dtype.kind in "iu"] + [start[key] for key in model.counters]
    most = max((int(c.max(initial=0)) for c in whole), default=0)
    # Half the bytes: the update of a LIF neuron takes 10 to 20 % less time.
    short = "int16" if most <= np.iinfo(np.int16).max else "int32"
    return dict.fromkeys(model.states, plan.dtype) | dict.fromkeys(model.counters, short)
