# SPDX-License-Identifier: Apache-2.0
"""Derivatives of surrogates, as ``nn.surrogate`` has them, to the bit."""

from __future__ import annotations

from spikesim.kernels.elementary import exp
from spikesim.kernels.jit import kernel
from spikesim.kernels.train.kinds import ATAN, FAST_SIGMOID, SIGMOID, TRIANGLE


@kernel
def bump(code, slope, one, u):
    """Surrogate derivative at distance ``u`` from threshold.

    Parameters
    ----------
    code : int
        As in ``kinds``; a constant where it is called, so that only one form is left.
    slope, one, u : float
        All of one type; ``one`` is 1.
    """
    zero = one - one
    if code == ATAN:
        z = slope * u
        return one / (z * z + one)
    if code == FAST_SIGMOID:
        z = abs(u) * slope + one
        return one / (z * z)
    if code == TRIANGLE:
        z = abs(u) * -slope + one
        return zero if z < zero else z
    if code == SIGMOID:
        z = -abs(slope * u)
        e = z if z != z else exp(z)
        return ((one + one + one + one) * e) / ((one + e) * (one + e))
    return one if abs(u) * slope <= one else zero
