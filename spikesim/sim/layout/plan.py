# SPDX-License-Identifier: Apache-2.0
"""How a network is laid out for the engine: what is decided before anything is built."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from spikesim.errors import ValidationError
from spikesim.kernels.deliver import CONSTANT, PACKED, WIDE
from spikesim.network import Network
from spikesim.sim.layout.blocks import LINE, Range, accumulators, bases_of, cut, ranges_of
from spikesim.sim.layout.channels import Channel, make_channels, weight_bound
from spikesim.sim.layout.groups import (
    PIECE,
    Groups,
    exact_groups,
    integer_groups,
    mean_piece,
    thin_projections,
)
from spikesim.sim.layout.pools import accumulator_order
from spikesim.sim.layout.table_plan import TablePlan, plan_table
from spikesim.sim.layout.updates import Updates, chosen_updates

DTYPES = ("float32", "float64")

_MOST_WEIGHT_BITS, _LEAST_WEIGHT_BITS = 18, 15
_CACHE_ACCUMULATORS = 1 << 17
"""Accumulators (4 bytes each) that stay in half of a 1 MB L2 cache."""
_MOST_BATCH = 64
"""Ticks between two exchanges at most: longer ones save no more time."""


@dataclass(frozen=True, eq=False)
class Plan:
    """The layout of a network.

    Attributes
    ----------
    net : Network
    dtype : {"float32", "float64"}
    n_blocks : int
        Groups of targets; each owns a slice of every population.
    inputs, populations : mapping of str to (lo, hi)
        Numbers of input lines and of neurons.
    channels : tuple of Channel
        In the order of the accumulators.
    tables : tuple of TablePlan
    index_bits : int
        Bits of a packed entry that name the accumulator; the others hold the weight.
    slot_bits : int
        log2 of the ticks for which a block keeps accumulators.
    updates : mapping of str to {"deferred", "immediate"}
        When post spikes reach the weights of projections, where the user said so.
    line : int
        Neurons that slices of large populations are multiples of: vector code that crosses
        cache lines took 1.3 times as long.
    wide_sums : bool
        Whether integer sums have 64 bits instead of 32.
    rank, n_ranks : int
        This process among those that run the network together.
    """

    net: Network
    dtype: str
    n_blocks: int
    inputs: Mapping[str, Range]
    populations: Mapping[str, Range]
    channels: tuple[Channel, ...]
    tables: tuple[TablePlan, ...]
    index_bits: int
    slot_bits: int
    updates: Mapping[str, str]
    line: int = LINE
    wide_sums: bool = False
    rank: int = 0
    n_ranks: int = 1

    @property
    def exact(self) -> bool:
        """Whether sums are float64 in a fixed order instead of integers."""
        return self.dtype == "float64"

    @property
    def sum_type(self) -> str:
        """Type of the sums: "int32", "int64" or "float64"."""
        return "float64" if self.exact else "int64" if self.wide_sums else "int32"

    @property
    def limit(self) -> int:
        """What sums of magnitudes stay below."""
        return 1 << (63 if self.wide_sums else 31)

    @cached_property
    def n_neurons(self) -> int:
        """Neurons of all populations together."""
        return max((hi for _, hi in self.populations.values()), default=0)

    @cached_property
    def n_inputs(self) -> int:
        """Input lines of all inputs together."""
        return max((hi for _, hi in self.inputs.values()), default=0)

    @cached_property
    def history(self) -> int:
        """Ticks for which a spike has to be remembered, at least 1.

        So many that what is pending in the sums can be made again from the spikes.
        """
        return max([1, *(table.longest for table in self.tables)]) + self.slots - 1

    @cached_property
    def own(self) -> range:
        """Blocks of this process."""
        return self.blocks_of(self.rank)

    @cached_property
    def batch(self) -> int:
        """Ticks in which no spike of another process or thread can arrive: none is waited for."""
        return min([_MOST_BATCH, *(t.shortest for t in self.tables if not t.from_inputs)])

    def blocks_of(self, rank: int) -> range:
        """Blocks of one of the processes; all those of lower ranks come before."""
        return range(
            rank * self.n_blocks // self.n_ranks, (rank + 1) * self.n_blocks // self.n_ranks
        )

    def owned(self, population: str, rank: int | None = None) -> Range:
        """Neurons of a population that a process owns (default this one)."""
        blocks = self.blocks_of(self.rank if rank is None else rank)
        return self.slice(blocks[0], population)[0], self.slice(blocks[-1], population)[1]

    def slice(self, block: int, population: str) -> Range:
        """Neurons of a population that a block owns, counted within the population."""
        n = self.net.populations[population].n
        return cut(n, block, self.n_blocks, self.line), cut(n, block + 1, self.n_blocks, self.line)

    def bases(self, block: int) -> dict[tuple[str, int], int]:
        """First accumulator of each (population, receptor) in a block."""
        if block not in self._bases:
            owned = (self.slice(block, channel.population) for channel in self.channels)
            bases, _ = bases_of([hi - lo for lo, hi in owned], self.line)
            self._bases[block] = dict(zip(self._scales, bases, strict=True))
        return self._bases[block]

    def largest_block(self, blocks: range) -> int:
        """Neurons of the largest of some blocks."""
        cuts = [self.slice(block, name) for block in blocks for name in self.populations]
        sizes = np.array([hi - lo for lo, hi in cuts], dtype=np.int64)
        return int(sizes.reshape(len(blocks), -1).sum(axis=1).max(initial=0))

    @cached_property
    def stride(self) -> int:
        """Accumulators of one tick in a block; a power of two when there are several ticks."""
        sizes = [self.net.populations[channel.population].n for channel in self.channels]
        largest = accumulators(sizes, self.n_blocks, self.line)
        return largest if self.slot_bits == 0 else 1 << max(largest - 1, 0).bit_length()

    @property
    def slots(self) -> int:
        """Ticks for which a block keeps accumulators."""
        return 1 << self.slot_bits

    def scale(self, population: str, receptor: int) -> float:
        """Give the unit of the sums of one channel."""
        return self._scales[population, receptor]

    @cached_property
    def _scales(self) -> dict[tuple[str, int], float]:
        return {(c.population, c.receptor): c.scale for c in self.channels}

    @cached_property
    def _bases(self) -> dict[int, dict[tuple[str, int], int]]:
        return {}


def plan_network(
    net: Network,
    dtype: str = "float32",
    n_blocks: int | None = None,
    threads: int = 1,
    headroom: int = 0,
    updates: Updates = None,
    wide_sums: bool = False,
) -> Plan:
    """Decide the layout of a network.

    Parameters
    ----------
    net : Network
        Validated here.
    dtype : {"float32", "float64"}
        float32: integer sums, any number of threads; float64: sums in a fixed order.
    n_blocks : int, optional
        Groups of targets; default one per thread, and as many as keep a block's sums in
        the cache.
    threads : int
    headroom : int
        Bits by which units are coarser than planned, where sums would overflow otherwise.
    updates : {"deferred", "immediate"}, or mapping of projection to such, optional
        When post spikes reach the weights of all projections that learn, or of some.
    wide_sums : bool
        Whether integer sums have 64 bits.

    Raises
    ------
    ValidationError
        With every problem of the network and the options.
    """
    chosen = _checked(net, dtype, n_blocks, updates)
    exact = dtype == "float64"
    sizes = [net.populations[name].n for name, _ in accumulator_order(net)]
    n_sums = sum(sizes)
    sum_bits = max(n_sums - 1, 1).bit_length()
    # Without gaps where they would cost a bit of the weights.
    line = LINE if accumulators(sizes, 1, LINE) <= 1 << sum_bits else 1
    weight_bits = min(max(30 - sum_bits, _LEAST_WEIGHT_BITS), _MOST_WEIGHT_BITS)
    thin = thin_projections(net)
    channels = make_channels(net, exact, weight_bits, headroom, thin)
    groups = exact_groups(net) if exact else integer_groups(net, channels, thin)
    blocks = int(n_blocks or 0) or max(threads, _blocks(groups, sizes, line))
    room = 0
    grouped = not exact and all(p.plasticity is None for p in net.projections.values())
    if grouped:
        bits = max(accumulators(sizes, blocks, line) - 1, 1).bit_length()
        room = max(0, (32 - weight_bits) - bits)
    inputs, populations = ranges_of(net.inputs), ranges_of(net.populations)
    sources = {name: (part, span) for ranges in (inputs, populations)
               for part, (name, span) in enumerate(ranges.items())}  # fmt: skip
    tables = tuple(plan_table(mode, code, group, sources, room, blocks, n_sums if grouped else 0)
                   for (mode, code), group in groups)  # fmt: skip
    plan = Plan(
        net, dtype, blocks, inputs, populations, channels, tables,
        32 - weight_bits, max((t.group_bits for t in tables), default=0), chosen, line,
        wide_sums and not exact,
    )  # fmt: skip
    return replace(plan, tables=tuple(
        replace(table, mode=WIDE)
        if table.mode == PACKED and plan.stride << table.group_bits > 1 << plan.index_bits
        else table
        for table in tables
    ))  # fmt: skip


def _blocks(groups: Groups, sizes: list[int], line: int) -> int:
    """As many as keep a block's sums in the cache, if rows are long enough to be cut so often.

    Else one: blocks between cost short pieces and win nothing. Measured with 10**6 neurons, ns per
    synaptic event: of 100 synapses 2.3 in one block, 2.6 in two, 4 in eight, 8 in 25; of 400
    synapses 1.4, 2.3 in four, 2.1 in ten.
    """
    # Without packed weights an entry is the accumulator alone: 16 bits name up to 65,536.
    packed = any(mode != CONSTANT for (mode, _), _ in groups)
    fitting = _CACHE_ACCUMULATORS if packed else 1 << 16
    most = max(1, int(min(mean_piece(groups) / PIECE, sum(sizes))))
    blocks = math.ceil(sum(sizes) / fitting)
    while blocks <= most and accumulators(sizes, blocks, line) > fitting:
        blocks += 1
    return max(blocks, 1) if blocks <= most else 1


def _checked(net: Network, dtype: str, n_blocks: Any, updates: Updates) -> dict[str, str]:
    """Check network and options; gives the chosen updates by projection."""
    problems = []
    if dtype not in DTYPES:
        problems.append(f"simulate: expected dtype in {DTYPES}, got {dtype!r}")
    whole = isinstance(n_blocks, (int, np.integer)) and not isinstance(n_blocks, bool)
    if n_blocks is not None and (not whole or n_blocks < 1):
        problems.append(f"simulate: expected blocks as an integer >= 1, got {n_blocks!r}")
    chosen = chosen_updates(net, updates, problems)
    try:
        net.validate()
    except ValidationError as error:
        problems += error.problems
    if dtype == "float32":
        problems += [
            f"projection {projection.name!r}: expected a rule with finite w_min and w_max, whose "
            f"sums fit integers, got {weight_bound(projection)}; set them, or take dtype='float64'"
            for projection in net.projections.values()
            if not math.isfinite(weight_bound(projection))
        ]
    if problems:
        raise ValidationError(problems)
    return chosen
