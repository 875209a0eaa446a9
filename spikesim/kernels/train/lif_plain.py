# SPDX-License-Identifier: Apache-2.0
"""`lif_forward` and `lif_backward` of neurons that need little: one number for all of them.

No current, floor, refractory ticks, gradient of constants or gradient through the reset. What is
left is one loop a tick, at the pace of the memory; the general kernels take twice as long.
"""

from __future__ import annotations

import numpy as np

from spikesim.kernels.jit import kernel
from spikesim.kernels.train.bump import bump
from spikesim.kernels.train.kinds import ATAN, BOXCAR, FAST_SIGMOID, SIGMOID, TRIANGLE


@kernel
def plain_forward(lo, hi, tile, x, first, numbers, v, s):
    """All ticks of the neurons lo … hi - 1.

    Parameters
    ----------
    tile : int
        Elements that are taken through all ticks together.
    x : float array, shape (T, ...)
        Input; its columns are those of the neurons from ``first`` on.
    s : float array, shape (T, m)
        Spikes, written.
    numbers : tuple of float
        Beta, gain, bias, threshold and what a spike adds, as of ``kinds.BETA`` …; then, 1 or 0,
        whether a spike takes the membrane away, and whether the threshold is enough.
    v : float array, shape (m,)
        Membranes, changed.
    """
    beta, gain, bias, v_th, jump, hard, at_threshold = numbers
    one, zero = s.dtype.type(1.0), s.dtype.type(0.0)
    for a in range(lo, hi, tile):
        b = min(a + tile, hi)
        now = v[a:b]
        for t in range(x.shape[0]):
            drive, out = x[t, a - first : b - first], s[t, a:b]
            for k in range(out.size):
                h = (beta * now[k] + gain * drive[k]) + bias
                u = h - v_th
                fired = one if u > zero else (at_threshold if u == zero else zero)
                out[k] = fired
                now[k] = h * (one - fired * hard) + fired * jump


@kernel
def _again(drive, numbers, v, hs):
    beta, gain, bias, v_th, jump, hard, at_threshold = numbers
    one, zero = hs.dtype.type(1.0), hs.dtype.type(0.0)
    for k in range(hs.size):
        h = (beta * v[k] + gain * drive[k]) + bias
        u = h - v_th
        fired = one if u > zero else (at_threshold if u == zero else zero)
        hs[k] = h
        v[k] = h * (one - fired * hard) + fired * jump


@kernel
def _back(code, slope, numbers, hs, gs, gv, gx):
    beta, gain, _, v_th, _, hard, at_threshold = numbers
    one, zero = gx.dtype.type(1.0), gx.dtype.type(0.0)
    for k in range(gx.size):
        u = hs[k] - v_th
        fired = one if u > zero else (at_threshold if u == zero else zero)
        g = gv[k] * (one - fired * hard) + bump(code, slope, one, u) * gs[k]
        gv[k] = g * beta
        gx[k] = g * gain


@kernel
def plain_backward(lo, hi, tile, x, first, numbers, code, slope, v, gs, gv, gx):
    """Go back over all ticks of the neurons lo … hi - 1.

    Parameters
    ----------
    tile, x, first, numbers
        As of `plain_forward`.
    code, slope : int, float
        Surrogate.
    v : float array, shape (m,)
        Membranes before the first tick; lost.
    gs : float array, shape (T, m) or (1, m)
        Gradient of the spikes; one row is that of all ticks.
    gv : float array, shape (m,)
        Gradient of the membranes after the last tick; changed to that before the first.
    gx : float array, shape of ``x``
        Gradient of the input, written.
    """
    room = np.empty(x.shape[0] * tile, x.dtype)
    for a in range(lo, hi, tile):
        b = min(a + tile, hi)
        hs = room[: x.shape[0] * (b - a)].reshape(x.shape[0], b - a)
        now, back = v[a:b], gv[a:b]
        for t in range(x.shape[0]):
            _again(x[t, a - first : b - first], numbers, now, hs[t])
        for t in range(x.shape[0] - 1, -1, -1):
            h, g, out = hs[t], gs[t % gs.shape[0], a:b], gx[t, a - first : b - first]
            if code == ATAN:
                _back(ATAN, slope, numbers, h, g, back, out)
            elif code == FAST_SIGMOID:
                _back(FAST_SIGMOID, slope, numbers, h, g, back, out)
            elif code == TRIANGLE:
                _back(TRIANGLE, slope, numbers, h, g, back, out)
            elif code == SIGMOID:
                _back(SIGMOID, slope, numbers, h, g, back, out)
            else:
                _back(BOXCAR, slope, numbers, h, g, back, out)
