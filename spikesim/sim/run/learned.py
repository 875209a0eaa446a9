# SPDX-License-Identifier: Apache-2.0
"""What projections have learned, in an order that knows nothing of blocks, threads and ranks.

A projection is cut into blocks of targets, and by threads into ranges of sources. A checkpoint
holds it whole: what synapses have by source, delay and target; what rows (the synapses of one
source and delay) have by source and delay; what targets have by their number.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError
from spikesim.kernels.plastic_arrays import STATE
from spikesim.kernels.rows import copy_rows
from spikesim.sim.layout.plan import Plan
from spikesim.sim.parallel.mpi import Ranks
from spikesim.sim.run.learners import Learner

Array = npt.NDArray[Any]
Counts = npt.NDArray[np.int64]


def gather_learned(learners: list[Learner], ranks: Ranks) -> dict[str, Array]:
    """Give all that rules have learned, as ``projection/array``; whole on rank 0 only.

    ``learners`` are those of the own blocks.
    """
    out: dict[str, Array] = {}
    for name, whole in _projections(learners, ranks):
        out |= {f"{name}/{key}": value for key, value in whole.gather().items()}
    return out


def scatter_learned(
    plan: Plan, learners: list[Learner], ranks: Ranks, saved: dict[str, Array]
) -> None:
    """Give every learner its part of what ``gather_learned`` gave.

    Raises
    ------
    ValidationError
        If it is that of other synapses.
    """
    for name, whole in _projections(learners, ranks):
        prefix = f"{name}/"
        whole.scatter(plan, {k[len(prefix) :]: v for k, v in saved.items() if k.startswith(prefix)})


def _projections(learners: list[Learner], ranks: Ranks) -> Iterator[tuple[str, _Whole]]:
    for name in dict.fromkeys(one.projection.name for one in learners):
        yield name, _Whole([one for one in learners if one.projection.name == name], ranks)


class _Whole:
    """One projection: its parts on this rank, and the lengths of its rows on all ranks."""

    def __init__(self, parts: list[Learner], ranks: Ranks) -> None:
        self.ranks = ranks
        numbers = dict.fromkeys(part.block for part in parts)
        self.blocks = [[part for part in parts if part.block == block] for block in numbers]
        self.counts: list[Counts] = [
            np.concatenate([np.diff(_offsets(part)) for part in block]) for block in self.blocks
        ]
        self.lengths = ranks.every(np.sum(self.counts, axis=0))

    def gather(self) -> dict[str, Array]:
        """Arrays by name; only the part of this rank, if it is not rank 0."""
        blocks = [[part.synapses.state() for part in block] for block in self.blocks]
        out = {}
        for key, value in blocks[0][0].items():
            if key in STATE["synapse"]:
                out[key] = self._synapses(key)
            elif key in STATE["target"]:
                # All parts of a block see the same post spikes.
                column = np.concatenate([parts[0][key] for parts in blocks])
                out[key] = np.moveaxis(self.ranks.join(np.moveaxis(column, 0, -1)), -1, 0)
            elif key in STATE["block"]:
                out[key] = value
        last, pre = (
            [np.concatenate([part[key] for part in parts]) for parts in blocks]
            for key in ("last", "pre")
        )
        out["last"], out["pre"] = self._rows(last, pre)
        return out

    def scatter(self, plan: Plan, saved: dict[str, Array]) -> None:
        """Put the own parts of saved arrays in place."""
        problem = self._problem(saved)
        if problem:
            raise ValidationError(problem)
        before = self.lengths[: self.ranks.rank].sum(axis=0)
        for part, rows, begin in self._places(_starts(self.lengths.sum(axis=0)) + before):
            lo, hi = plan.slice(part.block, part.projection.post.name)
            state = {}
            for key, value in saved.items():
                if key in STATE["synapse"]:
                    state[key] = _take(part, begin, value)
                elif key in STATE["slot"]:
                    state[key] = value[rows]
                else:
                    state[key] = value[lo:hi] if key in STATE["target"] else value
            part.synapses.restore(state)

    def _problem(self, saved: dict[str, Array]) -> str:
        """Say why nothing can be taken from saved arrays; "" if it can."""
        part = self.blocks[0][0]
        total = int(self.lengths.sum())
        for key, mine in part.synapses.state().items():
            value = saved.get(key)
            size = total if key in STATE["synapse"] else None
            if (
                value is None
                or (value.dtype, value.ndim) != (mine.dtype, mine.ndim)
                or size not in (None, value.size)
            ):
                got = "nothing" if value is None else f"{value.dtype} {value.shape}"
                return (
                    f"projection {part.projection.name!r}: expected {key!r} of {total} synapses as "
                    f"{mine.dtype}, got {got}; resume with the network, dtype and updates of "
                    "the checkpoint"
                )
        return ""

    def _places(self, start: Counts) -> Iterator[tuple[Learner, slice, Counts]]:
        """Own parts, their rows, and where these begin if those of the first block do at start."""
        start = start.copy()
        for block, counts in zip(self.blocks, self.counts, strict=True):
            lo = 0
            for part in block:
                hi = lo + _offsets(part).size - 1
                yield part, slice(lo, hi), start[lo:hi]
                lo = hi
            start += counts

    def _synapses(self, key: str) -> Array:
        lengths = self.lengths[self.ranks.rank]
        mine = np.empty(int(lengths.sum()), self.blocks[0][0].synapses.arrays[key].dtype)
        for part, _, begin in self._places(_starts(lengths)):
            values, order = part.synapses.arrays[key], _order(part)
            offsets = _offsets(part)
            values = values if order is None else values[order]
            copy_rows(np.diff(offsets), values, offsets, mine, begin)
        joined = self.ranks.join(mine)
        if self.ranks.size == 1 or self.ranks.rank > 0:
            return joined
        whole, start, at = np.empty_like(joined), _starts(self.lengths.sum(axis=0)), 0
        for lengths in self.lengths:
            offsets = at + np.append(0, np.cumsum(lengths))
            copy_rows(lengths, joined, offsets, whole, start)
            start, at = start + lengths, int(offsets[-1])
        return whole

    def _rows(self, last: list[Array], pre: list[Array]) -> tuple[Array, Array]:
        """Last arrival and traces of each row; a block without synapses of a row knows neither."""
        join, mine = self.ranks.join, _newest(last, pre)
        n = len(self.lengths) if self.ranks.rank == 0 else 1
        return _newest(
            np.split(join(mine[0]), n), [one.T for one in np.split(join(mine[1].T), n, axis=1)]
        )


def _newest(last: list[Array], pre: list[Array]) -> tuple[Array, Array]:
    when, traces = last[0].copy(), pre[0].copy()
    for other, values in zip(last, pre, strict=True):
        later = other > when
        when[later], traces[later] = other[later], values[later]
    return when, traces


def _starts(lengths: Counts) -> Counts:
    return np.cumsum(lengths) - lengths


def _offsets(part: Learner) -> Counts:
    return part.synapses.arrays["slot_start"].astype(np.int64)


def _order(part: Learner) -> Array | None:
    """Order of the synapses by row and target; None where they stand so, as mostly they do."""
    offsets, targets = _offsets(part), part.synapses.arrays["targets"]
    (falls,) = np.nonzero(targets[1:] < targets[:-1])
    falls += 1
    if np.array_equal(offsets[np.searchsorted(offsets, falls)], falls):
        return None
    return np.lexsort((targets, np.repeat(np.arange(offsets.size - 1), np.diff(offsets))))


def _take(part: Learner, begin: Counts, saved: Array) -> Array:
    values, order = np.empty(part.synapses.arrays["targets"].size, saved.dtype), _order(part)
    offsets = _offsets(part)
    copy_rows(np.diff(offsets), saved, begin, values, offsets)
    if order is not None:
        values[order] = values.copy()
    return values
