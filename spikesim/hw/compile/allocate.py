# SPDX-License-Identifier: Apache-2.0
"""Pass 5: addresses for weight words and segments."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from spikesim.hw.compile.lower import Layer, Lowered, SourceRow
from spikesim.hw.config import CoreConfig
from spikesim.hw.generated import CYCLES_SEGMENT, MAX_CHAIN
from spikesim.hw.image import PARAM_DTYPE, SEGMENT_DTYPE, Table
from spikesim.hw.program import Program

# A hole of h all-zero groups costs h words and h cycles if it is kept, one entry and
# CYCLES_SEGMENT cycles if the segment is split there. So it is split when that saves cycles;
# a scarce table keeps longer holes, scarce weight memory gives up every hole.
_SPLIT_HOLES = (CYCLES_SEGMENT + 1, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 1 << 30)


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


def choose_segments(lowered: Lowered, config: CoreConfig) -> tuple[Needs, list[str]]:
    """Give the first way to split that fits, or the best one and why it does not.

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
            f"{config.weight_words}; prune whole groups, use fewer neurons, or build the core with "
            "a larger WWORDS"
        )
    if fewest.segments > config.n_segments:
        problems.append(
            f"synapses: need {fewest.segments} row segments, the core has {config.n_segments}; use "
            "fewer different delays per source or build the core with a larger NSEG"
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
            f"{config.n_segments}; prune whole groups or build the core with larger WWORDS or NSEG"
        )
    return fewest, problems


def allocate(
    lowered: Lowered,
    need: Needs,
    config: CoreConfig,
    outputs: tuple[str, ...],
    meta: Mapping[str, str | int],
) -> Program:
    """Give every segment its entry and its words.

    Extensions of a row go to entries of sources without a row and to those beyond all sources.
    """
    sources = {**need.axon_pieces}
    sources |= {config.n_axons + j: pieces for j, pieces in need.neuron_pieces.items()}
    segments = np.zeros(config.n_segments, SEGMENT_DTYPE)
    free = iter([k for k in range(config.n_segments) if k not in sources])
    words: list[Layer] = []
    base = 0
    for source in sorted(sources):
        entry = source
        for k, piece in enumerate(sources[source]):
            if k > 0:
                following = next(free)
                segments[entry]["more"], segments[entry]["next"] = 1, following
                entry = following
            segment = segments[entry]
            segment["base"], segment["first"] = base, piece.first
            segment["count"], segment["delay"] = len(piece.words) - 1, piece.delay
            segment["valid"] = k == 0
            words.append(piece.words)
            base += len(piece.words)
    used = int(np.max(np.flatnonzero(_occupied(segments)), initial=-1)) + 1
    params = np.zeros(config.n_neurons, PARAM_DTYPE)
    params["v_th"] = config.max_state
    params[: lowered.params.size] = lowered.params
    return Program(
        config=config,
        weights=np.concatenate(words) if words else np.zeros((0, config.lanes), np.int16),
        segments=segments[:used],
        params=params,
        populations=lowered.populations,
        inputs=lowered.inputs,
        groups=lowered.groups,
        outputs=outputs,
        meta=meta,
    )


def _occupied(segments: Table) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    occupied: np.ndarray[tuple[int, ...], np.dtype[np.bool_]] = segments["valid"] == 1
    occupied[segments["next"][segments["more"] == 1]] = True
    return occupied
