# SPDX-License-Identifier: Apache-2.0
"""Move what synapses hold between the rows of one block and the rows of all blocks."""

from __future__ import annotations

from spikesim.kernels.jit import kernel


@kernel
def copy_rows(lengths, values, begin, out, place):
    """Copy rows that begin somewhere in one array to where they begin in another.

    Parameters
    ----------
    lengths, begin, place : int64 arrays
        Of each row: how long it is, and where it begins in ``values`` and in ``out``.
        ``begin`` and ``place`` may be longer.
    values, out : arrays of one type
        ``out`` is written.
    """
    for row in range(lengths.size):
        lo, at = begin[row], place[row]
        for j in range(lengths[row]):
            out[at + j] = values[lo + j]
