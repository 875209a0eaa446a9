# SPDX-License-Identifier: Apache-2.0
"""Deliver what is due: no delay ring, but pieces of rows that are sorted by delay.

A *piece* is the part of a source's row whose delays fall into one group. In each tick
every recent spike delivers the one piece that is due now, into one accumulator vector that
stays in the cache. Measured against delay rings on 0.3 G synapses: 3 to 6.5 times faster.
"""

from __future__ import annotations

import numpy as np

from spikesim.kernels.intrinsics import prefetch
from spikesim.kernels.jit import kernel

# What an entry of a row is (argument ``mode``, compiled in, so that the other loops vanish).
CONSTANT, PACKED, EXACT, WIDE = 0, 1, 2, 3
PIECES = 1024
"""Pieces listed at a time: enough to prefetch ahead, few enough for L1."""
_AHEAD = 16
"""Spikes whose place in the row table is asked for ahead; measured: a fifth of the listing."""
_PIECES_AHEAD = 8
_LOW = 0xFFFFFFFF


@kernel
def list_pieces(tick, clock, fired, marks, pops, group, offsets, cursor, pieces):
    """List due pieces until all are listed or ``pieces`` is full.

    Parameters
    ----------
    tick, clock, fired, marks, pops, group, offsets : see ``deliver``
    cursor : int64 array, shape (3,)
        Group, block and spike to go on with; changed.
    pieces : uint32 array, shape (PIECES, 2)
        Begin and end of each piece; written.

    Returns
    -------
    int
        Number of pieces; fewer than PIECES only when no more are due.
    """
    first_pop, last_pop, first_source, n_sources = pops[0], pops[1], pops[2], pops[3] - pops[2]
    n_groups, lowest, size, delay = group[0], group[1], group[2], group[3]
    count, end = 0, fired.shape[1] - 1
    g, b, k = cursor[0], cursor[1], cursor[2]
    # Longest delay first: the oldest spikes are added first.
    while g >= lowest:
        row = tick - delay - g * size - clock[0]
        while b < fired.shape[0]:
            last = marks[b, row, last_pop]
            if k < 0:
                k = marks[b, row, first_pop]
            while k < last:
                source = np.int64(fired[b, k]) - first_source
                later = np.int64(fired[b, min(k + _AHEAD, end)]) - first_source
                prefetch(offsets, later * n_groups + g)
                k += 1
                if source < 0 or source >= n_sources:
                    continue
                at = source * n_groups + g
                if offsets[at] < offsets[at + 1]:
                    pieces[count, 0] = offsets[at]
                    pieces[count, 1] = offsets[at + 1]
                    count += 1
                    if count == pieces.shape[0]:
                        cursor[0], cursor[1], cursor[2] = g, b, k
                        return count
            b += 1
            k = -1
        b = 0
        g -= 1
    cursor[0], cursor[1], cursor[2] = g, 0, -1
    return count


@kernel
def nothing_due(tick, clock, marks, pops, group):
    """Whether no spike is due: in small networks most ticks, and most tables."""
    for g in range(group[1], group[4]):
        row = tick - group[3] - g * group[2] - clock[0]
        for b in range(marks.shape[0]):
            if marks[b, row, pops[0]] < marks[b, row, pops[1]]:
                return False
    return True


@kernel
def scatter(count, pieces, mode, shift, index, weights, weight, base, ring_mask, acc):
    """Add ``count`` pieces to the accumulators; gives the number of synaptic events."""
    events = np.int64(0)
    mask = (np.int64(1) << shift) - 1
    line = 64 // index.itemsize
    # Into L2, eight pieces ahead: nearer, farther or into L1 was slower. The first eight are asked
    # for together: where few are due in a tick, each would wait for memory alone.
    for p in range(-_PIECES_AHEAD, count):
        ahead = p + _PIECES_AHEAD
        if ahead < count:
            end = np.int64(pieces[ahead, 1])
            for j in range(np.int64(pieces[ahead, 0]), end, line):
                prefetch(index, j)
            prefetch(index, end - 1)
        if p < 0:
            continue
        lo, hi = np.int64(pieces[p, 0]), np.int64(pieces[p, 1])
        events += hi - lo
        if mode == 0 and ring_mask == 0:
            for j in range(lo, hi):
                acc[index[j]] += weight
        elif mode == 0:
            for j in range(lo, hi):
                acc[(np.int64(index[j]) + base) & ring_mask] += weight
        elif mode == 1 and ring_mask == 0:
            for j in range(lo, hi):
                entry = index[j]
                acc[np.int64(entry) & mask] += np.int32(entry) >> shift
        elif mode == 1 and ring_mask <= mask:
            for j in range(lo, hi):
                entry = index[j]
                # The mask of the ring takes the weight's bits off too.
                acc[(np.int64(entry) + base) & ring_mask] += np.int32(entry) >> shift
        elif mode == 1:
            # Other tables cover more delays with a piece: the ring is longer than this entry.
            for j in range(lo, hi):
                entry = index[j]
                acc[((np.int64(entry) & mask) + base) & ring_mask] += np.int32(entry) >> shift
        elif mode == 3 and ring_mask == 0:
            for j in range(lo, hi):
                entry = np.int64(index[j])
                acc[entry & _LOW] += np.int32(entry >> 32)
        elif mode == 3:
            for j in range(lo, hi):
                entry = np.int64(index[j])
                acc[((entry & _LOW) + base) & ring_mask] += np.int32(entry >> 32)
        else:
            for j in range(lo, hi):
                acc[index[j]] += weights[j]
    return events


@kernel
def deliver(
    tick,
    mode,
    shift,
    ring_mask,
    clock,
    fired,
    marks,
    pops,
    group,
    offsets,
    index,
    weights,
    weight,
    acc,
    stride,
    slots,
    pieces,
    cursor,
    events,
):
    """Deliver what one table of rows owes in a tick.

    Parameters
    ----------
    tick : int
    mode : int
        CONSTANT: ``index`` holds accumulators, all weights are ``weight``. PACKED: an
        entry holds the weight in its upper bits, and the accumulator in the lower
        ``shift`` bits. EXACT: ``index`` and ``weights`` go side by side. WIDE: as PACKED, in
        64 bits, half of them for the accumulator.
    shift, ring_mask : int
        Bits of the accumulator in a packed entry; slots * stride - 1, or 0 for one slot.
    clock : int64 array, shape (1,)
        Tick of row 0 of ``marks``.
    fired : int32 array, shape (blocks, capacity)
        Sources that fired, by block of the source.
    marks : int64 array, shape (blocks, rows, populations + 1)
        Where each population's spikes of a tick begin in ``fired``.
    pops : int64 array, shape (4,)
        First population, last population + 1; first source of the table, last source + 1.
    group : int64 array, shape (5,)
        Delay groups per row, first group to deliver, delays per group, shortest delay in
        ticks, last group to deliver + 1.
    offsets : uint32 array, shape (sources * groups + 1,)
        Where each piece begins.
    index, weights, weight : see ``mode``
    acc : int32 or float64 array, shape (slots * stride,)
        Input of the coming ``slots`` ticks; changed.
    stride, slots : int
    pieces : uint32 array, shape (PIECES, 2)
        Scratch.
    cursor : int64 array, shape (3,)
        Scratch; here it would be allocated in every tick.
    events : int64 array, shape (1,)
        Counts synaptic events.
    """
    if nothing_due(tick, clock, marks, pops, group):
        return
    base = (tick & (slots - 1)) * stride
    cursor[0], cursor[1], cursor[2] = group[4] - 1, 0, -1
    count = pieces.shape[0]
    while count == pieces.shape[0]:
        count = list_pieces(tick, clock, fired, marks, pops, group, offsets, cursor, pieces)
        events[0] += scatter(
            count, pieces, mode, shift, index, weights, weight, base, ring_mask, acc
        )


@kernel
def list_due(tick, clock, fired, marks, pops, group, offsets, lo, hi, slot, count, events):
    """List all pieces of one table that are due, for kernels that change the weights.

    Parameters
    ----------
    tick, clock, fired, marks, pops, group, offsets : see ``deliver``
    lo, hi, slot : int64 arrays
        Begin, end and number of each piece; written. Room for every piece of the table.
    count : int64 array, shape (1,)
        Written.
    events : int64 array, shape (1,)
        Counts synaptic events.
    """
    n = 0
    for g in range(group[4] - 1, group[1] - 1, -1):
        row = tick - group[3] - g * group[2] - clock[0]
        for b in range(fired.shape[0]):
            for k in range(marks[b, row, pops[0]], marks[b, row, pops[1]]):
                source = np.int64(fired[b, k])
                if source < pops[2] or source >= pops[3]:
                    continue
                at = (source - pops[2]) * group[0] + g
                if offsets[at] < offsets[at + 1]:
                    lo[n], hi[n], slot[n] = offsets[at], offsets[at + 1], at
                    events[0] += np.int64(offsets[at + 1]) - np.int64(offsets[at])
                    n += 1
    count[0] = n


@kernel
def list_due_of_many(
    tick, clock, fired, marks, pops, group, first, entries, begin, lo, hi, slot, count, events
):  # fmt: skip
    """List all pieces that are due of several tables with the same sources and delays.

    One look at a spike for all of them, and only at the pieces that there are. Those of a table
    come in the order of ``list_due``.

    Parameters
    ----------
    tick, clock, fired, marks, pops, group : see ``deliver``
    first : int64 array, shape (pieces of a table + 1,)
        Where the entries of each piece number begin.
    entries : uint32 array, shape (k, 3)
        Table, begin and end of a piece.
    begin : int64 array, shape (tables,)
        Where the room of each table begins in the lists.
    lo, hi, slot : int64 arrays
        Begin, end and number of each piece; written. Room for every piece of all tables.
    count : int64 array, shape (tables,)
        Pieces of each table that are due; written.
    events : int64 array, shape (1,)
        Counts synaptic events.
    """
    count[:] = 0
    for g in range(group[4] - 1, group[1] - 1, -1):
        row = tick - group[3] - g * group[2] - clock[0]
        for b in range(fired.shape[0]):
            for k in range(marks[b, row, pops[0]], marks[b, row, pops[1]]):
                source = np.int64(fired[b, k])
                if source < pops[2] or source >= pops[3]:
                    continue
                at = (source - pops[2]) * group[0] + g
                for entry in range(first[at], first[at + 1]):
                    table = np.int64(entries[entry, 0])
                    n = begin[table] + count[table]
                    lo[n], hi[n] = np.int64(entries[entry, 1]), np.int64(entries[entry, 2])
                    slot[n] = at
                    events[0] += hi[n] - lo[n]
                    count[table] += 1


@kernel
def list_fired(tick, clock, fired, marks, population, first, out, count):
    """List the neurons of a population that fired in this tick, counted from ``first``.

    Parameters
    ----------
    tick : int
    clock, fired, marks : arrays
        Record of one block; see ``loop.collect``.
    population, first : int
        Column of ``marks``, number of the first neuron.
    out : int32 array
        Written.
    count : int64 array, shape (1,)
        Written.
    """
    row = tick - clock[0]
    lo = marks[row, population]
    n = marks[row, population + 1] - lo
    for k in range(n):
        out[k] = fired[lo + k] - first
    count[0] = n
