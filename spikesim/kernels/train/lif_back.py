# SPDX-License-Identifier: Apache-2.0
"""One tick of the canonical neuron backward, for a tile of neurons; see `lif`."""

from __future__ import annotations

from spikesim.kernels.jit import kernel
from spikesim.kernels.train.bump import bump
from spikesim.kernels.train.kinds import (
    ALPHA,
    ATAN,
    BETA,
    BOXCAR,
    CURRENT,
    DETACH,
    FAST_SIGMOID,
    FLOORED,
    GAIN,
    GATE,
    HARD,
    HOLD,
    JUMP,
    JUMPS,
    SIGMOID,
    SOFT,
    TRIANGLE,
    V_TH,
)  # fmt: skip


@kernel
def _bumps(code, slope, h, v_th, w):
    """Surrogate derivative of every spike of a tick."""
    one = w.dtype.type(1.0)
    if code == ATAN:
        for k in range(w.size):
            w[k] = bump(ATAN, slope, one, h[k] - v_th[k])
    elif code == FAST_SIGMOID:
        for k in range(w.size):
            w[k] = bump(FAST_SIGMOID, slope, one, h[k] - v_th[k])
    elif code == TRIANGLE:
        for k in range(w.size):
            w[k] = bump(TRIANGLE, slope, one, h[k] - v_th[k])
    elif code == SIGMOID:
        for k in range(w.size):
            w[k] = bump(SIGMOID, slope, one, h[k] - v_th[k])
    else:
        for k in range(w.size):
            w[k] = bump(BOXCAR, slope, one, h[k] - v_th[k])


@kernel
def _through_spike(gs, gv, h, s, c, kind, w, g):
    """Gradient of the membrane before the spike, in ``g``; ``w`` gets that of its distance.

    ``gs`` : gradient of the spikes, ``gv`` : of the membrane after the reset.
    """
    one = w.dtype.type(1.0)
    hard = w.dtype.type(1.0 if kind & HARD else 0.0)
    jump = c[JUMP]
    if kind & DETACH or not kind & (HARD | SOFT):
        for k in range(w.size):
            w[k] = w[k] * gs[k]
    elif kind & SOFT:
        for k in range(w.size):
            w[k] = w[k] * (gs[k] + gv[k] * jump[k])
    elif kind & JUMPS:
        for k in range(w.size):
            w[k] = w[k] * ((gs[k] + gv[k] * jump[k]) - gv[k] * h[k])
    else:
        for k in range(w.size):
            w[k] = w[k] * (gs[k] - gv[k] * h[k])
    for k in range(w.size):
        g[k] = gv[k] * (one - s[k] * hard) + w[k]


@kernel
def _through_charge(free, above, c, kind, g, gv):
    """Go back from the membrane before the spike, ``g``, to that of the tick before, ``gv``."""
    zero = g.dtype.type(0.0)
    beta = c[BETA]
    if kind & HOLD:
        for k in range(g.size):
            gv[k] = zero if free[k] != zero else g[k]
            g[k] = g[k] if free[k] != zero else zero
    if kind & FLOORED:
        for k in range(g.size):
            g[k] = g[k] if above[k] != zero else zero
    if kind & HOLD:
        for k in range(g.size):
            gv[k] = gv[k] + g[k] * beta[k]
    else:
        for k in range(g.size):
            gv[k] = g[k] * beta[k]


@kernel
def _through_flow(alpha, gain, kind, g, gi, w):
    """Go back to the input, in ``w``, and to the current of the tick before, in ``gi``."""
    if kind & CURRENT:
        for k in range(g.size):
            w[k] = gi[k] + g[k] * gain[k]
            gi[k] = w[k] * alpha[k]
    else:
        for k in range(g.size):
            w[k] = g[k] * gain[k]


@kernel
def _add(a, b, total):
    for k in range(total.size):
        total[k] = total[k] + a[k] * b[k]


@kernel
def _take(a, b, total):
    for k in range(total.size):
        total[k] = total[k] - a[k] * b[k]


@kernel
def through_tick(
    gs, gv, gi, h, s, free, above, before, flow_before, flow, c, kind, code, slope, places, w, g,
    gx, sums, a,
):  # fmt: skip
    """Go back over a tick: changes the gradient of the state, writes that of the input.

    Parameters
    ----------
    gs, gv, gi : float arrays, shape (n,)
        Gradients of the spikes, and of the state after the tick.
    h, s, free, above : float arrays, shape (n,)
        As of `one_tick`.
    before, flow_before, flow : float arrays, shape (n,)
        Membrane and current before the tick, and what drove the membrane; read where they matter.
    c, kind, code, slope, places, sums
        As of `lif_backward`.
    a : int
        Element of ``sums`` that the tick begins at. A part of all its rows would do as well, but
        of that the compiler does not know that entries are neighbours.
    w, g : float arrays, shape (n,)
        Scratch.
    gx : float array, shape (n,)
        Written; may be ``w``.
    """
    of_beta, of_alpha, of_gain, of_bias, of_th, of_amount = places
    b = a + g.size
    _bumps(code, slope, h, c[V_TH], w)
    if kind & (HOLD | GATE):
        for k in range(w.size):
            w[k] = w[k] * free[k]
    if of_amount >= 0:
        _take(gv, s, sums[of_amount, a:b])
    _through_spike(gs, gv, h, s, c, kind, w, g)
    if of_th >= 0:
        total = sums[of_th, a:b]
        for k in range(w.size):
            total[k] = total[k] - w[k]
    _through_charge(free, above, c, kind, g, gv)
    if of_bias >= 0:
        total = sums[of_bias, a:b]
        for k in range(g.size):
            total[k] = total[k] + g[k]
    if of_beta >= 0:
        _add(g, before, sums[of_beta, a:b])
    if of_gain >= 0:
        _add(g, flow, sums[of_gain, a:b])
    _through_flow(c[ALPHA], c[GAIN], kind, g, gi, gx)
    if of_alpha >= 0:
        _add(gx, flow_before, sums[of_alpha, a:b])
