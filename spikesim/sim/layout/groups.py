# SPDX-License-Identifier: Apache-2.0
"""Which projections share a table of rows."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from spikesim.kernels.deliver import CONSTANT, EXACT, PACKED
from spikesim.network import Network, Projection

if TYPE_CHECKING:
    from spikesim.sim.layout.channels import Channel

PIECE = 40
"""Synapses that make a piece worth its start."""

Groups = list[tuple[tuple[int, int], list[Projection]]]


def exact_groups(net: Network) -> Groups:
    """Give every projection its own table, inputs and neurons in the order of insertion."""
    return [((EXACT, 0), [projection]) for projection in net.projections.values()]


def integer_groups(net: Network, channels: tuple[Channel, ...], thin: set[str]) -> Groups:
    """Group static projections by what their entries hold; those that learn stand alone."""
    scales = {(c.population, c.receptor): c.scale for c in channels}
    found: dict[tuple[bool, int, int], list[Projection]] = {}
    alone: Groups = []
    for projection in net.projections.values():
        weight = projection.synapses.weight
        if projection.plasticity is not None:
            alone.append(((EXACT, 0), [projection]))
        elif weight is None or projection.name in thin:
            found.setdefault((not projection.pre.is_input, PACKED, 0), []).append(projection)
        else:
            scale = scales[projection.post.name, projection.receptor]
            code = int(np.rint(np.float64(np.float32(weight)) / scale))
            key = not projection.pre.is_input, CONSTANT, code
            found.setdefault(key, []).append(projection)
    # Inputs first; a stable sort keeps the order of insertion on each side.
    ordered = sorted(found.items(), key=lambda item: item[0][0])
    return [((mode, code), group) for (_, mode, code), group in ordered] + alone


def thin_projections(net: Network) -> set[str]:
    """Names of the projections of one weight that are cheaper as part of a packed table.

    A table per weight saves two bytes per synapse, but each starts its own pieces.
    """
    thin: set[str] = set()
    for from_inputs in (True, False):
        by_weight: dict[float | None, list[Projection]] = {}
        for projection in net.projections.values():
            if projection.pre.is_input is from_inputs and projection.plasticity is None:
                by_weight.setdefault(projection.synapses.weight, []).append(projection)
        if len(by_weight) <= 2:
            continue
        for weight, group in by_weight.items():
            rows = max(sum(p.pre.n for p in distinct_sources(group)), 1)
            if weight is not None and sum(p.nnz for p in group) < 2 * PIECE * rows:
                thin |= {projection.name for projection in group}
    return thin


def distinct_sources(projections: list[Projection]) -> list[Projection]:
    """Give one projection for each population that they come from."""
    return list({p.pre.name: p for p in projections}.values())


def mean_piece(groups: Groups) -> float:
    """Mean synapses of a piece of a row, were all targets in one block; inf without rows.

    Of the rows of neurons, or, if there are none, of input lines.
    """
    for from_inputs in (False, True):
        synapses = pieces = 0
        for _, group in groups:
            if group[0].pre.is_input is from_inputs:
                synapses += sum(projection.nnz for projection in group)
                shortest = min(projection.synapses.min_delay for projection in group)
                longest = max(projection.synapses.max_delay for projection in group)
                rows = sum(projection.pre.n for projection in distinct_sources(group))
                pieces += rows * (longest - shortest + 1)
        if synapses:
            return synapses / pieces
    return math.inf
