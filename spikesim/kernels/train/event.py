# SPDX-License-Identifier: Apache-2.0
"""Products of spikes and a matrix as sums of the rows that spikes choose.

The matrix lies in stripes of 256 bytes a row, one stripe of all rows after the other, so that a
stripe stays in the cache while all sums of its columns are made. Tables of int32 hold multiples of
a power of two (`spikesim.nn.arithmetic.exact`), of at most 24 bits and a sign; sums of up to 127 of
them fit 32 bits, and those are added in 64.
"""

from __future__ import annotations

import math

import numpy as np

from spikesim.kernels.intrinsics import trailing_zeros
from spikesim.kernels.jit import kernel
from spikesim.kernels.train.event_rows import (
    PANEL,
    STRIPE_BYTES,
    add_sum_of_rows,
    mask_unequal,
    multiply_panel,
    store_entries,
    store_scaled,
    sum_rows,
    sum_scaled_rows,
)

_BITS = 24
_EXACT_TERMS = 127
_LINE = 64  # vectors that cross cache lines take twice as long
_MASK = 64
_ROWS = 256  # of a product, for which a stripe stays in the cache


@kernel
def integers_of(top):
    """Factor that makes integers of 24 bits of a table with this largest entry.

    0 where there is none, or where its unit, or that times a sum, is no normal float32.
    """
    if not math.isfinite(top):
        return 0.0
    exponent = math.frexp(top)[1]
    return math.ldexp(1.0, _BITS - exponent) if -100 <= exponent < 120 else 0.0


def lanes_of(dtype) -> int:
    """Columns of a stripe."""
    return STRIPE_BYTES // np.dtype(dtype).itemsize


def table_for(height: int, width: int, dtype) -> np.ndarray:
    """Room for a matrix of so many rows and columns in stripes."""
    return vectors(-(-width // lanes_of(dtype)) * height * lanes_of(dtype), dtype)


def vectors(n: int, dtype) -> np.ndarray:
    """Room for so many numbers from the beginning of a cache line on."""
    room = np.empty(n * np.dtype(dtype).itemsize + _LINE, np.uint8)
    start = -room.ctypes.data % _LINE
    return room[start : room.size - _LINE + start].view(dtype)


@kernel
def list_row(x, at, n, count, index):
    """List the columns of what is not 0 among ``x[at:][:n]``, behind ``index[:count]``.

    Returns
    -------
    count : int
        Of the list, with what was found.
    odd : bool
        Whether there was anything but 0 and 1.
    """
    odd = np.uint64(0)
    if n < _MASK:
        for j in range(n):
            if x[at + j] != 0:
                odd |= np.uint64(x[at + j] != 1)
                index[count] = j
                count += 1
        return count, odd != 0
    for first in range(0, n, _MASK):
        # The last columns are seen at the end of a mask that has others before.
        known = max(0, first + _MASK - n)
        set_bits = mask_unequal(x, at + first - known, 0.0)
        odd |= set_bits & mask_unequal(x, at + first - known, 1.0)
        set_bits >>= np.uint64(known)
        while set_bits:
            index[count] = first + trailing_zeros(set_bits)
            count += 1
            set_bits &= set_bits - np.uint64(1)
    return count, odd != 0


@kernel
def list_events(x, n, begin, index):
    """List the columns of what is not 0 in every row of a matrix.

    Parameters
    ----------
    x : float array, shape (m * n,)
        Row after row.
    n : int
        Columns.
    begin : int64 array, shape (m + 1,)
        Where the list of each row begins in ``index``; written.
    index : int32 array, shape (m * n,)
        Written as far as there are events.

    Returns
    -------
    bool
        Whether there is nothing but 0 and 1 in ``x``; what is not 0 is listed in any case.
    """
    count, spikes = 0, True
    for r in range(begin.size - 1):
        begin[r] = count
        count, odd = list_row(x, r * n, n, count, index)
        spikes &= not odd
    begin[begin.size - 1] = count
    return spikes


@kernel
def bits_of_lists(begin, index, words, bits):
    """Write lists as bits, ``words`` of 64 for every row; an eighth of the room of bytes.

    ``bits`` : uint64 array, shape (m * words,).
    """
    bits[:] = 0
    for r in range(begin.size - 1):
        for k in range(begin[r], begin[r + 1]):
            bits[r * words + (index[k] >> 6)] |= np.uint64(1) << np.uint64(index[k] & 63)


@kernel
def lists_of_bits(bits, words, begin, index):
    """Go back from bits to lists; see `bits_of_lists` and `list_events`."""
    count = 0
    for r in range(begin.size - 1):
        begin[r] = count
        for w in range(words):
            set_bits = bits[r * words + w]
            while set_bits:
                index[count] = 64 * w + trailing_zeros(set_bits)
                count += 1
                set_bits &= set_bits - np.uint64(1)
    begin[begin.size - 1] = count


@kernel
def turn_lists(begin, index, begin_of_column, rows):
    """From the columns of every row to the rows of every column, in ascending order.

    Parameters
    ----------
    begin, index
        As `list_events` writes them.
    begin_of_column : int64 array, shape (n + 1,)
        Written.
    rows : int32 array
        As many as events; written.
    """
    n = begin_of_column.size - 1
    begin_of_column[:] = 0
    for k in range(begin[0], begin[begin.size - 1]):
        begin_of_column[index[k] + 1] += 1
    for j in range(n):
        begin_of_column[j + 1] += begin_of_column[j]
    for r in range(begin.size - 1):
        for k in range(begin[r], begin[r + 1]):
            rows[begin_of_column[index[k]]] = r
            begin_of_column[index[k]] += 1
    for j in range(n, 0, -1):
        begin_of_column[j] = begin_of_column[j - 1]
    begin_of_column[0] = 0


@kernel
def _lay_stripe(matrix, lo, hi, width, first, scale, row, table, to):
    """Lay the columns from ``first`` on, of the rows lo … hi - 1, in ``table[to:]``."""
    lanes = row.size
    n = min(lanes, width - first)
    for r in range(lo, hi):
        at, place = r * width + first, to + (r - lo) * lanes
        if n == lanes:
            store_entries(matrix, at, scale, table, place)
            continue
        for c in range(n):
            row[c] = matrix[at + c]
        store_entries(row, 0, scale, table, place)


@kernel
def stripes_of(matrix, height, width, scale, row, table):
    """Lay the rows of a matrix in stripes.

    Parameters
    ----------
    matrix : float array, shape (height * width,)
        Row after row.
    height, width : int
    scale : float
        By which entries are multiplied and rounded where the table holds integers.
    row : array of the lanes of a stripe, type of the matrix
        Scratch.
    table : int32 or float array
        Written.
    """
    for first in range(0, width, row.size):
        _lay_stripe(matrix, 0, height, width, first, scale, row, table, first * height)


@kernel
def _sum_many_rows(table, base, index, lo, hi, part, total):
    """As `sum_rows` into ``total``, whatever the number of terms."""
    total[:] = 0
    while lo < hi:
        end = min(lo + _EXACT_TERMS, hi)
        sum_rows(table, base, index, lo, end, part)
        for c in range(total.size):
            total[c] += part[c]
        lo = end


@kernel
def event_sums(table, height, width, index, begin, unit, part, total, out):
    """Sum the rows of a table that each list names.

    Parameters
    ----------
    table : int32 or float array
        Matrix (height, width) in stripes.
    height, width : int
    index, begin : int32 and int64 arrays
        Lists of rows.
    unit : float
        By which sums are multiplied; a power of two.
    part, total : arrays of the lanes of a stripe
        Scratch: of the type of the table, and int64 where that is int32.
    out : float array, shape (lists * width,)
        Written. float32, or the type of ``total``.
    """
    lanes = part.size
    for first in range(0, width, lanes):
        n = min(lanes, width - first)
        for r in range(begin.size - 1):
            lo, hi, at = begin[r], begin[r + 1], r * width + first
            if hi - lo <= _EXACT_TERMS:
                sum_rows(table, first * height, index, lo, hi, part)
                if n == lanes:
                    store_scaled(part, unit, out, at)
                else:
                    for c in range(n):
                        out[at + c] = part[c] * unit
                continue
            _sum_many_rows(table, first * height, index, lo, hi, part, total)
            for c in range(n):
                out[at + c] = total[c] * unit


@kernel
def add_event_sums(table, height, index, begin, unit, part, total, out):
    """Add what `event_sums` gives to ``out``, which lies in stripes as the table does.

    Lists of nothing leave it as it is.
    """
    lanes, lists, number = part.size, begin.size - 1, out.dtype.type
    for stripe in range(table.size // (height * lanes)):
        for r in range(lists):
            base, at = stripe * height * lanes, (stripe * lists + r) * lanes
            lo, hi = begin[r], begin[r + 1]
            if 0 < hi - lo <= _EXACT_TERMS:
                add_sum_of_rows(table, base, index, lo, hi, unit, out, at)
            elif lo < hi:
                _sum_many_rows(table, base, index, lo, hi, part, total)
                for c in range(lanes):
                    out[at + c] = out[at + c] + number(total[c] * unit)


@kernel
def turned_sums(
    matrix, width, scale, index, begin, turned, begin_turned, row, table, part, total, sums
):
    """Sum the rows of a matrix that name a column, for every column; exact.

    A part of the rows at a time, so that a stripe of them stays in the cache.

    Parameters
    ----------
    matrix : float array, shape (rows * width,)
        Row after row.
    width : int
    scale : float
        As of `stripes_of`.
    index, begin : int32 and int64 arrays
        Lists of columns, of every row.
    turned, begin_turned : int32 and int64 arrays, shapes as of index and (parts, columns + 1)
        Scratch.
    row, part, total
        Scratch, as of `stripes_of` and `event_sums`.
    table : int32 array
        Scratch for one stripe of one part, which tells how many rows that is.
    sums : float64 array, shape (stripes of width, columns * lanes)
        Zeros, to which sums are added.
    """
    rows, lanes = begin.size - 1, part.size
    high = table.size // lanes
    for p in range(begin_turned.shape[0]):
        lo, hi = p * high, min((p + 1) * high, rows)
        turn_lists(begin[lo : hi + 1], index, begin_turned[p], turned[begin[lo] :])
    for stripe in range(sums.shape[0]):
        for p in range(begin_turned.shape[0]):
            lo, hi = p * high, min((p + 1) * high, rows)
            _lay_stripe(matrix, lo, hi, width, stripe * lanes, scale, row, table, 0)
            add_event_sums(
                table, high, turned[begin[lo] :], begin_turned[p], 1.0 / scale, part, total,
                sums[stripe],
            )  # fmt: skip


@kernel
def scaled_sums(table, height, width, x, index, begin, part, total, out):
    """As `event_sums` of a table of floats, each row times the entry of ``x`` that names it.

    ``x`` is the matrix (lists, height), row after row, whose lists these are.
    """
    lanes = part.size
    for first in range(0, width, lanes):
        for r in range(begin.size - 1):
            lo, hi, at = begin[r], begin[r + 1], r * width + first
            total[:] = 0
            while lo < hi:
                end = min(lo + _EXACT_TERMS, hi)
                sum_scaled_rows(table, first * height, index, lo, end, part, x, r * height)
                for c in range(lanes):
                    total[c] += part[c]
                lo = end
            for c in range(min(lanes, width - first)):
                out[at + c] = total[c]


@kernel
def panel_sums(table, terms, x, high, out, wide):
    """Product of two float64 matrices, whose sums are exact where both lie on grids.

    Parameters
    ----------
    table : float64 array, shape (wide * terms,)
        Matrix (terms, wide) in stripes of `PANEL` columns.
    terms, high, wide : int
        The last two, whole panels.
    x : float64 array, shape (high * terms,)
        Row after row.
    out : float array, shape (high * wide,)
        Written, row after row.
    """
    for block in range(0, high, _ROWS):
        for first in range(0, wide, PANEL[1]):
            for r in range(block, min(block + _ROWS, high), PANEL[0]):
                to = r * wide + first
                multiply_panel(table, first * terms, x, r * terms, terms, terms, out, to, wide)
