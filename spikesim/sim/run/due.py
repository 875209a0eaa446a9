# SPDX-License-Identifier: Apache-2.0
"""Lists of the pieces that are due, for kernels that change the weights."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spikesim.kernels.bind import Bound, bind
from spikesim.kernels.deliver import list_due, list_due_of_many
from spikesim.sim.layout.tables import Table
from spikesim.sim.run.state import State

Counts = npt.NDArray[np.int64]


class DuePieces(NamedTuple):
    """Pieces of one table that are due in this tick; ``n_due[0]`` of them."""

    lo: Counts
    hi: Counts
    slot: Counts
    n_due: Counts


def list_pieces_of(
    tables: list[Table], state: State, block: int, events: Counts
) -> tuple[list[Bound], list[DuePieces]]:
    """Kernels that list what is due of some tables, and where.

    A spike is looked at once for all tables with the same sources and delays: a thousand small
    projections from one population would be asked in vain most of the time.

    Parameters
    ----------
    tables : list of Table
    state : State
    block : int
    events : int64 array, shape (1,)
        Counts synaptic events.
    """
    alike: dict[tuple[bool, tuple[int, ...], tuple[int, ...]], list[int]] = {}
    group: tuple[int, ...]
    for k, table in enumerate(tables):
        spec = table.plan
        group = (spec.n_groups, 0, 1, spec.shortest, spec.n_groups)
        key = spec.from_inputs, (*spec.parts, *table.sources), group
        alike.setdefault(key, []).append(k)
    kernels: list[Bound] = []
    found: dict[int, DuePieces] = {}
    for (from_inputs, pops, group), members in alike.items():
        record = state.inputs if from_inputs else state.record
        spikes = (record.clock, record.fired, record.marks, np.array(pops), np.array(group))
        offsets = [tables[k].offsets[block] for k in members]
        if len(members) == 1:
            pieces = _room(offsets[0].size)
            kernels.append(bind(list_due, *spikes, *offsets, *pieces, events))
            found[members[0]] = pieces
            continue
        first, entries, begin = _index(offsets)
        pieces = _room(entries.shape[0], len(members))
        kernels.append(bind(list_due_of_many, *spikes, first, entries, begin, *pieces, events))
        ends = [*begin[1:].tolist(), entries.shape[0]]
        for line, k in enumerate(members):
            part = slice(int(begin[line]), ends[line])
            lists = (pieces.lo[part], pieces.hi[part], pieces.slot[part])
            found[k] = DuePieces(*lists, pieces.n_due[line : line + 1])
    return kernels, [found[k] for k in range(len(tables))]


def _room(pieces: int, tables: int = 1) -> DuePieces:
    """Room for every piece costs nothing until it is used; each source fires once per tick."""
    lo, hi, slot = (np.empty(pieces, dtype=np.int64) for _ in range(3))
    return DuePieces(lo, hi, slot, np.zeros(tables, dtype=np.int64))


def _index(offsets: list[npt.NDArray[np.uint32]]) -> tuple[Counts, npt.NDArray[np.uint32], Counts]:
    """Pieces that are not empty by their number; see ``list_due_of_many``."""
    slots = [np.flatnonzero(part[1:] > part[:-1]) for part in offsets]
    begin = np.cumsum([0, *(part.size for part in slots)])
    entries = np.empty((int(begin[-1]), 3), dtype=np.uint32)
    for line, (part, own) in enumerate(zip(offsets, slots, strict=True)):
        rows = entries[begin[line] : begin[line + 1]]
        rows[:, 0], rows[:, 1], rows[:, 2] = line, part[own], part[own + 1]
    at = np.concatenate(slots)
    first = np.zeros(offsets[0].size, dtype=np.int64)
    np.cumsum(np.bincount(at, minlength=first.size - 1), out=first[1:])
    return first, entries[np.argsort(at, kind="stable")], begin[:-1].astype(np.int64)
