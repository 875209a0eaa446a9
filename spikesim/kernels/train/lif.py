# SPDX-License-Identifier: Apache-2.0
"""All ticks of the canonical neuron, forward and backward, a tile of neurons at a time.

Operations and their order are those of ``nn.functional.lif_step`` and of the derivative that
autograd makes of it, so results are the same to the bit. What a neuron does not have is given as
a number that changes nothing: a gain of 1, a bias of -0.0 (0.0 would turn -0.0 around), a floor of
minus infinity. So one kernel does for all neurons.

Forward reads the input and writes the spikes, nothing else: backward computes the membranes of a
tile again, into memory that stays in the second cache, and goes back over them.
"""

from __future__ import annotations

import numpy as np

from spikesim.kernels.jit import kernel
from spikesim.kernels.train.kinds import (
    ALPHA,
    BETA,
    BIAS,
    CURRENT,
    FLOOR,
    FLOORED,
    GAIN,
    GATE,
    HARD,
    HOLD,
    JUMP,
    OF_ALPHA,
    OF_BETA,
    OF_GAIN,
    STRICT,
    V_TH,
)  # fmt: skip
from spikesim.kernels.train.lif_back import through_tick

_FIRST = 10
"""Rows of scratch before those that hold something of every tick."""
_SKEW = 16
"""Entries between rows: where rows lie a page apart, loads wait for stores to others."""


@kernel
def constants_of(room):
    """Rows of constants, see ``kinds.BETA`` …."""
    return room[0], room[1], room[2], room[3], room[4], room[5], room[6]


@kernel
def repeat(values, at, into):
    """Write entry ``at + k`` modulo their number to ``into[k]``, without a division for each."""
    if values.size == 1:
        into[:] = values[0]
        return
    begin, k = at % values.size, 0
    while k < into.size:
        n = min(into.size - k, values.size - begin)
        into[k : k + n] = values[begin : begin + n]
        begin, k = 0, k + n


@kernel
def _spread(constants, at, room, n):
    """Copy the constants of the neurons of a tile that begins at element ``at``; give the rows.

    Each row by itself: of rows of ``room[:, :n]`` the compiler does not know that their entries
    are neighbours, and loops over them took five times as long.
    """
    for row in range(7):
        repeat(constants[row], at, room[row, :n])
    return (
        room[0, :n], room[1, :n], room[2, :n], room[3, :n], room[4, :n], room[5, :n], room[6, :n],
    )  # fmt: skip


@kernel
def _flow(x, alpha, i):
    """Advance the current."""
    for k in range(i.size):
        i[k] = alpha[k] * i[k] + x[k]


@kernel
def _charge(drive, v, c, h):
    """Membrane before the spike, without floor and refractory ticks."""
    beta, gain, bias = c[BETA], c[GAIN], c[BIAS]
    for k in range(h.size):
        h[k] = (beta[k] * v[k] + gain[k] * drive[k]) + bias[k]


@kernel
def _bound(floor, h, above):
    """Keep the membrane above its floor; ``above`` tells where it was."""
    one, zero = h.dtype.type(1.0), h.dtype.type(0.0)
    for k in range(h.size):
        above[k] = one if h[k] >= floor[k] else zero
        h[k] = floor[k] if h[k] < floor[k] else h[k]


@kernel
def _rest(refr, v, hold, h, free):
    """Tell who may fire; who may not holds its membrane, if so asked."""
    one, zero = h.dtype.type(1.0), h.dtype.type(0.0)
    for k in range(h.size):
        free[k] = one if refr[k] == 0 else zero
    if hold:
        for k in range(h.size):
            h[k] = h[k] if refr[k] == 0 else v[k]


@kernel
def _fire(h, c, hard, at_threshold, free, ticks, s, v, refr):
    """Spikes of neurons that are free, and membrane and refractory ticks after them."""
    one, zero = s.dtype.type(1.0), s.dtype.type(0.0)
    v_th, jump = c[V_TH], c[JUMP]
    for k in range(s.size):
        u = h[k] - v_th[k]
        fired = (one if u > zero else (at_threshold if u == zero else zero)) * free[k]
        s[k] = fired
        v[k] = h[k] * (one - fired * hard) + fired * jump[k]
    for k in range(refr.size):
        left = refr[k] - np.int32(1) if refr[k] > 0 else np.int32(0)
        refr[k] = ticks[k] if s[k] > zero else left


@kernel
def one_tick(x, c, ticks, kind, v, i, refr, h, free, above, s):
    """One tick of a tile: changes the state, writes membranes before the spike, and spikes."""
    hard = s.dtype.type(1.0 if kind & HARD else 0.0)
    at_threshold = s.dtype.type(0.0 if kind & STRICT else 1.0)
    drive = x
    if kind & CURRENT:
        _flow(x, c[ALPHA], i)
        drive = i
    _charge(drive, v, c, h)
    if kind & FLOORED:
        _bound(c[FLOOR], h, above)
    if kind & (HOLD | GATE):
        _rest(refr, v, kind & HOLD != 0, h, free)
    else:
        free[:] = s.dtype.type(1.0)
    _fire(h, c, hard, at_threshold, free, ticks, s, v, refr)


@kernel
def lif_forward(lo, hi, tile, x, first, constants, ticks, kind, v, i, refr, s):
    """All ticks of the neurons lo … hi - 1.

    Parameters
    ----------
    tile : int
        Elements that are taken through all ticks together.
    x : float array, shape (T, ...)
        Input; its columns are those of the neurons from ``first`` on.
    constants : float array, shape (7, n)
        See ``kinds.BETA`` …; element k of a tick is neuron k modulo n.
    ticks : int32 array, shape (n,) or (1,), ticks
        Refractory ticks.
    kind : int
        See ``kinds.HARD`` ….
    v, i, refr : arrays, shape (m,); the last, int32
        State, changed; of shape (0,) where the neuron has none.
    s : float array, shape (T, m)
        Spikes, written.
    """
    room = np.empty((10, tile + _SKEW), s.dtype)
    own = np.empty(tile, np.int32)
    for a in range(lo, hi, tile):
        b = min(a + tile, hi)
        n = b - a
        c = _spread(constants, a, room, n)
        repeat(ticks, a, own[:n])
        for t in range(x.shape[0]):
            one_tick(
                x[t, a - first : b - first], c, own[:n], kind, v[a:b], i[a:b], refr[a:b],
                room[7, :n], room[8, :n], room[9, :n], s[t, a:b],
            )  # fmt: skip


@kernel
def _rows_by_kind(ticks, kind, of_beta, of_flow):
    """Where rows begin that hold, for every tick, what is read on the way back; and their number.

    Membranes before the spike, spikes, who was free, who above the floor, membranes before the
    tick, currents before it. What nobody reads has one row.
    """
    ss = _FIRST + ticks
    frees = ss + ticks
    aboves = frees + (ticks if kind & (HOLD | GATE) else 1)
    vs = aboves + (ticks if kind & FLOORED else 1)
    flows = vs + (ticks if of_beta else 1)
    return _FIRST, ss, frees, aboves, vs, flows, flows + (ticks + 1 if of_flow else 1)


@kernel
def _again(x, a, n, c, ticks, kind, v, i, refr, room, places):
    """Compute a tile forward again, and keep what is read on the way back."""
    hs, ss, frees, aboves, vs, flows, end = places
    for t in range(x.shape[0]):
        for k in range(n):
            room[vs + t % (flows - vs), k] = v[k]
        if end - flows > 1:
            for k in range(n):
                room[flows + t, k] = i[k]
        one_tick(
            x[t, a : a + n], c, ticks, kind, v, i, refr, room[hs + t, :n],
            room[frees + t % (aboves - frees), :n], room[aboves + t % (vs - aboves), :n],
            room[ss + t, :n],
        )  # fmt: skip
    if end - flows > 1:
        for k in range(n):
            room[flows + x.shape[0], k] = i[k]


@kernel
def lif_backward(
    lo, hi, tile, x, first, constants, ticks, kind, code, slope, places, v, i, refr, gs, gv, gi,
    gx, sums,
):  # fmt: skip
    """Go back over all ticks of the neurons lo … hi - 1.

    Parameters
    ----------
    tile, x, first, constants, ticks, kind
        As of `lif_forward`.
    code, slope : int, float
        Surrogate.
    places : int64 array, shape (6,)
        Row of ``sums`` for each of ``kinds.LEARNED``; -1 for what has no gradient.
    v, i, refr : arrays
        State before the first tick; lost.
    gs : float array, shape (T, m) or (1, m)
        Gradient of the spikes; one row is that of all ticks.
    gv, gi : float arrays, shape (m,)
        Gradient of the state after the last tick; changed to that of the state before the first.
    gx : float array, shape of ``x``, or (0, ...)
        Gradient of the input, written, if it has rows.
    sums : float array, shape (r, m)
        To which gradients of constants are added, tick by tick.
    """
    of_flow = kind & CURRENT != 0 and (places[OF_GAIN] >= 0 or places[OF_ALPHA] >= 0)
    at = _rows_by_kind(x.shape[0], kind, places[OF_BETA] >= 0, of_flow)
    hs, ss, frees, aboves, vs, flows, rows = at
    room = np.empty((rows, tile + _SKEW), v.dtype)
    own = np.empty(tile, np.int32)
    for a in range(lo, hi, tile):
        b = min(a + tile, hi)
        n = b - a
        c = _spread(constants, a, room, n)
        repeat(ticks, a, own[:n])
        spare, g = room[7, :n], room[8, :n]
        _again(x, a - first, n, c, own[:n], kind, v[a:b], i[a:b], refr[a:b], room, at)
        for t in range(x.shape[0] - 1, -1, -1):
            through_tick(
                gs[t % gs.shape[0], a:b], gv[a:b], gi[a:b], room[hs + t, :n], room[ss + t, :n],
                room[frees + t % (aboves - frees), :n], room[aboves + t % (vs - aboves), :n],
                room[vs + t % (flows - vs), :n], room[flows + t % (rows - flows), :n],
                room[flows + t + 1, :n] if of_flow else x[t, a - first : b - first],
                c, kind, code, slope, places,
                spare, g, gx[t, a - first : b - first] if gx.shape[0] else spare, sums, a,
            )  # fmt: skip
