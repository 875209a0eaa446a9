# SPDX-License-Identifier: Apache-2.0
"""All ticks of LIF neurons that their own spikes drive through a matrix, forward and backward.

A tick needs the spikes of all neurons of the tick before, so ticks are the outer loop. Within one,
the neurons of a sample are taken together: as many as the matrix has rows, each with its constants.
Neurons are those of `lif`, sums those of `event`. Neurons that need little have loops of their own,
`rlif_plain`.
"""

from __future__ import annotations

import math

import numpy as np

from spikesim.kernels.jit import kernel
from spikesim.kernels.train.event import (
    add_event_sums,
    event_sums,
    integers_of,
    list_events,
    panel_sums,
    stripes_of,
    turn_lists,
)
from spikesim.kernels.train.halves import multiply_halves
from spikesim.kernels.train.kinds import (
    CURRENT,
    DETACH,
    FLOORED,
    GATE,
    HARD,
    HOLD,
    JUMP,
    OF_BETA,
    SOFT,
)  # fmt: skip
from spikesim.kernels.train.lif import constants_of, one_tick
from spikesim.kernels.train.lif_back import through_tick
from spikesim.kernels.train.rlif_plain import plain_back, plain_tick

ROOM = 11
"""Rows of scratch, each with an entry per neuron."""


@kernel
def rlif_forward(
    first, last, x, ticks, kind, table, unit, shift, part, total, fed, room, v, i, refr, kept,
    lists, begins, s,
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
    shift : float array, shape (n,) or (0,)
        Added to every sum but what comes back in the first of these ticks.
    fed : float array, shape (m,)
        What comes back in the first of these ticks; lost.
    room : float array, shape (ROOM, n)
        Constants, see ``kinds.BETA`` …, and scratch.
    v, i, refr : arrays, shape (m,); the last, int32
        State, changed; of shape (0,) where the neuron has none.
    kept : tuple of float arrays, shape (T, m), or (1, m) for what nobody reads
        Membranes before the spike, who was free, who above the floor; written, but the last two
        not for neurons for whom they are always 1. And what drives the membranes, input with what
        comes back or the current; (0, m) where nobody reads it.
    lists, begins : int32 and int64 arrays, shapes (T, m) and (T, m // n + 1), or one row
        Spikes of every tick, as of `event.list_events`; written.
    s : float array, shape (T, m)
        Spikes, written.
    """
    n, batch, drive = room.shape[1], begins.shape[1] - 1, room[7]
    hs, frees, aboves, flows = kept
    plain = not kind & (CURRENT | HOLD | GATE | FLOORED) and flows.shape[0] == 0
    for t in range(first, last):
        if t > first:
            before = (t - 1) % len(lists)
            event_sums(table, n, n, lists[before], begins[before], unit, part, total, fed)
        for r in range(batch):
            a, b = r * n, (r + 1) * n
            given, back, h = x[t, a:b], fed[a:b], hs[t % hs.shape[0], a:b]
            if shift.size and t > first:
                for k in range(n):
                    back[k] = back[k] + shift[k]
            if plain:
                plain_tick(given, back, constants_of(room), kind, v[a:b], h, s[t, a:b])
                continue
            for k in range(n):
                drive[k] = given[k] + back[k]
            one_tick(
                drive, constants_of(room), ticks, kind, v[a:b], i[a:b], refr[a:b], h,
                frees[t % frees.shape[0], a:b], aboves[t % aboves.shape[0], a:b], s[t, a:b],
            )  # fmt: skip
            if flows.shape[0]:
                flows[t, a:b] = i[a:b] if kind & CURRENT else drive
        list_events(s[t], n, begins[t % len(lists)], lists[t % len(lists)])


@kernel
def _after(h, s, c, kind, v):
    """Membranes after spikes, as `lif.one_tick` leaves them."""
    one = h.dtype.type(1.0)
    hard, jump = h.dtype.type(1.0 if kind & HARD else 0.0), c[JUMP]
    for k in range(v.size):
        v[k] = h[k] * (one - s[k] * hard) + s[k] * jump[k]


@kernel
def _back(t, a, later, gs, kept, s, v, i, room, kind, code, slope, places, gv, gi, gx, sums):
    """Go back over a tick of the sample that begins at element ``a``; see `rlif_backward`."""
    c, total, w, g, before = constants_of(room), room[7], room[8], room[9], room[10]
    hs, frees, aboves, flows = kept
    b, given, h, fired = a + total.size, gs[t % gs.shape[0]], hs[t], s[t]
    for k in range(total.size):
        total[k] = given[a + k] + later[k]
    if places[OF_BETA] >= 0:
        if t:
            _after(hs[t - 1, a:b], s[t - 1, a:b], c, kind, before)
        else:
            before[:] = v[a:b]
    flow = flow_before = before  # read where there are flows
    if flows.shape[0]:
        flow, flow_before = flows[t, a:b], flows[t - 1, a:b] if t else i[a:b]
    through_tick(
        total, gv[a:b], gi[a:b], h[a:b], fired[a:b], frees[t % frees.shape[0], a:b],
        aboves[t % aboves.shape[0], a:b], before, flow_before, flow, c, kind, code, slope, places,
        w, g, gx, sums, a,
    )  # fmt: skip


@kernel
def _largest(peak, odd):
    """Largest of some absolute values; NaN where ``odd`` tells that not all were finite."""
    top, sign = np.float64(0.0), np.float64(0.0)
    for k in range(peak.size):
        top = max(top, np.float64(peak[k]))
        sign += odd[k]
    return top + sign


@kernel
def _beside(top, bits):
    """As ``nn.exact.beside``: next to so large a number, float64 has no finer steps."""
    if top == top:
        return 1.5 * math.ldexp(1.0, math.frexp(top)[1] - bits + 52)
    return top


@kernel
def _round_onto_grid(gx, beside, grid):
    """As ``nn.exact.on_grid`` does."""
    for k in range(gx.size):
        grid[k] = (np.float64(gx[k]) + beside) - beside


@kernel
def _add_to_shift(gx, beside, n, total, gradient):
    """Add the sum over samples, exact as ``nn.exact.summed``."""
    total[:] = 0
    for a in range(0, gx.size, n):
        for k in range(n):
            total[k] += (np.float64(gx[a + k]) + beside) - beside
    for k in range(n):
        gradient[k] = gradient[k] + gradient.dtype.type(total[k])


@kernel
def product_back(gx, top, n, bits, panels, halves, grid, later):
    """Multiply the gradient of the input of a tick, with this largest entry, by the matrix.

    Parameters
    ----------
    gx : float array, shape (m,)
    top : float
    n, bits : int
        Neurons; bits of the largest entry that are multiplied.
    panels : float64 array
        Matrix (n, n) on its grid, a row for each neuron that is driven, in stripes of `PANEL`
        columns, zeros behind the last.
    halves : tuple
        The same matrix, the unit of its grid and scratch, as of `halves.multiply_halves`; a table
        of no size, where there is none.
    grid : float64 array, rows of n, as many as whole panels have
        Scratch, zeros.
    later : float array, rows of whole panels
        Written.
    """
    table, unit, parts, sums = halves
    if table.size and integers_of(top):
        scale = math.ldexp(1.0, bits - math.frexp(top)[1])
        multiply_halves(gx, n, scale, unit / scale, table, parts, sums, later)
    else:
        _round_onto_grid(gx, _beside(top, bits), grid)
        flat = later.reshape(later.size)
        panel_sums(panels, n, grid, later.shape[0], flat, later.shape[1])


@kernel
def rlif_backward(
    kind, code, slope, bits_of_shift, product, gs, kept, s, lists, begins, v, i, first, room,
    places, gv, gi, gx, tops, sums, shift, turned, begin_turned, row, table, part, total, gradient,
):  # fmt: skip
    """Go back over all ticks.

    Parameters
    ----------
    kind, kept, lists, begins, s, room
        As of `rlif_forward`.
    code, slope : int, float
        Surrogate.
    bits_of_shift : int
        Of the largest gradient of a tick, that are added up for the gradient of ``shift``.
    product : tuple
        What `product_back` is given behind ``n``. In its last, ``later``, stands the gradient of
        the spikes of the last tick through what they do later; lost.
    gs : float array, shape (T, m) or (1, m)
        Gradient of the spikes; one row is that of all ticks.
    v, i : float arrays, shape (m,)
        State before the first tick.
    first : int
        First tick in which ``shift`` is added.
    places, sums
        As of `lif.lif_backward`.
    gv, gi : float arrays, shape (m,)
        Gradient of the state after the last tick; changed to that of the state before the first.
    gx : float array, shape (T, m)
        Gradient of the input, written.
    tops : float64 array, shape (T,)
        Largest of each tick of ``gx``, NaN if not all are finite; written.
    shift : float array, shape (n,) or (0,)
        To which the gradient of what is added to every sum is added, tick by tick.
    turned, begin_turned, row, table, part, total
        Scratch, as of `event`.
    gradient : float array
        Zeros, to which the gradient of the matrix is added, tick by tick from the last on, as
        autograd adds up, but for ticks in which a table of integers cannot hold ``gx``: a row for
        each neuron that spikes, in stripes as of ``table``. Of no size where nobody asks for it.
    """
    n, batch, hs, later = room.shape[1], begins.shape[1] - 1, kept[0], product[4]
    peak, odd, exact = np.empty(n, gx.dtype), np.empty(n, gx.dtype), np.empty(n)
    attached = kind & (HARD | SOFT) and not kind & DETACH
    plain = not attached and not kind & (CURRENT | HOLD | GATE | FLOORED) and not sums.shape[0]
    for t in range(gx.shape[0] - 1, -1, -1):
        peak[:] = 0
        odd[:] = 0
        for a in range(0, gv.size, n):
            b, out, through = a + n, gx[t, a : a + n], later[a // n, :n]
            if plain:
                plain_back(
                    through, gs[t % gs.shape[0], a:b], hs[t, a:b], constants_of(room), kind, code,
                    slope, gv[a:b], out,
                )  # fmt: skip
            else:
                _back(
                    t, a, through, gs, kept, s, v, i, room, kind, code, slope, places, gv, gi, out,
                    sums,
                )  # fmt: skip
            for k in range(n):
                size = abs(out[k])
                peak[k] = size if size > peak[k] else peak[k]
                odd[k] = odd[k] + (out[k] - out[k])
        tops[t] = _largest(peak, odd)
        if shift.size and t >= first:
            _add_to_shift(gx[t], _beside(tops[t], bits_of_shift), n, exact, shift)
        if t == 0:
            break
        scale = integers_of(tops[t])
        if gradient.size and scale:
            turn_lists(begins[t - 1], lists[t - 1], begin_turned, turned)
            stripes_of(gx[t], batch, n, scale, row, table)
            add_event_sums(table, batch, turned, begin_turned, 1.0 / scale, part, total, gradient)
        product_back(gx[t], tops[t], n, *product)
