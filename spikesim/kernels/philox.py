# SPDX-License-Identifier: Apache-2.0
"""Counter-based random numbers: Philox 4x32-10, and values of a distribution drawn from it.

A stream is a 64-bit key, a purpose and a row (neuron). Its words come in groups of 64, made
from 16 consecutive counters: word ``16 w + b`` of group ``g`` is word ``w`` of the block with
counter ``(16 g + b, row, purpose, attempt)``. Any part of any row can be made alone, and the
16 blocks of a group are made in vector lanes (measured: 1.0 ns per word, one by one 5 ns).

Files that import these kernels keep their compiled code when this file changes, so clear the
caches then; the known-answer vectors of the tests hold Philox itself in place.

References
----------
J. K. Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC 2011.
G. Marsaglia, W. W. Tsang, The ziggurat method for generating random variables, 2000.
"""

from __future__ import annotations

import functools

import numpy as np

from spikesim.kernels.jit import kernel

GROUP = 64
UNIFORM, NORMAL, LOGNORMAL, EXPONENTIAL = range(4)

# Adding and subtracting it rounds to the nearest integer.
_ROUND = 6755399441055744.0
_BLOCKS = 16
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW, _32 = np.uint64(0xFFFFFFFF), np.uint64(32)
_U64 = np.uint64


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
    k0, k1 = _U64(key) & _LOW, _U64(key) >> _32
    for b in range(_BLOCKS):
        out[b] = _U64(group * _BLOCKS + b) & _LOW
        out[_BLOCKS + b] = _U64(row)
        out[2 * _BLOCKS + b] = _U64(purpose)
        out[3 * _BLOCKS + b] = _U64(attempt)
    for _ in range(10):
        for b in range(_BLOCKS):
            p0, p1 = _M0 * out[b], _M1 * out[2 * _BLOCKS + b]
            out[b] = (p1 >> _32) ^ out[_BLOCKS + b] ^ k0
            out[2 * _BLOCKS + b] = (p0 >> _32) ^ out[3 * _BLOCKS + b] ^ k1
            out[_BLOCKS + b] = p1 & _LOW
            out[3 * _BLOCKS + b] = p0 & _LOW
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW


@kernel
def _border(layer, x, key, purpose, row, k, attempt, edges, heights, block):
    """Finish a normal value that fell on the border of its layer of the ziggurat.

    Every step takes a block of words of this value's own, by the number of the attempt.
    Returns the value and the next attempt.
    """
    while True:
        _own_block(key, purpose, row, k, attempt, block)
        attempt += 1
        u0 = (np.float64(np.int64(block[0])) + 0.5) / 4294967296.0
        if layer > 0:
            if heights[layer] + u0 * (heights[layer + 1] - heights[layer]) < np.exp(-0.5 * x * x):
                return x, attempt
        else:
            u1 = (np.float64(np.int64(block[1])) + 0.5) / 4294967296.0
            beyond = -np.log(u0) / edges[1]
            if -2.0 * np.log(u1) > beyond * beyond:
                return (edges[1] + beyond if x > 0.0 else -edges[1] - beyond), attempt
            continue
        layer = np.int64(block[2]) & 255
        x = _in_layer(np.int64(block[2]), edges[layer])
        if abs(x) < edges[layer + 1]:
            return x, attempt


@kernel
def _in_layer(word, edge):
    # 24 bits from -1 to 1, the low 8 bits name the layer.
    return (np.float64(word >> 8) * (1.0 / 8388608.0) - (1.0 - 0.5 / 8388608.0)) * edge


@kernel
def _own_block(key, purpose, row, k, attempt, block):
    block[0], block[1], block[2], block[3] = _U64(k), _U64(row), _U64(purpose), _U64(attempt)
    block[4], block[5] = _U64(key) & _LOW, _U64(key) >> _32
    philox_block(block[:4], block[4:], block)


@kernel
def _inner_normals(words, a, b, low, high, edges, values):
    """Draw the normal values of a group that lie inside layer and limits; others are nan.

    One in a hundred lies on a border. Without a branch the rest is vector code.
    """
    for j in range(words.size):
        word = np.int64(words[j])
        layer = word & 255
        z = _in_layer(word, edges[layer])
        value = a + b * z
        inside = (abs(z) < edges[layer + 1]) & (low <= value) & (value <= high)
        values[j] = value if inside else np.nan


@kernel
def _one_value(kind, a, b, low, high, word, edges, heights, key, purpose, row, k, block):
    """Draw value ``k`` of a row, beginning with its word; again where it is outside."""
    attempt = 1
    while True:
        if kind == 0 or kind == 3:
            u = (np.float64(word) + 0.5) * (1.0 / 4294967296.0)
            value = a + b * u if kind == 0 else -a * np.log(u)
        else:
            layer = word & 255
            z = _in_layer(word, edges[layer])
            if abs(z) >= edges[layer + 1]:  # one time in a hundred
                z, attempt = _border(layer, z, key, purpose, row, k, attempt, edges, heights, block)
            value = a + b * z
            if kind == 2:
                value = np.exp(value)
        if low <= value <= high:
            return value
        _own_block(key, purpose, row, k, attempt, block)
        attempt += 1
        word = np.int64(block[3])


@kernel
def fill_values(kind, a, b, low, high, tables, key, purpose, first, indptr, least, out) -> None:
    """Draw one value per synapse of the rows ``first``, ``first + 1``, …; redrawn outside limits.

    Parameters
    ----------
    kind : int
        UNIFORM a + b U(0, 1), NORMAL a + b N(0, 1), LOGNORMAL exp(a + b N(0, 1)) or
        EXPONENTIAL -a log U(0, 1).
    low, high : float
        Limits; a value outside is drawn again.
    tables : float64 array, shape (2, 257)
        Edges and heights of ``ziggurat``.
    key, purpose, first : int
        Value k of row r has words of its own under (key, purpose, r, k).
    indptr : int64 array, shape (rows + 1,)
        Where rows start in ``out``.
    least : int
        >= 0: values are rounded to integers and at least this; < 0: they stay real.
    out : float or int array
        Values, written.
    """
    words, values = np.empty(64, np.uint64), np.empty(64, np.float64)
    block = np.empty(6, np.uint64)
    edges, heights = tables[0], tables[1]
    for r in range(indptr.size - 1):
        row, start, n = first + r, indptr[r], indptr[r + 1] - indptr[r]
        for begin in range(0, n, 64):
            philox_group(key, purpose, row, begin >> 6, 0, words)
            if kind == 1:
                _inner_normals(words, a, b, low, high, edges, values)
            else:
                values[:] = np.nan
            for j in range(min(64, n - begin)):
                value = values[j]
                if value != value:  # not a number: still to be drawn
                    value = _one_value(
                        kind, a, b, low, high, np.int64(words[j]), edges, heights, key, purpose,
                        row, begin + j, block,
                    )  # fmt: skip
                if least >= 0:
                    # Rounds to nearest as np.rint, which would be a call.
                    value = max((value + _ROUND) - _ROUND, np.float64(least))
                out[start + begin + j] = value


@functools.cache
def ziggurat() -> np.ndarray:
    """Tables of ``fill_values``: float64 array (2, 257), edges and heights of 256 layers."""
    tail, area = 3.6541528853610088, 0.00492867323399  # Marsaglia and Tsang, 256 layers
    edges = np.zeros(257)
    edges[0], edges[1] = area / np.exp(-0.5 * tail**2), tail
    for k in range(2, 256):
        height = area / edges[k - 1] + np.exp(-0.5 * edges[k - 1] ** 2)
        edges[k] = np.sqrt(-2.0 * np.log(height))
    return np.array([edges, np.exp(-0.5 * edges**2)])
