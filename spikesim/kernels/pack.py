# SPDX-License-Identifier: Apache-2.0
"""From generated synapses to rows: a counting sort by source, block and delay group."""

from __future__ import annotations

import numpy as np

from spikesim.kernels.jit import kernel

# Adding and subtracting it rounds to the nearest integer; np.rint would be a call.
_ROUND = 6755399441055744.0


@kernel
def count_pieces(lo, hi, indptr, targets, delays, shortest, group_bits, n_groups, block_of, counts):
    """Count the synapses of each piece.

    Parameters
    ----------
    lo, hi : int
        Rows of ``indptr`` to count.
    indptr, targets : int64, int32 arrays
        Synapses by source.
    delays : int32 array, shape (nnz,) or (1,), ticks
        One entry: the same for all.
    shortest, group_bits, n_groups : int
        Delay of group 0, log2 of the delays per group, groups per row.
    block_of : uint16 array, shape (n_post,)
        Block that owns each target.
    counts : uint32 array, shape (blocks, rows * n_groups)
        Changed. Rows count from ``lo``.
    """
    step = 1 if delays.size == targets.size else 0
    one_block = counts.shape[0] == 1
    for row in range(lo, hi):
        at = (row - lo) * n_groups
        for j in range(indptr[row], indptr[row + 1]):
            group = (np.int64(delays[j * step]) - shortest) >> group_bits
            block = 0 if one_block else np.int64(block_of[targets[j]])
            counts[block, at + group] += 1


@kernel
def begin_pieces(counts, used, offsets, cursor):
    """Turn counts into places: the next rows follow the rows placed so far.

    Parameters
    ----------
    counts : uint32 array, shape (blocks, pieces)
    used : int64 array, shape (blocks,)
        Entries placed so far; changed.
    offsets, cursor : uint32 arrays, shape (blocks, pieces)
        Where each piece begins; written.
    """
    for b in range(counts.shape[0]):
        at = used[b]
        for k in range(counts.shape[1]):
            offsets[b, k] = at
            cursor[b, k] = at
            at += counts[b, k]
        used[b] = at


@kernel
def place(
    lo, hi, indptr, targets, weights, delays, factor, shift, shortest, group_bits, n_groups,
    block_of, own, place_of, stride, cursor, index, exact, bound,
):  # fmt: skip
    """Write the entries of some rows.

    Parameters
    ----------
    lo, hi, indptr, targets, delays, shortest, group_bits, n_groups, block_of :
        See ``count_pieces``.
    weights : float32 array, shape (nnz,) or (1,)
    factor : float
        Fixed-point units per unit of weight; 0: weights are copied to ``exact``.
    shift : int
        Bits of the accumulator below the packed weight; 0: the entry is the accumulator.
    own : int64 array, shape (blocks,)
        Row of ``index`` for each block, or -1: its entries belong to another process.
    place_of : int32 array, shape (n_post,)
        Accumulator of each target in its block.
    stride : int
        Accumulators per slot.
    cursor : uint32 array, shape (blocks, rows * n_groups)
        Changed.
    index : uint16, uint32 or int32 array, shape (own blocks, capacity)
        Written.
    exact : float32 array, shape (own blocks, capacity or 0)
        Written where ``factor`` is 0 and there is room.
    bound : int64 array, shape (n_post,)
        Sum of the magnitudes of all weights that can arrive in one tick; changed.
    """
    step = 1 if delays.size == targets.size else 0
    each = 1 if weights.size == targets.size else 0
    one_block = cursor.shape[0] == 1
    low = (1 << group_bits) - 1
    if one_block and factor != 0.0:
        # Most large networks come this way: without the choice of a block it takes 2/3.
        cursors, out = cursor[0], index[own[0]]
        for row in range(lo, hi):
            at = (row - lo) * n_groups
            for j in range(indptr[row], indptr[row + 1]):
                target = targets[j]
                delay = np.int64(delays[j * step]) - shortest
                piece = at + (delay >> group_bits)
                where = cursors[piece]
                cursors[piece] += 1
                code = np.int64((np.float64(weights[j * each]) * factor + _ROUND) - _ROUND)
                bound[target] += abs(code)
                entry = np.int64(place_of[target]) + (delay & low) * stride
                out[where] = entry | (code << shift) if shift > 0 else entry
        return
    for row in range(lo, hi):
        at = (row - lo) * n_groups
        for j in range(indptr[row], indptr[row + 1]):
            target = targets[j]
            delay = np.int64(delays[j * step]) - shortest
            block = 0 if one_block else np.int64(block_of[target])
            piece = at + (delay >> group_bits)
            where = cursor[block, piece]
            cursor[block, piece] += 1
            line = own[block]
            if line < 0:
                continue
            entry = np.int64(place_of[target]) + (delay & low) * stride
            if factor == 0.0:
                if exact.shape[1] > 0:
                    exact[line, where] = weights[j * each]
            else:
                code = np.int64((np.float64(weights[j * each]) * factor + _ROUND) - _ROUND)
                bound[target] += abs(code)
                if shift > 0:
                    entry |= code << shift
            index[line, where] = entry
