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
def collect(tick, flags, first, population, clock, fired, marks):
    """Append the neurons that fired to the record of their block.

    Parameters
    ----------
    tick : int
    flags : uint8 array, shape (n,)
        1 where a neuron fires; n is a multiple of 64.
    first : int
        Number of the first neuron.
    population : int
        Columns of ``marks`` are filled from the first population to the last.
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
    for k in range(0, flags.size, 64):
        some = lane_mask(flags, k, _ALL)
        while some != _NONE:
            fired[count] = first + k + trailing_zeros(some)
            some &= some - _LOWEST
            count += 1
    marks[row, population + 1] = count


@kernel
def gather(tick, row, ticks, part, first, fired, marks, times, sources):
    """List the spikes of one population in a window, sorted by tick and number.

    Parameters
    ----------
    tick, row : int
        First tick, and its row in ``marks``.
    ticks : int
    part : int
        Column of ``marks``.
    first : int
        Number of the population's first neuron; written numbers count from there.
    fired, marks : int32 and int64 arrays
        Record of all blocks, which own ascending ranges of neurons.
    times, sources : int64 and int32 arrays
        Written.
    """
    count = 0
    for k in range(row, row + ticks):
        for block in range(fired.shape[0]):
            for at in range(marks[block, k, part], marks[block, k, part + 1]):
                times[count] = tick + k - row
                sources[count] = fired[block, at] - first
                count += 1


@kernel
def count_spikes(row, ticks, part, marks):
    """Spikes of one population in a window; see ``gather``."""
    count = 0
    for block in range(marks.shape[0]):
        for k in range(row, row + ticks):
            count += marks[block, k, part + 1] - marks[block, k, part]
    return count


@kernel
def roll(ticks, history, clock, fired, marks):
    """Let the last ``history`` rows of a window of so many ticks be the first of the next.

    Parameters
    ----------
    ticks, history : int
        Rows of the window, and rows to keep.
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
def sample(tick, clock, history, every, values, index, column, out):
    """Keep a state variable of some neurons at the end of every ``every``-th tick.

    Parameters
    ----------
    tick : int
    clock : int64 array, shape (1,)
    history : int
        Rows of the record before the first tick of the window.
    every : int
    values : array, shape (n,)
    index, column : int64 arrays, shape (k,)
        Neurons to keep, and their columns in ``out``.
    out : array, shape (rows, columns)
        Samples of the window; written.
    """
    if tick % every == 0:
        start = clock[0] + history
        row = tick // every - (start + every - 1) // every
        for k in range(index.size):
            out[row, column[k]] = values[index[k]]
