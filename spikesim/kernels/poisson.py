# SPDX-License-Identifier: Apache-2.0
"""Random events drawn from hashed counters: any tick and any slice of lines, in any order.

A draw depends on (key, tick, line) alone. There is no generator state, so blocks, threads
and resumed runs draw the same. The number of events of a line in a tick is the number of
thresholds above a uniform number U of 62 bits::

    U = 16 bits of hash(key, tick, line // 4) . 46 bits of hash(tail key, tick, line)
    count = #{k : U < thresholds[k]},    thresholds[k] = floor(2**62 * P(count > k))

The first 16 bits are compared, in vector code, with the leading 16 bits of the thresholds,
and nearly always decide. Where the two are equal (a boundary cell), and in the outermost
cells, which hold the tails, the other 46 bits are drawn too and the count is exact.

The arrays that describe the distribution come from ``sim.inputs.distribution``; all kernels
take them as ``*table`` in this order:

keys : uint64 array, shape (2,)
    Key of the leading bits and of the tail.
thresholds : int64 array, shape (bins, K, m)
    Descending along axis 1, those of certain events left out; m is 1 (all lines alike) or
    the number of lines of the input.
leading : uint16 array, shape (bins, L, m)
    ``(thresholds >> 46) + 1`` of those between the outermost cells, then zeros. L is 1
    more than a multiple of 4.
sure : int32 array, shape (2, bins, m)
    Events that are certain, and events whenever U lies between the outermost cells.
cells : int64 array, shape (2,)
    The outermost cells are those < cells[0] and >= cells[1]. Between them no two
    thresholds of a line share a cell.
clock : int64 array, shape (3,)
    Ticks by which everything is late; ticks of a bin (0: one bin for ever); 1 to repeat.
hashes, counts : uint64 array, uint16 array
    Scratch, ``CHUNK_LINES // 4 + 1`` and ``CHUNK_LINES`` long; one pair per thread.
"""

from __future__ import annotations

import numpy as np

from spikesim.kernels.intrinsics import lane_mask, trailing_zeros
from spikesim.kernels.jit import kernel

# Lines drawn together: their hashes and counts (16 KB) stay in the L1 cache.
CHUNK_LINES = 4096

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31 = np.uint64(30), np.uint64(27), np.uint64(31)
_TAIL_BITS = 46
_TAIL_SHIFT = np.uint64(64 - _TAIL_BITS)
_ZERO, _ONE, _TWO = np.uint16(0), np.uint16(1), np.uint16(2)
_NONE, _LOWEST = np.uint64(0), np.uint64(1)
_ALL = np.uint16(0xFFFF)
_SOME_TICKS = 8


@kernel
def tick_word(key, tick, which):
    """Word ``which`` (0 or 1) of (key, tick): the finalizer of SplitMix64 on a counter."""
    z = key + (np.uint64(2) * np.uint64(tick) + np.uint64(which)) * _GAMMA
    z = (z ^ (z >> _S30)) * _FIRST
    z = (z ^ (z >> _S27)) * _SECOND
    return z ^ (z >> _S31)


@kernel
def hash_counter(start, salt, counter):
    """Hash of one counter; see ``hash_counters``."""
    z = start + np.uint64(counter) * _GAMMA
    z = (z ^ (z >> _S30)) * _FIRST
    z = (z ^ (z >> _S27) ^ salt) * _SECOND
    return z ^ (z >> _S31)


@kernel
def hash_counters(start, salt, first, out):
    """Hash the counters first, first + 1, … into ``out`` (SplitMix64, seekable).

    ``start`` offsets the counters. ``salt`` enters between the two multiplications, so two
    ticks whose ranges of counters happen to overlap still draw different numbers.
    """
    begin = start + np.uint64(first) * _GAMMA
    for j in range(out.size):
        z = begin + np.uint64(j) * _GAMMA
        z = (z ^ (z >> _S30)) * _FIRST
        z = (z ^ (z >> _S27) ^ salt) * _SECOND
        out[j] = z ^ (z >> _S31)


@kernel
def compare_shared(u, leading, sure, low, high, counts):
    """Set ``counts`` to twice the count, odd where the leading 16 bits do not decide.

    A saturating difference cut at 2 is 2 below a threshold, 1 in its cell, 0 above: one
    sum holds the count and the doubt (half the time of two comparisons). All constants are
    uint16, so that a vector holds 32 lines.
    """
    start, low, high = np.uint16(2 * sure), np.uint16(low), np.uint16(high)
    a = leading[0]
    for j in range(u.size):
        v = u[j]
        outside = _ONE if (v < low) | (v >= high) else _ZERO
        counts[j] = np.uint16(start + outside + min(np.uint16(max(a, v) - v), _TWO))
    for k in range(1, leading.size, 4):
        a, b, c, d = leading[k], leading[k + 1], leading[k + 2], leading[k + 3]
        for j in range(u.size):
            v = u[j]
            counts[j] += np.uint16(
                min(np.uint16(max(a, v) - v), _TWO)
                + min(np.uint16(max(b, v) - v), _TWO)
                + min(np.uint16(max(c, v) - v), _TWO)
                + min(np.uint16(max(d, v) - v), _TWO)
            )


@kernel
def compare_lines(u, leading, sure, row, line, low, high, counts):
    """Do the same with thresholds of each line, from the tables of all bins and lines."""
    low, high = np.uint16(low), np.uint16(high)
    # Cut like this the compiler knows that they are contiguous; else no vector code.
    a, certain = leading[row, 0, line : line + u.size], sure[1, row, line : line + u.size]
    for j in range(u.size):
        v = u[j]
        outside = _ONE if (v < low) | (v >= high) else _ZERO
        start = np.uint16(2 * certain[j])
        counts[j] = np.uint16(start + outside + min(np.uint16(max(a[j], v) - v), _TWO))
    for k in range(1, leading.shape[1]):
        a = leading[row, k, line : line + u.size]
        for j in range(u.size):
            v = u[j]
            counts[j] += min(np.uint16(max(a[j], v) - v), _TWO)


@kernel
def _exact_count(u, start, salt, line, thresholds):
    """How many of the descending thresholds lie above the 62-bit number of this line."""
    tail = np.int64(hash_counter(start, salt, line) >> _TAIL_SHIFT)
    number = (np.int64(u) << _TAIL_BITS) | tail
    lo, hi = 0, thresholds.size
    while lo < hi:
        middle = (lo + hi) // 2
        if number < thresholds[middle]:
            lo = middle + 1
        else:
            hi = middle
    return lo


@kernel
def _bin(tick, bins, clock):
    """Row of the tables for this tick, -1 where the input is silent."""
    since = tick - clock[0]
    if since < 0:
        return -1
    row = since // clock[1] if clock[1] > 0 else 0
    if row >= bins:
        return row % bins if clock[2] else -1
    return row


@kernel
def _settled(u, start, salt, row, line, thresholds, sure):
    """Twice the events of a line whose leading bits ``u`` leave doubt."""
    column = 0 if thresholds.shape[2] == 1 else line
    exact = _exact_count(u, start, salt, line, thresholds[row, :, column])
    return np.uint16(2 * (sure[0, row, column] + exact))


@kernel
def _draw(tick, row, line, n, keys, thresholds, leading, sure, cells, hashes, counts):
    """Twice the events of n <= CHUNK_LINES lines from ``line`` on into ``counts``."""
    group = line // 4
    words = hashes[: (line + n + 3) // 4 - group]
    hash_counters(tick_word(keys[0], tick, 0), tick_word(keys[0], tick, 1), group, words)
    # Lane i of a hash are its bits 16 i … 16 i + 15 (little endian).
    u = hashes.view(np.uint16)[line - 4 * group : line - 4 * group + n]
    if thresholds.shape[2] == 1:
        flat = leading[row, :, 0]
        compare_shared(u, flat, sure[1, row, 0], cells[0], cells[1], counts)
    else:
        compare_lines(u, leading, sure, row, line, cells[0], cells[1], counts)
    counts[n : min((n + 63) // 64 * 64, counts.size)] = _ZERO
    start, salt = tick_word(keys[1], tick, 0), tick_word(keys[1], tick, 1)
    for i in range(0, n, 64):
        odd = lane_mask(counts, i, _ONE)
        while odd != _NONE:
            j = i + trailing_zeros(odd)
            odd &= odd - _LOWEST
            counts[j] = _settled(u[j], start, salt, row, line + j, thresholds, sure)


@kernel
def poisson_drive(
    tick,
    keys,
    thresholds,
    leading,
    sure,
    cells,
    clock,
    hashes,
    counts,
    lo,
    n,
    acc,
    start,
    slots,
    stride,
    weight,
):
    """Add events times weight to the accumulator: ``acc[at + k]`` gets line lo + k.

    The draws are those of ``poisson_window``.

    Parameters
    ----------
    acc : int32 or float64 array
        Input of the neurons; int32 sums are fixed point and wrap, the caller bounds them.
    start, slots, stride : int
        ``at = start + (tick mod slots) * stride``; slots is a power of two.
    weight : array of the type of acc, shape (1,) or (n,)
        What one event adds.
    """
    due = tick - clock[0]
    row = _bin(tick, thresholds.shape[0], clock)
    if row < 0:
        return
    at = start + (tick & (slots - 1)) * stride
    for line in range(lo, lo + n, CHUNK_LINES):
        size = min(CHUNK_LINES, lo + n - line)
        _draw(due, row, line, size, keys, thresholds, leading, sure, cells, hashes, counts)
        own = acc[at + line - lo : at + line - lo + size]
        if weight.size == 1:
            w = weight[0]
            for j in range(size):
                own[j] += np.int32(counts[j] >> _ONE) * w
        else:
            ws = weight[line - lo : line - lo + size]
            for j in range(size):
                own[j] += np.int32(counts[j] >> _ONE) * ws[j]


@kernel
def _audible(row, n, thresholds, sure, groups):
    """List the groups of four lines of which one can have an event; gives how many.

    Most pixels of an image are dark. Four lines share a hash, so finer lists save nothing.
    """
    count = np.int64(0)
    for group in range((n + 3) // 4):
        some = np.int64(0)
        for line in range(4 * group, min(4 * group + 4, n)):
            some |= thresholds[row, 0, line] | np.int64(sure[0, row, line])
        groups[count] = group
        count += np.int64(some != 0)
    return count


@kernel
def _side_by_side(row, n, groups, leading, sure):
    """Tables of the lines of these groups alone, as row 0 of ``leading`` and ``sure``."""
    own_leading = np.zeros((1, leading.shape[1], 4 * groups.size), np.uint16)
    own_sure = np.zeros((2, 1, 4 * groups.size), np.int32)
    for g in range(groups.size):
        for line in range(4 * groups[g], min(4 * groups[g] + 4, n)):
            j = 4 * g + line - 4 * groups[g]
            own_sure[0, 0, j], own_sure[1, 0, j] = sure[0, row, line], sure[1, row, line]
            for k in range(leading.shape[1]):
                own_leading[0, k, j] = leading[row, k, line]
    return own_leading, own_sure


@kernel
def _list_events(
    begin, stop, row, own_row, n, keys, thresholds, leading, sure, own_leading, own_sure, cells,
    hashes, counts, groups, out, ends, at,
):  # fmt: skip
    """Events of begin <= tick < stop, all of one row, of the lines < n of some groups.

    A function of many arrays costs 0.1 us to call, so the loop over the ticks is in here.
    ``own_leading`` and ``own_sure`` hold the lines of the groups side by side in ``own_row``.
    """
    for tick in range(begin, stop):
        start, salt = tick_word(keys[0], tick, 0), tick_word(keys[0], tick, 1)
        other, pepper = tick_word(keys[1], tick, 0), tick_word(keys[1], tick, 1)
        for first in range(0, groups.size, CHUNK_LINES // 4):
            own = groups[first : first + CHUNK_LINES // 4]
            words = hashes[: own.size]
            for g in range(own.size):
                words[g] = hash_counter(start, salt, own[g])
            size = 4 * own.size - max(0, 4 * (own[-1] + 1) - n)
            u = hashes.view(np.uint16)[:size]
            if thresholds.shape[2] == 1:
                flat = own_leading[own_row, :, 0]
                compare_shared(u, flat, own_sure[1, own_row, 0], cells[0], cells[1], counts)
            else:
                compare_lines(
                    u, own_leading, own_sure, own_row, 4 * first, cells[0], cells[1], counts
                )
            counts[size : min((size + 63) // 64 * 64, counts.size)] = _ZERO
            for i in range(0, size, 64):
                some = lane_mask(counts, i, _ALL)
                while some != _NONE:
                    j = i + trailing_zeros(some)
                    some &= some - _LOWEST
                    line = 4 * own[j >> 2] + (j & 3)
                    if counts[j] & _ONE:
                        counts[j] = _settled(u[j], other, pepper, row, line, thresholds, sure)
                    more = np.int64(counts[j] >> _ONE)
                    for each in range(at, min(at + more, out.size)):
                        out[each] = line
                    at += more
        if at > out.size:
            return tick - begin
        ends[tick - begin] = at
    return stop - begin


@kernel
def poisson_window(
    begin, stop, keys, thresholds, leading, sure, cells, clock, hashes, counts, n, out, ends
):
    """Events of lines 0 .. n - 1 for begin <= tick < stop.

    Lines without rate are left out, which are most of those that show an image.

    Parameters
    ----------
    out : int32 array
        Gets one entry per event: its line, ascending in a tick, tick after tick.
    ends : int64 array, shape (stop - begin,)
        Where the events of each tick end in ``out``.

    Returns
    -------
    int
        Ticks done; less than asked for when ``out`` is full.
    """
    every = np.arange((n + 3) // 4)
    # To look for lines without rate costs as much as to draw them for some ticks.
    lasts = thresholds.shape[2] > 1 and (clock[1] == 0 or clock[1] >= _SOME_TICKS)
    tick, at = begin, np.int64(0)
    while tick < stop:
        due = tick - clock[0]
        row = _bin(tick, thresholds.shape[0], clock)
        until = stop
        if due < 0:
            until = min(stop, clock[0])
        elif clock[1] > 0:
            until = min(stop, tick - due % clock[1] + clock[1])
        groups, own_leading, own_sure = every[: every.size if row >= 0 else 0], leading, sure
        if lasts and row >= 0:
            groups = every.copy()
            groups = groups[: _audible(row, n, thresholds, sure, groups)]
            own_leading, own_sure = _side_by_side(row, n, groups, leading, sure)
        done = _list_events(
            due, due + until - tick, row, 0 if lasts else row, n, keys, thresholds, leading, sure,
            own_leading, own_sure, cells, hashes, counts, groups, out,
            ends[tick - begin : until - begin], at,
        )  # fmt: skip
        if done < until - tick:
            return tick + done - begin
        at, tick = ends[until - begin - 1], until
    return stop - begin
