# SPDX-License-Identifier: Apache-2.0
"""How a network is laid out for the engine: what is decided before anything is built."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spikesim.errors import ValidationError
from spikesim.kernels.deliver import CONSTANT, EXACT
from spikesim.network import Network, Projection
from spikesim.sim.layout.blocks import LINE, Range, accumulators, bases_of, cut, ranges_of
from spikesim.sim.layout.groups import (
    distinct_sources,
    exact_groups,
    integer_groups,
    thin_projections,
)
from spikesim.sim.layout.updates import Updates, chosen_updates

DTYPES = ("float32", "float64")

_MOST_WEIGHT_BITS, _LEAST_WEIGHT_BITS = 18, 15
_MOST_CONSTANT_BITS = 23
"""Beyond this, a single weight would already be rounded when it becomes a float32."""
_CACHE_ACCUMULATORS = 1 << 17
"""Accumulators (4 bytes each) that stay in half of a 1 MB L2 cache."""

_SHORT = 24
"""Mean synapses of a piece below which delays are grouped, though it takes more accumulators.

Measured with 0.3 G synapses in two blocks, mean 26: grouped delivery took 1.1 times as long.
"""
_MOST_BATCH = 64
"""Ticks between two exchanges at most: longer ones save no more time."""


@dataclass(frozen=True)
class Channel:
    """The input of one population through one receptor.

    Attributes
    ----------
    population : str
    receptor : int
    scale : float
        Unit of the fixed-point sums; 1 in the exact engine.
    """

    population: str
    receptor: int
    scale: float


@dataclass(frozen=True, eq=False)
class TablePlan:
    """Projections whose synapses share one table of rows.

    Attributes
    ----------
    mode : int
        CONSTANT, PACKED or EXACT; see ``kernels.deliver``.
    projections : tuple of Projection
    from_inputs : bool
        Whether the sources are input lines instead of neurons.
    sources : (lo, hi)
        Numbers of the sources, among all input lines or all neurons.
    parts : (lo, hi)
        Inputs or populations that these sources belong to.
    code : int
        Weight in fixed-point units, of mode CONSTANT.
    shortest, longest : int
        Delays in ticks.
    group_bits : int
        log2 of the delays per piece.
    learns : bool
        Whether a plasticity rule changes the weights.
    """

    mode: int
    projections: tuple[Projection, ...]
    from_inputs: bool
    sources: Range
    parts: Range
    code: int
    shortest: int
    longest: int
    group_bits: int
    learns: bool = False

    @property
    def n_groups(self) -> int:
        """Pieces per row."""
        return ((self.longest - self.shortest) >> self.group_bits) + 1

    @property
    def nnz(self) -> int:
        """Synapses of all projections of the table."""
        return sum(projection.nnz for projection in self.projections)


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
    rank: int = 0
    n_ranks: int = 1

    @property
    def exact(self) -> bool:
        """Whether sums are float64 in a fixed order instead of integers."""
        return self.dtype == "float64"

    @property
    def n_neurons(self) -> int:
        """Neurons of all populations together."""
        return max((hi for _, hi in self.populations.values()), default=0)

    @property
    def n_inputs(self) -> int:
        """Input lines of all inputs together."""
        return max((hi for _, hi in self.inputs.values()), default=0)

    @property
    def history(self) -> int:
        """Ticks for which a spike has to be remembered, at least 1.

        So many that what is pending in the sums can be made again from the spikes.
        """
        return max([1, *(table.longest for table in self.tables)]) + self.slots - 1

    @property
    def own(self) -> range:
        """Blocks of this process."""
        return self.blocks_of(self.rank)

    @property
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
        owned = (self.slice(block, channel.population) for channel in self.channels)
        bases, _ = bases_of([hi - lo for lo, hi in owned], self.line)
        keys = [(channel.population, channel.receptor) for channel in self.channels]
        return dict(zip(keys, bases, strict=True))

    def largest_block(self, blocks: range) -> int:
        """Neurons of the largest of some blocks."""
        cuts = [self.slice(block, name) for block in blocks for name in self.populations]
        sizes = np.array([hi - lo for lo, hi in cuts], dtype=np.int64)
        return int(sizes.reshape(len(blocks), -1).sum(axis=1).max(initial=0))

    @property
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
        for channel in self.channels:
            if (channel.population, channel.receptor) == (population, receptor):
                return channel.scale
        raise KeyError(population, receptor)


def plan_network(
    net: Network,
    dtype: str = "float32",
    n_blocks: int | None = None,
    threads: int = 1,
    headroom: int = 0,
    updates: Updates = None,
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

    Raises
    ------
    ValidationError
        With every problem of the network and the options.
    """
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
    exact = dtype == "float64"
    sizes = [p.n for p in net.populations.values() if p.neuron for _ in p.neuron.receptors]
    n_sums = sum(sizes)
    sum_bits = max(n_sums - 1, 1).bit_length()
    # Without gaps where they would cost a bit of the weights.
    line = LINE if accumulators(sizes, 1, LINE) <= 1 << sum_bits else 1
    weight_bits = min(max(30 - sum_bits, _LEAST_WEIGHT_BITS), _MOST_WEIGHT_BITS)
    thin = thin_projections(net)
    channels = _channels(net, exact, weight_bits, headroom, thin)
    groups = exact_groups(net) if exact else integer_groups(net, channels, thin)
    # Without packed weights an entry is the accumulator alone: 16 bits name up to 65,536.
    packed = any(mode != CONSTANT for (mode, _), _ in groups)
    fitting = _CACHE_ACCUMULATORS if packed else 1 << 16
    blocks = int(n_blocks or 0) or max(threads, math.ceil(n_sums / fitting))
    while n_blocks is None and blocks < n_sums and accumulators(sizes, blocks, line) > fitting:
        blocks += 1
    room = 0
    if not exact and all(p.plasticity is None for p in net.projections.values()):
        bits = max(accumulators(sizes, blocks, line) - 1, 1).bit_length()
        room = max(0, (32 - weight_bits) - bits)
    inputs, populations = ranges_of(net.inputs), ranges_of(net.populations)
    tables = tuple(_table(mode, code, group, inputs, populations, room, blocks)
                   for (mode, code), group in groups)  # fmt: skip
    if not exact:
        _check_index(accumulators(sizes, blocks, line), 32 - weight_bits, blocks)
    return Plan(
        net, dtype, blocks, inputs, populations, channels, tables,
        32 - weight_bits, max((t.group_bits for t in tables), default=0), chosen, line,
    )  # fmt: skip


def _check_index(largest: int, index_bits: int, blocks: int) -> None:
    if largest > 1 << index_bits:
        raise ValidationError(
            f"simulate: expected at most {1 << index_bits} inputs (neurons x receptors) per block, "
            f"got {largest} with {blocks} blocks; pass blocks={2 * blocks}"
        )


def _channels(
    net: Network, exact: bool, weight_bits: int, headroom: int, thin: set[str]
) -> tuple[Channel, ...]:
    """One channel per population and receptor, with the unit of its sums.

    Units are powers of two, so dyadic weights are exact and no sum is rounded by its unit.
    Packed weights have ``weight_bits``. Where no weight is packed, the unit is as fine as
    the sum of four times the mean number of synapses allows.
    """
    largest: dict[tuple[str, int], float] = {}
    packed: set[tuple[str, int]] = set()
    synapses: dict[tuple[str, int], int] = {}
    for projection in net.projections.values():
        key = projection.post.name, projection.receptor
        largest[key] = max(largest.get(key, 0.0), weight_bound(projection))
        synapses[key] = synapses.get(key, 0) + projection.nnz
        own = projection.synapses.weight is None or projection.plasticity is not None
        if own or projection.name in thin:
            packed.add(key)
    channels = []
    for name, population in net.populations.items():
        assert population.neuron is not None  # validated
        for receptor in range(len(population.neuron.receptors)):
            key = name, receptor
            bits = weight_bits - 1
            if key not in packed:
                fan_in = 4 * synapses.get(key, 0) // population.n + 64
                bits = min(max(31 - fan_in.bit_length() - headroom, bits), _MOST_CONSTANT_BITS)
            biggest = largest.get(key, 0.0)
            scale = 1.0
            if not exact and biggest > 0.0:
                scale = 2.0 ** math.ceil(math.log2(biggest / ((1 << bits) - 1)))
            channels.append(Channel(name, receptor, scale))
    return tuple(channels)


def weight_bound(projection: Projection) -> float:
    """Largest magnitude that a synapse of a projection ever delivers."""
    bound = projection.synapses.weight_bound()
    rule = projection.plasticity
    if rule is None or not rule.changes_weights:
        return bound
    return max(abs(rule.w_min), abs(rule.w_max))


def _table(
    mode: int,
    code: int,
    group: list[Projection],
    inputs: Mapping[str, Range],
    populations: Mapping[str, Range],
    room: int,
    blocks: int,
) -> TablePlan:
    from_inputs = group[0].pre.is_input
    ranges = inputs if from_inputs else populations
    order = list(ranges)
    parts = [order.index(projection.pre.name) for projection in group]
    shortest = min(projection.synapses.min_delay for projection in group)
    longest = max(projection.synapses.max_delay for projection in group)
    n = max(sum(p.pre.n for p in distinct_sources(group)), 1)
    piece = sum(p.nnz for p in group) / n / (longest - shortest + 1) / blocks
    bits = 0
    learns = any(projection.plasticity is not None for projection in group)
    while (
        mode != EXACT
        and bits < room
        and piece * (1 << bits) < _SHORT
        and (1 << bits) < longest - shortest + 1
    ):
        bits += 1
    return TablePlan(
        mode, tuple(group), from_inputs,
        (ranges[order[min(parts)]][0], ranges[order[max(parts)]][1]),
        (min(parts), max(parts) + 1), code, shortest, longest, bits, learns,
    )  # fmt: skip
