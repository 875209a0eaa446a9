# SPDX-License-Identifier: Apache-2.0
"""All ticks of LIF neurons that their own spikes drive through a matrix, forward and backward.

A tick needs the spikes of all neurons of the tick before, so ticks are the outer loop. Within one,
the neurons of a sample are taken together: as many as the matrix has rows, each with its constants.
Neurons are those of `lif`, sums those of `event`.
"""

from __future__ import annotations

import math

import numpy as np

from spikesim.kernels.jit import kernel
from spikesim.kernels.train.event import event_sums, list_events, panel_sums, stripes_of, turn_lists
from spikesim.kernels.train.kinds import ALPHA, GAIN, GATE, HOLD, V_TH
from spikesim.kernels.train.lif import (
    bumps,
    constants_of,
    one_tick,
    through_charge,
    through_flow,
    through_spike,
)

ROOM = 10
"""Rows of scratch, each with an entry per neuron."""


@kernel
def rlif_forward(
    first, last, x, ticks, kind, table, unit, lists, begin, part, total, fed, room, v, i, refr, hs,
    frees, aboves, s,
):  # fmt: skip
    """Ticks first … last - 1.

    Parameters
    ----------
    x : float array, shape (T, m)
        Input.
    ticks : int32 array, shape (n,), ticks
        Refractory ticks.
    kind : int
        See ``kinds.HARD`` ….
    table, unit, part, total
        Matrix (n, n), as of `event.event_sums`.
    lists, begin : int32 and int64 arrays, shapes (m,) and (m // n + 1,)
        Scratch.
    fed : float array, shape (m,)
        What comes back in the first of these ticks; lost.
    room : float array, shape (ROOM, n)
        Constants, see ``kinds.BETA`` …, and scratch.
    v, i, refr : arrays, shape (m,); the last, int32
        State, changed; of shape (0,) where the neuron has none.
    hs, frees, aboves : float arrays, shape (T, m), or (1, m) for what nobody reads
        Membranes before the spike, who was free, who above the floor; written.
    s : float array, shape (T, m)
        Spikes, written.
    """
    n, batch, drive = room.shape[1], begin.size - 1, room[7]
    for t in range(first, last):
        if t > first:
            list_events(s[t - 1], n, begin, lists)
            event_sums(table, n, n, lists, begin, unit, part, total, fed)
        for r in range(batch):
            a, b = r * n, (r + 1) * n
            given, back = x[t, a:b], fed[a:b]
            for k in range(n):
                drive[k] = given[k] + back[k]
            one_tick(
                drive, constants_of(room), ticks, kind, v[a:b], i[a:b], refr[a:b],
                hs[t % hs.shape[0], a:b], frees[t % frees.shape[0], a:b],
                aboves[t % aboves.shape[0], a:b], s[t, a:b],
            )  # fmt: skip


@kernel
def _back(later, gs, h, s, free, above, kind, code, slope, room, gv, gi, gx):
    """Go back over a tick of one sample; later and what is kept, as of `rlif_backward`."""
    c, total, w, g = constants_of(room), room[7], room[8], room[9]
    for k in range(total.size):
        total[k] = gs[k] + later[k]
    bumps(code, slope, h, c[V_TH], w)
    if kind & (HOLD | GATE):
        for k in range(w.size):
            w[k] = w[k] * free[k]
    through_spike(total, gv, h, s, c, kind, w, g)
    through_charge(free, above, c, kind, g, gv)
    through_flow(c[ALPHA], c[GAIN], kind, g, gi, gx)


@kernel
def _largest(peak, odd):
    """Largest of some absolute values; NaN where ``odd`` tells that not all were finite."""
    top, sign = np.float64(0.0), np.float64(0.0)
    for k in range(peak.size):
        top = max(top, np.float64(peak[k]))
        sign += odd[k]
    return top + sign


@kernel
def _round_onto_grid(gx, top, bits, n, grid):
    """As ``nn.exact.on_grid`` does: beside so large a number, float64 has no finer steps."""
    beside = top
    if top == top:
        beside = 1.5 * math.ldexp(1.0, math.frexp(top)[1] - bits + 52)
    for k in range(gx.size):
        grid[k] = (np.float64(gx[k]) + beside) - beside


@kernel
def rlif_backward(
    kind, code, slope, bits, table, gs, hs, frees, aboves, s, room, grid, later, gv, gi, gx, tops,
):  # fmt: skip
    """Go back over all ticks.

    Parameters
    ----------
    kind, hs, frees, aboves, s, room
        As of `rlif_forward`.
    code, slope : int, float
        Surrogate.
    bits : int
        Of the largest gradient of a tick, that are multiplied by the table.
    table : float64 array
        Matrix (n, n) on its grid, a row for each neuron that is driven, in stripes of `PANEL`
        columns, zeros behind the last.
    gs : float array, shape (T, m) or (1, m)
        Gradient of the spikes; one row is that of all ticks.
    grid : float64 array, rows of n, as many as whole panels have
        Scratch, zeros.
    later : float array, rows of whole panels
        Gradient of the spikes of the last tick through what they do later; lost.
    gv, gi : float arrays, shape (m,)
        Gradient of the state after the last tick; changed to that of the state before the first.
    gx : float array, shape (T, m)
        Gradient of the input, written.
    tops : float64 array, shape (T,)
        Largest of each tick of ``gx``, NaN if not all are finite; written.
    """
    n, wide = room.shape[1], later.shape[1]
    flat_later = later.reshape(later.size)
    peak, odd = np.empty(n, gx.dtype), np.empty(n, gx.dtype)
    for t in range(gx.shape[0] - 1, -1, -1):
        peak[:] = 0
        odd[:] = 0
        for a in range(0, gv.size, n):
            b, out = a + n, gx[t, a : a + n]
            _back(
                later[a // n, :n], gs[t % gs.shape[0], a:b], hs[t, a:b], s[t, a:b],
                frees[t % frees.shape[0], a:b], aboves[t % aboves.shape[0], a:b], kind, code,
                slope, room, gv[a:b], gi[a:b], out,
            )  # fmt: skip
            for k in range(n):
                size = abs(out[k])
                peak[k] = size if size > peak[k] else peak[k]
                odd[k] = odd[k] + (out[k] - out[k])
        tops[t] = _largest(peak, odd)
        if t == 0:
            break
        _round_onto_grid(gx[t], tops[t], bits, n, grid)
        panel_sums(table, n, grid, later.shape[0], flat_later, wide)


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
