# SPDX-License-Identifier: Apache-2.0
"""Move what synapses hold between the rows of one block and the rows of all blocks."""

from __future__ import annotations

from spikesim.kernels.jit import kernel


@kernel
def put_rows(offsets, values, begin, out):
    """Copy the rows of a block to their places among those of all blocks.

    Parameters
    ----------
    offsets : int64 array, shape (rows + 1,)
        Where each row begins in ``values``.
    values : array, shape (nnz,)
    begin : int64 array, shape (rows,)
        Where each row begins in ``out``.
    out : array of the type of ``values``
        Written.
    """
    for row in range(begin.size):
        lo, at = offsets[row], begin[row]
        for j in range(offsets[row + 1] - lo):
            out[at + j] = values[lo + j]


@kernel
def take_rows(offsets, values, begin, out):
    """Copy the rows of a block from their places among those of all blocks.

    Parameters
    ----------
    offsets : int64 array, shape (rows + 1,)
        Where each row begins in ``out``.
    values : array, shape (nnz of all blocks,)
    begin : int64 array, shape (rows,)
        Where each row begins in ``values``.
    out : array of the type of ``values``
        Written.
    """
    for row in range(begin.size):
        lo, at = offsets[row], begin[row]
        for j in range(offsets[row + 1] - lo):
            out[lo + j] = values[at + j]
