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
from spikesim.kernels.train.event import event_sums, list_events, list_row

HARD, SOFT, NO_RESET = range(3)
#: Rows of the constants of all neurons.
OFFSET, BETA, ALPHA, GAIN, BIAS, V_TH, V_RESET, AMOUNT, FLOOR, LENGTH = range(10)
N_CONSTANTS = 10
#: Columns of the flags of a population.
OFFSET_FLAG, CURRENT_FLAG, HOLD_FLAG, RESET_FLAG, STRICT_FLAG = range(5)
N_FLAGS = 5
_SIGNIFICAND = 53


@kernel
def lif_row(drive, at, constants, start, n, flags, v, i, refr, place, spikes):
    """One tick of one population of one sample.

    Parameters
    ----------
    drive : float array
        Sums of weights, from ``at`` on.
    constants : float array, shape (10, neurons)
        Those of the population from column ``start`` on.
    n : int
        Neurons.
    flags : int64 array, shape (5,)
    v, i, refr : float, float and int32 arrays
        State, from ``place`` on; changed.
    spikes : float array
        Its first ``n`` are written.
    """
    one, zero = v.dtype.type(1), v.dtype.type(0)
    with_offset, current = flags[OFFSET_FLAG] != 0, flags[CURRENT_FLAG] != 0
    hold, strict = flags[HOLD_FLAG] != 0, flags[STRICT_FLAG] != 0
    reset = flags[RESET_FLAG]
    for j in range(n):
        k, m = start + j, place + j
        a = drive[at + j]
        a = a + constants[OFFSET, k] if with_offset else a
        a = constants[ALPHA, k] * i[m] + a if current else a
        i[m] = a if current else zero
        h = constants[BETA, k] * v[m] + constants[GAIN, k] * a
        h = h + constants[BIAS, k]
        h = constants[FLOOR, k] if h < constants[FLOOR, k] else h
        free = refr[m] == 0
        h = h if free or not hold else v[m]
        u = h - constants[V_TH, k]
        s = one if free and (u > zero if strict else u >= zero) else zero
        if reset == SOFT:
            h = h - s * constants[AMOUNT, k]
        elif reset == HARD:
            h = h * (one - s) + s * constants[V_RESET, k]
        v[m] = h
        left = max(refr[m] - 1, 0)
        refr[m] = np.int32(constants[LENGTH, k]) if s > zero else left
        spikes[j] = s


@kernel
def analog_sums(x, n, batch, table, width, unit, bits, total, out):
    """Products of rows that are no spikes, each on a grid of its own; see `spikesim.nn.exact`.

    Parameters
    ----------
    x : float array, shape (rows * n,)
    n, batch : int
        Columns; rows of one tick. A row equal to that one tick before is not computed again.
    table : int32 array
        Matrix (n, width) in stripes.
    width : int
    unit : float
        Of the table.
    bits : int
        Of the largest entry of a row.
    total : float64 array of the lanes of a stripe
        Scratch.
    out : float array, shape (rows * width,)
        Written.
    """
    lanes = total.size
    for r in range(x.size // n):
        top, same = 0.0, r >= batch
        for j in range(n):
            value = x[r * n + j]
            size = abs(np.float64(value))
            top = size if size > top or size != size else top
            if same and value != x[(r - batch) * n + j]:
                same = False
        if same:
            for c in range(width):
                out[r * width + c] = out[(r - batch) * width + c]
            continue
        if not top < np.inf:
            for c in range(width):
                out[r * width + c] = np.nan
            continue
        exponent = math.frexp(top)[1]
        scale, back = math.ldexp(1.0, bits - exponent), math.ldexp(1.0, exponent - bits)
        for first in range(0, width, lanes):
            total[:] = 0
            for j in range(n):
                code = np.rint(x[r * n + j] * scale)
                if code != 0:
                    at = first * n + j * lanes
                    for c in range(lanes):
                        total[c] += code * table[at + c]
            for c in range(min(lanes, width - first)):
                out[r * width + first + c] = total[c] * unit * back


@kernel
def infer_seq(
    x, batch, sizes, stripes, units, bits, constants, flags, v, i, refr,
    index, begin, drive, row, part, total, total_analog, out,
):  # fmt: skip
    """All layers for all ticks.

    Parameters
    ----------
    x : float array, shape (T * B * n_0,)
        Input; anything but spikes is taken as numbers.
    batch : int
        B.
    sizes : int64 array, shape (layers + 1,)
        ``n_0``, then the sizes of the populations.
    stripes : int32 array
        Tables of all projections, one behind the other.
    units : float64 array, shape (layers,)
    bits : int
        See `analog_sums`, for the first layer.
    constants : float array, shape (10, neurons)
    flags : int64 array, shape (layers, 5)
    v, i, refr : float, float and int32 arrays, shape (B * neurons,)
        States, layer after layer; changed.
    index, begin : int32 array, shape (2, T * B * most), and int64 array, shape (2, T * B + 1)
        Scratch: lists of events of two layers.
    drive, row : float arrays, shapes (T * B * most,) and (most,)
        Scratch.
    part, total, total_analog : int32, int64 and float64 arrays of the lanes of a stripe
        Scratch.
    out : float array, shape (T * B * n_last,)
        Spikes of the last population; written.
    """
    rows = begin.shape[1] - 1
    spiking = list_events(x, sizes[0], begin[0], index[0])
    table, start = 0, 0
    for layer in range(units.size):
        height, width = sizes[layer], sizes[layer + 1]
        size = -(-width // part.size) * part.size * height
        known, made = layer % 2, 1 - layer % 2
        weights = stripes[table : table + size]
        if layer == 0 and not spiking:
            analog_sums(
                x, height, batch, weights, width, units[0], bits, total_analog, drive
            )  # fmt: skip
        else:
            event_sums(
                weights, height, width, index[known], begin[known], units[layer], part, total, drive
            )  # fmt: skip
        last = layer == units.size - 1
        count = 0
        for r in range(rows):
            begin[made, r] = count
            place = batch * start + r % batch * width
            lif_row(
                drive, r * width, constants, start, width, flags[layer], v, i, refr, place, row
            )  # fmt: skip
            if last:
                for j in range(width):
                    out[r * width + j] = row[j]
            else:
                count, _ = list_row(row, 0, width, count, index[made])
        begin[made, rows] = count
        table += size
        start += width
