# SPDX-License-Identifier: Apache-2.0
"""From generated synapses to rows: a counting sort by source, block and delay group.

Synapses are encoded projection by projection, while their columns and the sums of that
projection are in the cache, and placed row by row, while the row is (measured: 4 ns per
synapse, 6 when each projection is placed by itself). Indices are unsigned: a signed one costs a
comparison with 0 at every access.
"""

from __future__ import annotations

import numpy as np

from spikesim.kernels.jit import kernel

# Adding and subtracting it rounds to the nearest integer; np.rint would be a call.
_ROUND = 6755399441055744.0
_U64 = np.uint64


@kernel
def encode(
    indptr, targets, weights, delays, factor, unit, shortest, group_bits, n_groups, block_of,
    place_of, stride, entries, pieces, counts, bound,
) -> None:  # fmt: skip
    """Make entries of synapses, and count those of each piece.

    Parameters
    ----------
    indptr, targets : int64, int32 arrays
        Synapses by source.
    weights : float32 array, shape (nnz,) or (1,)
        One entry: the same for all.
    delays : int32 array, shape (nnz,) or (1,), ticks
    factor : float
        Fixed-point units per unit of weight; 0: there are none.
    unit : int
        What a unit of weight adds to the entry; 0: the entry is the accumulator.
    shortest, group_bits, n_groups : int
        Delay of group 0, log2 of the delays per group, groups per row.
    block_of : uint16 array, shape (n_post,)
        Block that owns each target.
    place_of : int32 array, shape (n_post,)
        Accumulator of each target in its block.
    stride : int
        Accumulators per slot.
    entries : uint32 or uint64 array, shape (nnz,)
        Written.
    pieces : uint32 array, shape (nnz,)
        Piece of each within its row; written.
    counts : uint32 array, shape (rows, blocks * n_groups)
        Changed.
    bound : int64 array, shape (n_post,)
        Sum of the magnitudes of all weights that can arrive in one tick; changed.
    """
    step, each = _U64(delays.size == targets.size), _U64(weights.size == targets.size)
    bits, per_block = _U64(group_bits), _U64(n_groups)
    # One short loop for each column: together they need more registers than there are.
    if _U64(counts.shape[1]) == per_block:
        for j in range(_U64(targets.size)):
            pieces[j] = _U64(delays[j * step] - shortest) >> bits
    else:
        for j in range(_U64(targets.size)):
            block = _U64(block_of[_U64(targets[j])])
            pieces[j] = (_U64(delays[j * step] - shortest) >> bits) + block * per_block
    for j in range(_U64(targets.size)):
        target = _U64(targets[j])
        code = np.int64((np.float64(weights[j * each]) * factor + _ROUND) - _ROUND)
        bound[target] += abs(code)
        entries[j] = place_of[target] + code * unit
    if group_bits > 0:
        low = (1 << group_bits) - 1
        for j in range(_U64(targets.size)):
            # Unsigned: with 64 bits a signed addend would make it a float.
            entries[j] += _U64(((delays[j * step] - shortest) & low) * stride)
    for row in range(indptr.size - 1):
        mine = counts[row]
        for j in range(_U64(indptr[row]), _U64(indptr[row + 1])):
            mine[_U64(pieces[j])] += np.uint32(1)


@kernel
def begin_pieces(counts, begins, used, offsets, cursor) -> None:
    """Turn counts into places: the next rows follow the rows placed so far.

    Parameters
    ----------
    counts : uint32 array, shape (rows, blocks, groups)
    begins : int64 array, shape (blocks,)
        Where the entries of each block begin among all.
    used : int64 array, shape (blocks,)
        Entries placed so far; changed.
    offsets : uint32 array, shape (blocks, rows * groups)
        Where each piece begins in its block; written.
    cursor : int64 array, shape (rows, blocks, groups)
        The same among all blocks; written.
    """
    rows, blocks, groups = counts.shape
    for b in range(blocks):
        at = used[b]
        for r in range(rows):
            for k in range(groups):
                offsets[b, r * groups + k] = at
                cursor[r, b, k] = at + begins[b]
                at += counts[r, b, k]
        used[b] = at


@kernel
def place(starts, entries, pieces, weights, cursor, index, exact) -> None:
    """Write entries where they belong.

    Parameters
    ----------
    starts : int64 array, shape (projections, rows + 1)
        Where rows start in the columns.
    entries, pieces : arrays, shape (nnz,)
        See ``encode``.
    weights : float32 array, shape (nnz,) or (0,)
    cursor : int64 array, shape (rows, blocks * n_groups)
        Changed.
    index : uint16, uint32, uint64 or int32 array
        Written.
    exact : float32 array
        Weights, written if there are any.
    """
    for row in range(starts.shape[1] - 1):
        mine = cursor[row]
        for k in range(starts.shape[0]):
            for j in range(_U64(starts[k, row]), _U64(starts[k, row + 1])):
                piece = _U64(pieces[j])
                where = mine[piece]
                mine[piece] = where + 1
                index[_U64(where)] = entries[j]
                if weights.size > 0:
                    exact[_U64(where)] = weights[j]
