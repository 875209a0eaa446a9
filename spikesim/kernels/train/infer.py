# SPDX-License-Identifier: Apache-2.0
"""A row of projections and LIF populations over a whole sequence, in one call.

Layer after layer, each for all ticks: a stripe of weights is read once for the sequence, and
between layers there are lists of events only. Every operation on a membrane is that of
``nn.functional.lif_step``, in its order and type.
"""

from __future__ import annotations

import math

import numpy as np

from spikesim.kernels.jit import kernel
from spikesim.kernels.train.event import event_sums, list_row

LANES = 64  # of a stripe of int32
HARD, SOFT, NO_RESET = range(3)
#: Order of the constants of 64 neurons.
OFFSET, BETA, ALPHA, GAIN, BIAS, V_TH, V_RESET, AMOUNT, FLOOR, LENGTH = range(10)
N_CONSTANTS = 10
#: Order of the flags of a population.
OFFSET_FLAG, CURRENT_FLAG, HOLD_FLAG, RESET_FLAG, STRICT_FLAG = range(5)
N_FLAGS = 5


@kernel
def lif_lanes(drive, at, pitch, steps, constants, place, flags, now):
    """Run 64 neurons of one sample over time; their drives become their spikes.

    One array for all constants and one for all states, so that the compiler sees that they do not
    overlap, and makes vector code.

    Parameters
    ----------
    drive : float array
        Sums of weights, from ``at`` on in the first tick, ``pitch`` further in each one.
    at, pitch, steps : int
    constants : float array
        Those of the neurons from ``place`` on, 10 by 64.
    place : int
    flags : int64 array, shape (5,)
    now : float array, shape (3 * 64,)
        Membranes, currents, refractory ticks; changed.
    """
    one, zero = now.dtype.type(1), now.dtype.type(0)
    with_offset, current = flags[OFFSET_FLAG] != 0, flags[CURRENT_FLAG] != 0
    hold, strict = flags[HOLD_FLAG] != 0, flags[STRICT_FLAG] != 0
    soft, hard = flags[RESET_FLAG] == SOFT, flags[RESET_FLAG] == HARD
    c = constants[place : place + N_CONSTANTS * LANES]
    for t in range(steps):
        x = drive[at + t * pitch : at + t * pitch + LANES]
        # Both sides of every choice: only then is there vector code.
        for j in range(LANES):
            v, left = now[j], now[2 * LANES + j]
            a = x[j]
            moved = a + c[OFFSET * LANES + j]
            a = moved if with_offset else a
            kept = c[ALPHA * LANES + j] * now[LANES + j] + a
            a = kept if current else a
            h = c[BETA * LANES + j] * v + c[GAIN * LANES + j] * a
            h = h + c[BIAS * LANES + j]
            floor = c[FLOOR * LANES + j]
            h = floor if h < floor else h
            free = left == zero
            h = v if hold & (left != zero) else h
            u = h - c[V_TH * LANES + j]
            fires = free & (((u >= zero) & (not strict)) | (u > zero))
            s = one if fires else zero
            lower = h - s * c[AMOUNT * LANES + j]
            anew = h * (one - s) + s * c[V_RESET * LANES + j]
            h = anew if hard else h
            now[j] = lower if soft else h
            now[LANES + j] = a if current else zero
            waited = left - one
            waited = waited if left > zero else zero
            now[2 * LANES + j] = c[LENGTH * LANES + j] if fires else waited
            x[j] = s


@kernel
def lif_seq(drive, pitch, steps, batch, width, constants, place, flags, v, i, refr, start, now):
    """Run one population over time for all samples; see `infer_seq`.

    ``drive`` has rows of ``pitch``, all ticks of a sample one behind the other; constants begin at
    ``place``, states at ``start``.
    """
    for b in range(batch):
        for first in range(0, width, LANES):
            n, here = min(LANES, width - first), start + b * width + first
            now[:] = 0
            for j in range(n):
                now[j], now[LANES + j] = v[here + j], i[here + j]
                now[2 * LANES + j] = refr[here + j]
            lif_lanes(
                drive, b * steps * pitch + first, pitch, steps, constants,
                place + first * N_CONSTANTS, flags, now,
            )  # fmt: skip
            for j in range(n):
                v[here + j], i[here + j] = now[j], now[LANES + j]
                refr[here + j] = np.int32(now[2 * LANES + j])


@kernel
def analog_sums(x, n, steps, batch, table, width, unit, bits, total, out):
    """Products of rows that are no spikes, each on a grid of its own (`nn.arithmetic.exact`).

    Parameters
    ----------
    x : float array, shape (T * B * n,)
        A row equal to that of the tick before is not multiplied again.
    n, steps, batch : int
        Columns, T and B.
    table : int32 array
        Matrix (n, width) in stripes.
    width : int
        A multiple of 64.
    unit : float
        Of the table.
    bits : int
        Of the largest entry of a row.
    total : float64 array of the lanes of a stripe
        Scratch.
    out : float array, shape (B * T * width,)
        Written: all ticks of a sample one behind the other.
    """
    for b in range(batch):
        for t in range(steps):
            at, to = (t * batch + b) * n, (b * steps + t) * width
            top, same = 0.0, t > 0
            for j in range(n):
                size = abs(np.float64(x[at + j]))
                top = size if size > top or size != size else top
                same &= t > 0 and x[at + j] == x[at + j - batch * n]
            if same:
                out[to : to + width] = out[to - width : to]
                continue
            if not top < np.inf:
                out[to : to + width] = np.nan
                continue
            exponent = math.frexp(top)[1]
            scale, back = math.ldexp(1.0, bits - exponent), math.ldexp(1.0, exponent - bits)
            for first in range(0, width, LANES):
                total[:] = 0
                for j in range(n):
                    code = np.rint(x[at + j] * scale)
                    if code != 0:
                        row = first * n + j * LANES
                        for c in range(LANES):
                            total[c] += code * table[row + c]
                for c in range(LANES):
                    out[to + first + c] = total[c] * unit * back


@kernel
def list_rows(x, pitch, n, outer, stride_outer, inner, stride_inner, begin, index):
    """List the columns of the ones of rows; gives whether there is nothing but 0 and 1.

    Rows lie ``pitch`` times ``stride_inner`` apart in the inner loop over them, and ``pitch``
    times ``stride_outer`` in the outer one.
    """
    count, r = 0, 0
    for o in range(outer):
        for k in range(inner):
            begin[r] = count
            at = (o * stride_outer + k * stride_inner) * pitch
            count, odd = list_row(x, at, n, count, index)
            if odd:
                return False
            r += 1
    begin[r] = count
    return True


@kernel
def infer_seq(
    x, steps, batch, sizes, stripes, units, bits, constants, flags, v, i, refr,
    index, begin, drive, now, part, total, total_analog, out,
):  # fmt: skip
    """All layers for all ticks.

    Parameters
    ----------
    x : float array, shape (T * B * n_0,)
        Input; anything but spikes is taken as numbers.
    steps, batch : int
        T and B.
    sizes : int64 array, shape (layers + 1,)
        ``n_0``, then the sizes of the populations.
    stripes : int32 array
        Tables of all projections, one behind the other.
    units : float64 array, shape (layers,)
    bits : int
        See `analog_sums`, for the first layer.
    constants : float array
        Of 64 neurons, one constant after the other, then of the next 64; a population begins with
        64 of its own. The threshold is infinite where there is no neuron.
    flags : int64 array, shape (layers, 5)
    v, i, refr : float, float and int32 arrays, shape (B * neurons,)
        States, layer after layer; changed.
    index, begin : int32 array, shape (T * B * most,), and int64 array, shape (T * B + 1)
        Scratch: lists of events.
    drive, now : float arrays, shapes (T * B * most,) and (3 * 64,)
        Scratch; ``most`` is a multiple of 64.
    part, total, total_analog : int32, int64 and float64 arrays of the lanes of a stripe
        Scratch.
    out : float array, shape (T * B * n_last,)
        Spikes of the last population; written.
    """
    spiking = list_rows(x, sizes[0], sizes[0], batch, 1, steps, batch, begin, index)
    table, start, place, width = 0, 0, 0, 0
    for layer in range(units.size):
        height, width = sizes[layer], sizes[layer + 1]
        pitch = -(-width // LANES) * LANES
        weights = stripes[table : table + pitch * height]
        if spiking:
            event_sums(
                weights, height, pitch, index, begin, units[layer], part, total, drive
            )  # fmt: skip
        else:
            analog_sums(
                x, height, steps, batch, weights, pitch, units[0], bits, total_analog, drive
            )  # fmt: skip
        lif_seq(
            drive, pitch, steps, batch, width, constants, place, flags[layer], v, i, refr, start,
            now,
        )  # fmt: skip
        if layer < units.size - 1:
            spiking = list_rows(drive, pitch, width, batch, steps, steps, 1, begin, index)
        table += pitch * height
        start += batch * width
        place += pitch * N_CONSTANTS
    pitch = -(-width // LANES) * LANES
    for t in range(steps):
        for b in range(batch):
            for j in range(width):
                out[(t * batch + b) * width + j] = drive[(b * steps + t) * pitch + j]
