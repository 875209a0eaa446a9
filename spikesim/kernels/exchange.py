# SPDX-License-Identifier: Apache-2.0
"""Spikes of some ticks as one message between processes, and back into a record."""

from __future__ import annotations

from spikesim.kernels.jit import kernel


@kernel
def pack(n_ticks, fired, marks, first_block, last_block, out):
    """Write the spikes of some blocks: how many per tick and population, then who.

    Parameters
    ----------
    n_ticks : int
    fired : int32 array, shape (blocks, capacity)
    marks : int64 array, shape (blocks, rows, populations + 1)
        See ``sim.state.Record``; row 0 is the first tick.
    first_block, last_block : int
        The blocks first <= b < last are written.
    out : int32 array
        Written.

    Returns
    -------
    int
        Words written.
    """
    parts = marks.shape[2] - 1
    at = n_ticks * parts
    for tick in range(n_ticks):
        for part in range(parts):
            before = at
            # Blocks own ascending slices of every population: sources stay ascending.
            for b in range(first_block, last_block):
                for k in range(marks[b, tick, part], marks[b, tick, part + 1]):
                    out[at] = fired[b, k]
                    at += 1
            out[tick * parts + part] = at - before
    return at


@kernel
def unpack(n_ticks, messages, skip, row, fired, marks, cursor):
    """Append what all ranks sent to a record of one line, sorted by tick and source.

    Parameters
    ----------
    n_ticks : int
    messages : int32 array, shape (ranks, words)
        One message per rank, in the order of the neurons they own.
    skip : int
        Words before each message.
    row : int
        Row of the record for the first tick, at least 1.
    fired : int32 array, shape (1, capacity)
    marks : int64 array, shape (1, rows, populations + 1)
        Written.
    cursor : int64 array, shape (ranks,)
        Scratch.
    """
    parts = marks.shape[2] - 1
    for rank in range(messages.shape[0]):
        cursor[rank] = skip + n_ticks * parts
    at = marks[0, row - 1, parts]
    for tick in range(n_ticks):
        marks[0, row + tick, 0] = at
        for part in range(parts):
            for rank in range(messages.shape[0]):
                for _ in range(messages[rank, skip + tick * parts + part]):
                    fired[0, at] = messages[rank, cursor[rank]]
                    cursor[rank] += 1
                    at += 1
            marks[0, row + tick, part + 1] = at


@kernel
def inspect(messages):
    """Give the length of the longest message, and the first rank that failed or -1.

    Parameters
    ----------
    messages : int32 array, shape (ranks, 2 + room)
        Failed, length, words.
    """
    longest, failed = 0, -1
    for rank in range(messages.shape[0] - 1, -1, -1):
        longest = max(longest, messages[rank, 1])
        if messages[rank, 0] != 0:
            failed = rank
    return longest, failed
