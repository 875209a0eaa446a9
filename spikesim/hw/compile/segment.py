# SPDX-License-Identifier: Apache-2.0
"""A pass: cut the rows of all sources into segments that fit the core's memories."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from spikesim.hw.compile.check import roomy_cores
from spikesim.hw.compile.compilation import Compilation, made
from spikesim.hw.compile.lower import Layer, Lowered, SourceRow
from spikesim.hw.config import NAMED_CORES, CoreConfig, way_out
from spikesim.hw.generated import CYCLES_SEGMENT, MAX_CHAIN

# A hole of h all-zero groups costs h words and h cycles if it is kept, one entry and
# CYCLES_SEGMENT cycles if the segment is split there. So it is split when that saves cycles;
# a scarce table keeps longer holes, scarce weight memory gives up every hole.
_SPLIT_HOLES = (CYCLES_SEGMENT + 1, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 1 << 30)


def segment(compilation: Compilation) -> Compilation:
    """Choose the first way to cut the rows that fits, or say what none of them leaves room for."""
    lowered = made(compilation.lowered, "lower")
    roomy = roomy_cores(compilation.net)
    chosen, problems = choose_segments(lowered, compilation.config, roomy)
    return replace(compilation, needs=chosen).adding(problems=problems)


@dataclass(frozen=True)
class Piece:
    """One segment before it has an address: consecutive groups of one row."""

    first: int
    delay: int
    words: Layer


@dataclass(frozen=True)
class Needs:
    """What a choice of segments takes of the core."""

    words: int
    segments: int
    chain: int
    longest: str
    axon_pieces: Mapping[int, list[Piece]]
    neuron_pieces: Mapping[int, list[Piece]]

    def fits(self, config: CoreConfig) -> bool:
        """Whether the core holds it."""
        return (
            self.words <= config.weight_words
            and self.segments <= config.n_segments
            and self.chain <= MAX_CHAIN
        )


def split_row(rows: Iterable[SourceRow], hole: int) -> list[Piece]:
    """Segments of one source in image order, split at holes of at least ``hole`` groups.

    Examples
    --------
    >>> words = np.array([[1, 1], [0, 0], [0, 0], [2, 0]], np.int16)
    >>> [(p.first, len(p.words)) for p in split_row([SourceRow(0, words)], hole=2)]
    [(0, 1), (3, 1)]
    >>> [(p.first, len(p.words)) for p in split_row([SourceRow(0, words)], hole=3)]
    [(0, 4)]
    """
    pieces = []
    for row in rows:
        used = np.flatnonzero(row.words.any(axis=1))
        for run in np.split(used, np.flatnonzero(np.diff(used) > hole) + 1):
            first, last = int(run[0]), int(run[-1])
            pieces.append(Piece(first, row.delay, row.words[first : last + 1]))
    return sorted(pieces, key=lambda piece: (piece.first, piece.delay))


def needs(lowered: Lowered, hole: int) -> Needs:
    """Count what splitting at holes of at least ``hole`` groups takes."""
    axons = {source: split_row(rows, hole) for source, rows in lowered.axon_rows.items()}
    neurons = {source: split_row(rows, hole) for source, rows in lowered.neuron_rows.items()}
    chains = [(len(p), f"axon {s}") for s, p in axons.items()]
    chains += [(len(p), f"neuron {s}") for s, p in neurons.items()]
    longest = max(chains, default=(0, "no source"))
    every = [piece for pieces in (*axons.values(), *neurons.values()) for piece in pieces]
    return Needs(
        words=sum(len(piece.words) for piece in every),
        segments=len(every),
        chain=longest[0],
        longest=longest[1],
        axon_pieces=axons,
        neuron_pieces=neurons,
    )


def choose_segments(
    lowered: Lowered, config: CoreConfig, among: Iterable[str] = tuple(NAMED_CORES)
) -> tuple[Needs, list[str]]:
    """Give the first way to split that fits, or the best one and why it does not.

    Parameters
    ----------
    among : iterable of str
        Named cores that may be advised.

    Returns
    -------
    needs : Needs
    problems : list of str
        Empty when it fits.
    """
    tried = []
    for hole in _SPLIT_HOLES:
        need = needs(lowered, hole)
        if need.fits(config):
            return need, []
        tried.append(need)
    # No single choice fits: judge words by the sparsest and entries by the fewest.
    leanest = min(tried, key=lambda need: need.words)
    fewest = min(tried, key=lambda need: need.segments)
    problems = []
    if leanest.words > config.weight_words:
        problems.append(
            f"synapses: need {leanest.words} weight words of {config.lanes}, the core has "
            f"{config.weight_words}; prune whole groups, use fewer neurons, "
            f"{way_out('weight_words', leanest.words, among)}"
        )
    if fewest.segments > config.n_segments:
        problems.append(
            f"synapses: need {fewest.segments} row segments, the core has {config.n_segments}; use "
            f"fewer different delays per source, {way_out('n_segments', fewest.segments, among)}"
        )
    if fewest.chain > MAX_CHAIN:
        problems.append(
            f"synapses: {fewest.longest} of the core needs {fewest.chain} segments, a source may "
            f"have {MAX_CHAIN}; use fewer different delays per source"
        )
    if not problems:
        problems.append(
            f"synapses: need {leanest.words} weight words with {leanest.segments} segments, or "
            f"{fewest.words} with {fewest.segments}; the core has {config.weight_words} and "
            f"{config.n_segments}; prune whole groups, "
            f"{way_out('weight_words', fewest.words, among)} or NSEG"
        )
    return fewest, problems
