# SPDX-License-Identifier: Apache-2.0
"""What one table of rows will hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from spikesim.kernels.deliver import EXACT
from spikesim.network import Projection
from spikesim.sim.layout.blocks import Range
from spikesim.sim.layout.groups import distinct_sources

_SHORT = 24
"""Mean synapses of a piece below which delays are grouped, though it takes more accumulators.

Measured with 0.3 G synapses in two blocks, mean 26: grouped delivery took 1.1 times as long.
"""


@dataclass(frozen=True, eq=False)
class TablePlan:
    """Projections whose synapses share one table of rows.

    Attributes
    ----------
    mode : int
        CONSTANT, PACKED, WIDE or EXACT; see ``kernels.deliver``.
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

    @cached_property
    def nnz(self) -> int:
        """Synapses of all projections of the table."""
        return sum(projection.nnz for projection in self.projections)


def plan_table(
    mode: int,
    code: int,
    group: list[Projection],
    sources: Mapping[str, tuple[int, Range]],
    room: int,
    blocks: int,
    n_sums: int,
) -> TablePlan:
    """Decide what one table holds, and how many delays a piece covers.

    Parameters
    ----------
    mode, code : int
        See ``TablePlan``.
    group : list of Projection
    sources : mapping of str to (part, (lo, hi))
        Number of each input among the inputs and of its lines, and the same of populations.
    room : int
        log2 of the delays that a piece may cover.
    blocks : int
        Blocks of targets.
    n_sums : int
        Accumulators of one tick; 0 where a piece cannot cover several delays.
    """
    from_inputs = group[0].pre.is_input
    spans = [sources[one.pre.name] for one in distinct_sources(group)]
    (first, (start, _)), (last, (_, stop)) = min(spans), max(spans)
    shortest = min(projection.synapses.min_delay for projection in group)
    longest = max(projection.synapses.max_delay for projection in group)
    n = max(sum(p.pre.n for p in distinct_sources(group)), 1)
    delays = longest - shortest + 1
    piece = sum(p.nnz for p in group) / n / delays / blocks
    bits = 0
    learns = any(projection.plasticity is not None for projection in group)
    if mode != EXACT:
        while bits < room and piece * (1 << bits) < _SHORT and (1 << bits) < delays:
            bits += 1
        sparse = n_sums > 0 and piece * (1 << bits) < 1.0
        while sparse and (1 << bits) < delays and n_sums << bits < n * blocks * delays >> bits + 1:
            # Most pieces are empty. Twice the sums take less memory than half the row table.
            bits += 1
    return TablePlan(
        mode, tuple(group), from_inputs, (start, stop), (first, last + 1), code, shortest, longest,
        bits, learns,
    )  # fmt: skip
