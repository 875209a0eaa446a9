# SPDX-License-Identifier: Apache-2.0
"""A tick of `rlif` for neurons that need little: no current, floor or refractory ticks.

One loop takes the place of several over the same neurons.
"""

from __future__ import annotations

from spikesim.kernels.jit import kernel
from spikesim.kernels.train.bump import bump
from spikesim.kernels.train.kinds import (
    ATAN,
    BETA,
    BIAS,
    BOXCAR,
    FAST_SIGMOID,
    GAIN,
    HARD,
    JUMP,
    SIGMOID,
    STRICT,
    TRIANGLE,
    V_TH,
)  # fmt: skip


@kernel
def plain_tick(x, fed, c, kind, v, h, s):
    """Forward, as `lif.one_tick` for the drive ``x + fed``."""
    one, zero = s.dtype.type(1.0), s.dtype.type(0.0)
    hard, at_threshold = one if kind & HARD else zero, zero if kind & STRICT else one
    beta, gain, bias, v_th, jump = c[BETA], c[GAIN], c[BIAS], c[V_TH], c[JUMP]
    for k in range(s.size):
        now = (beta[k] * v[k] + gain[k] * (x[k] + fed[k])) + bias[k]
        u = now - v_th[k]
        fired = one if u > zero else (at_threshold if u == zero else zero)
        h[k] = now
        s[k] = fired
        v[k] = now * (one - fired * hard) + fired * jump[k]


@kernel
def _back(code, slope, later, gs, h, c, kind, gv, gx):
    one, zero = gx.dtype.type(1.0), gx.dtype.type(0.0)
    hard, at_threshold = one if kind & HARD else zero, zero if kind & STRICT else one
    beta, gain, v_th = c[BETA], c[GAIN], c[V_TH]
    for k in range(gx.size):
        u = h[k] - v_th[k]
        fired = one if u > zero else (at_threshold if u == zero else zero)
        g = gv[k] * (one - fired * hard) + bump(code, slope, one, u) * (gs[k] + later[k])
        gv[k] = g * beta[k]
        gx[k] = g * gain[k]


@kernel
def plain_back(later, gs, h, c, kind, code, slope, gv, gx):
    """Backward, as `lif_back.through_tick` for the gradient ``gs + later`` of the spikes.

    Without gradients of constants or through the reset.
    """
    if code == ATAN:
        _back(ATAN, slope, later, gs, h, c, kind, gv, gx)
    elif code == FAST_SIGMOID:
        _back(FAST_SIGMOID, slope, later, gs, h, c, kind, gv, gx)
    elif code == TRIANGLE:
        _back(TRIANGLE, slope, later, gs, h, c, kind, gv, gx)
    elif code == SIGMOID:
        _back(SIGMOID, slope, later, gs, h, c, kind, gv, gx)
    else:
        _back(BOXCAR, slope, later, gs, h, c, kind, gv, gx)
