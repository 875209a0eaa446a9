# SPDX-License-Identifier: Apache-2.0
"""The step loop over bound kernels, and the steps that every network has."""

from __future__ import annotations

import numpy as np

from spikesim.kernels.intrinsics import (
    call_at,
    lane_mask,
    load_acquire,
    store_release,
    swap_float_control,
    trailing_zeros,
    yield_core,
)
from spikesim.kernels.jit import kernel

LINE = 8
"""int64 words of one cache line: each thread's counter has a line of its own."""
_SPINS = 2000
_ALL, _NONE, _LOWEST = np.uint8(0xFF), np.uint64(0), np.uint64(1)


@kernel
def advance(first_tick, n_ticks, program, n_early, lag, thread, progress, waits):
    """Run one thread's kernels for some ticks, in step with the other threads.

    Parameters
    ----------
    first_tick, n_ticks : int
    program : int64 array, shape (k, 2)
        Address and context of each kernel; see ``bind.program``.
    n_early : int
        The first kernels need nothing that other threads did in the last ``lag + 1`` ticks,
        so the wait for them comes after: it hides behind most of the delivery.
    lag : int
        Ticks that other threads may be behind: one less than the shortest delay.
    thread : int
        Number of this thread.
    progress : int64 array, shape (threads * LINE,)
        Next tick of each thread; changed.
    waits : int64 array, shape (threads * LINE,)
        Counts how often this thread gave its core away; changed.
    """
    threads = progress.size // LINE
    control = swap_float_control(np.int32(-1))
    for tick in range(first_tick, first_tick + n_ticks):
        for k in range(n_early):
            call_at(program[k, 0], program[k, 1], tick)
        for other in range(threads):
            spins = 0
            while load_acquire(progress, other * LINE) < tick - lag:
                spins += 1
                if spins > _SPINS:
                    # A core that is taken by somebody else is not won by spinning.
                    yield_core()
                    waits[thread * LINE] += 1
        for k in range(n_early, program.shape[0]):
            call_at(program[k, 0], program[k, 1], tick)
        store_release(progress, thread * LINE, tick + 1)
    swap_float_control(control)


@kernel
def collect(tick, flags, edges, firsts, population, clock, fired, marks):
    """Append the neurons of some populations that fired to the record of their block.

    Parameters
    ----------
    tick : int
    flags : uint8 array, shape (n,)
        1 where a neuron fires; n is a multiple of 64.
    edges : int64 array, shape (k + 1,)
        Where the flags of each of ``k`` populations begin, and where those of the last one end.
    firsts : int64 array, shape (k,)
        Number of the first neuron of each.
    population : int
        The first of them. Columns of ``marks`` are filled from the first population to the last.
    clock : int64 array, shape (1,)
    fired : int32 array, shape (capacity,)
        Record of the block; written.
    marks : int64 array, shape (rows, populations + 1)
        Written at this tick's row.
    """
    row = tick - clock[0]
    if population == 0:
        marks[row, 0] = marks[row - 1, marks.shape[1] - 1] if row > 0 else 0
    count = marks[row, population]
    part, stop = 0, edges[1]
    shift = firsts[0] - edges[0]
    for k in range(0, flags.size, 64):
        some = lane_mask(flags, k, _ALL)
        while some != _NONE:
            neuron = k + trailing_zeros(some)
            while neuron >= stop:
                part += 1
                marks[row, population + part] = count
                stop, shift = edges[part + 1], firsts[part] - edges[part]
            fired[count] = neuron + shift
            some &= some - _LOWEST
            count += 1
    for later in range(part + 1, edges.size):
        marks[row, population + later] = count


@kernel
def all_finite(values):
    """Whether an array of floats holds neither NaN nor infinity; without a branch per value."""
    bad = 0
    for k in range(values.size):
        bad += values[k] - values[k] != 0
    return bad == 0


@kernel
def tally(row, ticks, fired, marks, counts):
    """Count the spikes of each source in a window.

    Parameters
    ----------
    row, ticks : int
        First row of ``marks``, and how many.
    fired : int32 array, shape (blocks, capacity)
    marks : int64 array, shape (blocks, rows, populations + 1)
    counts : int64 array, shape (n,)
        One more for each spike.
    """
    for block in range(marks.shape[0]):
        for k in range(marks[block, row, 0], marks[block, row + ticks - 1, marks.shape[2] - 1]):
            counts[fired[block, k]] += 1


@kernel
def count_parts(row, ticks, marks, starts):
    """Count the spikes of each population in a window.

    Parameters
    ----------
    row, ticks : int
        First row of ``marks``, and how many.
    marks : int64 array, shape (blocks, rows, populations + 1)
    starts : int64 array, shape (populations + 1,)
        Where the spikes of each population begin when they stand one after the other; written.
    """
    parts = starts.size - 1
    starts[:] = 0
    for k in range(row, row + ticks):
        for block in range(marks.shape[0]):
            if marks[block, k, 0] < marks[block, k, parts]:
                for part in range(parts):
                    starts[part + 1] += marks[block, k, part + 1] - marks[block, k, part]
    for part in range(parts):
        starts[part + 1] += starts[part]


@kernel
def gather(tick, row, ticks, firsts, fired, marks, cursor, times, sources):
    """List the spikes of a window by population, each sorted by tick and number.

    Parameters
    ----------
    tick, row : int
        First tick, and its row in ``marks``.
    ticks : int
    firsts : int64 array, shape (populations,)
        Number of each population's first neuron; written numbers count from there.
    fired, marks : int32 and int64 arrays
        Record of all blocks, which own ascending ranges of neurons.
    cursor : int64 array, shape (populations + 1,)
        Where the spikes of each population begin; changed.
    times, sources : int64 and int32 arrays
        Written.
    """
    parts = firsts.size
    for k in range(row, row + ticks):
        for block in range(fired.shape[0]):
            if marks[block, k, 0] == marks[block, k, parts]:
                continue
            for part in range(parts):
                count = cursor[part]
                for at in range(marks[block, k, part], marks[block, k, part + 1]):
                    times[count] = tick + k - row
                    sources[count] = fired[block, at] - firsts[part]
                    count += 1
                cursor[part] = count


@kernel
def roll(ticks, history, clock, fired, marks):
    """Let the ``history`` rows that follow the first ``ticks`` be the first ones.

    Parameters
    ----------
    ticks, history : int
        Rows to drop, and rows to keep.
    clock, fired, marks : arrays
        Record of all blocks; changed.
    """
    for block in range(fired.shape[0]):
        lo, hi = marks[block, ticks, 0], marks[block, ticks + history - 1, marks.shape[2] - 1]
        for k in range(hi - lo):
            fired[block, k] = fired[block, lo + k]
        for k in range(history):
            for part in range(marks.shape[2]):
                marks[block, k, part] = marks[block, ticks + k, part] - lo
    clock[0] += ticks


@kernel
def sample(tick, begin, every, values, index, column, out):
    """Keep a state variable of some neurons at the end of every ``every``-th tick.

    Parameters
    ----------
    tick : int
    begin : int64 array, shape (1,)
        First tick of the window.
    every : int
    values : array, shape (n,)
    index, column : int64 arrays, shape (k,)
        Neurons to keep, and their columns in ``out``.
    out : array, shape (rows, columns)
        Samples of the window; written.
    """
    if tick % every == 0:
        row = tick // every - (begin[0] + every - 1) // every
        for k in range(index.size):
            out[row, column[k]] = values[index[k]]
