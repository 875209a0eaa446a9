# SPDX-License-Identifier: Apache-2.0
"""All ticks of LIF neurons that their own spikes drive through a matrix, forward and backward.

A tick needs the spikes of all neurons of the tick before, so ticks are the outer loop. Within one,
the neurons of a sample are taken together: as many as the matrix has rows, each with its constants.
Neurons are those of `lif`, sums those of `event`.
"""

from __future__ import annotations

import numpy as np

from spikesim.kernels.jit import kernel
from spikesim.kernels.train.event import event_sums, list_events, stripes_of, turn_lists
from spikesim.kernels.train.kinds import ALPHA, GAIN, GATE, HOLD, V_TH
from spikesim.kernels.train.lif import (
    bumps,
    one_tick,
    spread_constants,
    spread_ticks,
    through_charge,
    through_flow,
    through_spike,
)

ROOM = 10
"""Rows of scratch, each with an entry per neuron."""


@kernel
def rlif_forward(
    first, last, x, constants, ticks, kind, table, unit, lists, begin, part, total, fed, room, own,
    v, i, refr, drive, s,
):  # fmt: skip
    """Ticks first … last - 1.

    Parameters
    ----------
    x : float array, shape (T, m)
        Input.
    constants, ticks : arrays, shapes (7, n or 1) and (n,) or (1,)
        As of `lif.lif_forward`.
    kind : int
    table, unit, part, total
        Matrix (n, n), as of `event.event_sums`.
    lists, begin : int32 and int64 arrays, shapes (m,) and (m // n + 1,)
        Scratch.
    fed : float array, shape (m,)
        What comes back in the first of these ticks; lost.
    room, own : arrays, shapes (ROOM, n) and (n,)
        Scratch; the latter, int32.
    v, i, refr : arrays, shape (m,); the last, int32
        State, changed; of shape (0,) where the neuron has none.
    drive : float array, shape (T, m) or (1, m)
        Input and what came back, written; of the last tick where there is one row.
    s : float array, shape (T, m)
        Spikes, written.
    """
    n, batch = room.shape[1], begin.size - 1
    c = spread_constants(constants, 0, room, n)
    spread_ticks(ticks, 0, own)
    for t in range(first, last):
        if t > first:
            list_events(s[t - 1], n, begin, lists)
            event_sums(table, n, n, lists, begin, unit, part, total, fed)
        into = drive[t % drive.shape[0]]
        for k in range(into.size):
            into[k] = x[t, k] + fed[k]
        for r in range(batch):
            a, b = r * n, (r + 1) * n
            one_tick(
                into[a:b], c, own, kind, v[a:b], i[a:b], refr[a:b], room[7], room[8], room[9],
                s[t, a:b],
            )  # fmt: skip


@kernel
def rlif_again(drive, constants, ticks, kind, room, own, v, i, refr, hs, frees, aboves):
    """Compute all ticks again from what drove the neurons, and keep what is read on the way back.

    Parameters
    ----------
    drive, constants, ticks, kind, room, own, v, i, refr
        As of `rlif_forward`; the state is that before the first tick, and lost.
    hs, frees, aboves : float arrays, shape (T, m), or (1, m) for what nobody reads
        Membranes before the spike, who was free, who above the floor; written.
    """
    n = room.shape[1]
    c = spread_constants(constants, 0, room, n)
    spread_ticks(ticks, 0, own)
    for a in range(0, hs.shape[1], n):
        b = a + n
        for t in range(hs.shape[0]):
            one_tick(
                drive[t, a:b], c, own, kind, v[a:b], i[a:b], refr[a:b], hs[t, a:b],
                frees[t % frees.shape[0], a:b], aboves[t % aboves.shape[0], a:b], room[7],
            )  # fmt: skip


@kernel
def rlif_back(
    t, constants, kind, code, slope, later, gs, hs, s, frees, aboves, room, gv, gi, gx, gx_bits,
    top_bits,
):  # fmt: skip
    """Go back over tick ``t``.

    Parameters
    ----------
    constants, kind, code, slope, hs, frees, aboves, room
        As above and of `lif.lif_backward`.
    later : float64 array, shape (m,)
        Gradient of the spikes through what they do later.
    gs : float array, shape (T, m) or (1, m)
        Gradient of the spikes; one row is that of all ticks.
    s : float array, shape (T, m)
        Spikes.
    gv, gi : float arrays, shape (m,)
        Gradient of the state after the tick; changed to that of the state before.
    gx : float array, shape (T, m)
        Gradient of the input, written for this tick.
    gx_bits : int array, shape (T, m)
        The same memory.
    top_bits : int array, shape (1,)
        Bits of the largest entry of ``gx[t]``, without its sign; infinity and NaN are the largest.
    """
    n = room.shape[1]
    c = spread_constants(constants, 0, room, n)
    total, w, g = room[7], room[8], room[9]
    for a in range(0, gv.size, n):
        b = a + n
        ahead, given = later[a:b], gs[t % gs.shape[0], a:b]
        for k in range(n):
            total[k] = given[k] + total.dtype.type(ahead[k])
        h, free = hs[t, a:b], frees[t % frees.shape[0], a:b]
        bumps(code, slope, h, c[V_TH], w)
        if kind & (HOLD | GATE):
            for k in range(n):
                w[k] = w[k] * free[k]
        through_spike(total, gv[a:b], h, s[t, a:b], c, kind, w, g)
        through_charge(free, aboves[t % aboves.shape[0], a:b], c, kind, g, gv[a:b])
        through_flow(c[ALPHA], c[GAIN], kind, g, gi[a:b], gx[t, a:b])
    # Of floats without a sign, the order is that of their bits; a maximum of integers vectorizes.
    now, top = gx_bits[t], np.int64(0)
    without_sign = np.int64(0x7FFFFFFF) if top_bits.itemsize == 4 else np.int64(0x7FFFFFFFFFFFFFFF)
    for k in range(now.size):
        top = max(top, now[k] & without_sign)
    top_bits[0] = top


@kernel
def on_grid_of(values, beside, out):
    """Round as ``nn.exact.on_grid`` does: beside so large a number, float64 has no finer steps."""
    for k in range(out.size):
        out[k] = (values[k] + beside) - beside


@kernel
def rlif_weight_gradient(
    gx, s, n, scales, lists, begin, turned, begin_turned, row, table, part, total, out, gradient
):
    """Gradient of the matrix, tick by tick from the last on, as autograd adds up.

    Parameters
    ----------
    gx, s : float arrays, shape (T, m)
        Gradient of the input, and spikes.
    n : int
        Neurons of a sample.
    scales : float array, shape (T,)
        As of `event.stripes_of`, for each tick of ``gx``.
    lists, begin, turned, begin_turned, row, table, part, total
        Scratch, as of `event`.
    out : float array, shape (n * n,)
        Scratch.
    gradient : float array, shape (n * n,)
        Written; a row for each neuron that spikes.
    """
    batch, last = begin.size - 1, gx.shape[0] - 1
    for t in range(last, 0, -1):
        list_events(s[t - 1], n, begin, lists)
        turn_lists(begin, lists, begin_turned, turned)
        stripes_of(gx[t], batch, n, scales[t], row, table)
        unit = 1.0 / scales[t]
        if t == last:
            event_sums(table, batch, n, turned, begin_turned, unit, part, total, gradient)
            continue
        event_sums(table, batch, n, turned, begin_turned, unit, part, total, out)
        for k in range(out.size):
            gradient[k] += out[k]
