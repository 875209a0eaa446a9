# SPDX-License-Identifier: Apache-2.0
"""The inputs of populations through their receptors, and the units of their sums."""

from __future__ import annotations

import math
from dataclasses import dataclass

from spikesim.network import Network, Projection
from spikesim.sim.layout.pools import accumulator_order

_MOST_CONSTANT_BITS = 23
"""Beyond this, a single weight would already be rounded when it becomes a float32."""


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


def make_channels(
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
    for key in accumulator_order(net):
        bits = weight_bits - 1
        if key not in packed:
            fan_in = 4 * synapses.get(key, 0) // net.populations[key[0]].n + 64
            bits = min(max(31 - fan_in.bit_length() - headroom, bits), _MOST_CONSTANT_BITS)
        biggest = largest.get(key, 0.0)
        scale = 1.0
        if not exact and biggest > 0.0:
            scale = 2.0 ** math.ceil(math.log2(biggest / ((1 << bits) - 1)))
        channels.append(Channel(*key, scale))
    return tuple(channels)


def weight_bound(projection: Projection) -> float:
    """Largest magnitude that a synapse of a projection ever delivers."""
    bound = projection.synapses.weight_bound()
    rule = projection.plasticity
    if rule is None or not rule.changes_weights:
        return bound
    return max(abs(rule.w_min), abs(rule.w_max))
