# SPDX-License-Identifier: Apache-2.0
"""Counter-based random numbers: Philox 4x32-10, and values of a distribution drawn from it.

A stream is a 64-bit key, a purpose and a row (neuron). Its words come in groups of 64, made
from 16 consecutive counters: word ``16 w + b`` of group ``g`` is word ``w`` of the block with
counter ``(16 g + b, row, purpose, attempt)``. Any part of any row can be made alone, and the
blocks of a group are made in vector lanes (measured: 0.45 ns per word, one by one 5 ns).

One word gives one value, by tables of the distribution's quantiles: no value is ever drawn
again, whatever its limits (measured: 1.4 ns for a real value, 1.0 ns for one of a few integers).

Files that import these kernels keep their compiled code when this file changes, so clear the
caches then; the known-answer vectors of the tests hold Philox itself in place.

References
----------
J. K. Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011.
"""

from __future__ import annotations

import numpy as np

from spikesim.kernels.jit import kernel

GROUP = 64
OCTAVES, PIECE_BITS = 32, 5
"""Pieces of the quantile function: 2**5 in each octave of the probability beyond a value."""

_BLOCKS = 16
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW, _32 = np.uint64(0xFFFFFFFF), np.uint64(32)
_U64 = np.uint64
# Indices are unsigned: a signed one costs a comparison with 0 at every access.
_16, _SHORT, _64 = np.uint64(16), np.uint64(0xFFFF), np.uint64(64)
_1, _MANTISSA = np.uint64(1), np.uint64(52 - PIECE_BITS)
_PIECES = np.uint64(OCTAVES << PIECE_BITS)
_FIRST_PIECE = np.uint64(1022 << PIECE_BITS)  # of 0.5, by exponent and leading bits


@kernel
def philox_block(counter, key, out) -> None:
    """Write the four words of one block: uint64 arrays of 32-bit words (4,), (2,), out (4,)."""
    c0, c1, c2, c3 = counter[0], counter[1], counter[2], counter[3]
    k0, k1 = key[0], key[1]
    for _ in range(10):
        p0, p1 = _M0 * c0, _M1 * c2
        c0, c1, c2, c3 = (p1 >> _32) ^ c1 ^ k0, p1 & _LOW, (p0 >> _32) ^ c3 ^ k1, p0 & _LOW
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    out[0], out[1], out[2], out[3] = c0, c1, c2, c3


@kernel
def philox_group(key, purpose, row, group, attempt, out) -> None:
    """Write the 64 words of a group of a row to the uint64 array ``out``."""
    low, high = _U64(key) & _LOW, _U64(key) >> _32
    first, line = _U64(group * _BLOCKS), _U64(row)
    use, again = _U64(purpose), _U64(attempt)
    for b in range(_BLOCKS):
        # All rounds in one turn of the loop over lanes, so that words stay in registers.
        c0, c1, c2, c3 = (first + _U64(b)) & _LOW, line, use, again
        k0, k1 = low, high
        for _ in range(10):
            p0, p1 = _M0 * (c0 & _LOW), _M1 * (c2 & _LOW)
            c0, c1, c2, c3 = (p1 >> _32) ^ c1 ^ k0, p1 & _LOW, (p0 >> _32) ^ c3 ^ k1, p0 & _LOW
            k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
        out[b], out[_BLOCKS + b] = c0, c1
        out[2 * _BLOCKS + b], out[3 * _BLOCKS + b] = c2, c3


@kernel
def _hand_out(values, group, places, at, end, out):
    """Write those of a group of values that are asked for; returns where the next go."""
    if places.size > 0:
        while at < end and places[at] >> 6 == group:
            out[at] = values[places[at] & 63]
            at += _1
        return at
    few = min(end - at, _64)
    for j in range(few):
        out[at + j] = values[j]
    return at + few


@kernel
def fill_values(table, low, high, key, purpose, first, indptr, places, out) -> None:
    """Draw one value per synapse of some rows.

    Bit 0 of the word says from which end of the distribution is counted, the others how far:
    ``p = (word // 2 + 0.5) / 2**32`` of the values lie beyond the one drawn.

    Parameters
    ----------
    table : float64 array, shape (3, 2 * OCTAVES << PIECE_BITS)
        Coefficients c of the value, ``c[0] + c[1] d + c[2] d**2`` with ``d = 2**32 p``, piece
        by piece: first those at the lower end, then those at the upper.
    low, high : float
        Limits; take care of rounding.
    key, purpose, first : int
        Rows are ``first``, ``first + 1``, …; value k of row r has a word of its own under (key,
        purpose, r, k).
    indptr : int64 array, shape (rows + 1,)
        Where rows start in ``out``.
    places : int32 array, shape (nnz,) or (0,)
        The k of each synapse, ascending in each row; without any, they are 0, 1, 2, …
    out : float array, shape (nnz,)
        Values, written.
    """
    words, piece = np.empty(64, np.uint64), np.empty(64, np.uint64)
    depth, values = np.empty(64, np.float64), np.empty(64, np.float64)
    c0, c1, c2 = table[0], table[1], table[2]
    for r in range(indptr.size - 1):
        at, end = _U64(indptr[r]), _U64(indptr[r + 1])
        group = 0
        while at < end:
            if places.size > 0:
                group = places[at] >> 6
            philox_group(key, purpose, first + r, group, 0, words)
            # Three loops: the first and the last are vector code, the second looks up one by one.
            for j in range(_64):
                beyond = np.float64(np.int32(words[j] >> _1)) + 0.5
                # Exponent and leading bits name the piece.
                found = (np.float64(beyond).view(np.uint64) >> _MANTISSA) - _FIRST_PIECE
                depth[j], piece[j] = beyond, found + (words[j] & _1) * _PIECES
            for j in range(_64):
                d = depth[j]
                values[j] = c0[piece[j]] + d * (c1[piece[j]] + d * c2[piece[j]])
            for j in range(_64):
                values[j] = min(max(values[j], low), high)
            at = _hand_out(values, group, places, at, end, out)
            group += 1


@kernel
def fill_choices(table, bits, base, key, purpose, first, indptr, places, out) -> None:
    """Draw one of a few integers per synapse; the other parameters are those of ``fill_values``.

    The upper ``bits`` of the word choose an entry of the table and the others one of its two
    integers, by the method of aliases (A. J. Walker 1977).

    Parameters
    ----------
    table : uint64 array, shape (2**bits,)
        From the lowest bit: 16 bits with the integer above the threshold, 16 bits with the one
        below, 32 bits with the threshold.
    base : int
        Added to the integers.
    out : int array, shape (nnz,)
        Integers, written.
    """
    words, values = np.empty(64, np.uint64), np.empty(64, np.uint64)
    shift, least = _U64(32 - bits), _U64(base)
    rest = (_1 << shift) - _1
    for r in range(indptr.size - 1):
        at, end = _U64(indptr[r]), _U64(indptr[r + 1])
        group = 0
        while at < end:
            if places.size > 0:
                group = places[at] >> 6
            philox_group(key, purpose, first + r, group, 0, words)
            for j in range(_64):
                values[j] = table[words[j] >> shift]
            for j in range(_64):
                below = (words[j] & rest) < (values[j] >> _32)
                values[j] = least + ((values[j] >> _16 if below else values[j]) & _SHORT)
            at = _hand_out(values, group, places, at, end, out)
            group += 1
