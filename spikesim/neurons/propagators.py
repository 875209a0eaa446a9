# SPDX-License-Identifier: Apache-2.0
r"""What a decaying input adds to a leaky membrane within one tick, exactly.

All follow from ``tau_mem dv/dt = -v + x(s)`` over a tick of length dt that starts at
s = 0. With q = 1/tau_syn - 1/tau_mem::

    v(dt) = exp(-dt/tau_mem) v(0) + exp(-dt/tau_mem) / tau_mem * int_0^dt exp(s/tau_mem) x(s) ds

    x(s) = exp(-s/tau_syn):     exp(s/tau_mem) x(s) = exp(-q s)
    x(s) = s exp(-s/tau_syn):   exp(s/tau_mem) x(s) = s exp(-q s)

The integrals are written with functions that are smooth at q = 0, so that equal and
nearly equal time constants are nothing special.

References
----------
Rotter & Diesmann (1999), Biol. Cybern. 81:381-402, section 3.1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spikesim.errors import ValidationError
from spikesim.neurons.parameters import FloatArray, Value, scalar_or_array

# Below this the closed form loses digits to cancellation and the series is exact to rounding.
_SERIES_BELOW = 0.05
_SERIES_TERMS = 10
_LARGEST_EXPONENT = 700.0  # exp of more than 709 is not finite


def decay(dt: float, tau: Value) -> Value:
    """Give exp(-dt / tau).

    Examples
    --------
    >>> round(decay(1e-3, 10e-3), 6)
    0.904837
    """
    return scalar_or_array(np.exp(-dt / np.asarray(tau)))


def euler_decay(dt: float, tau: Value, what: str) -> Value:
    """Give 1 - dt / tau.

    Raises
    ------
    ValidationError
        If a time constant is shorter than the step: the sum would alternate, and may grow.

    Examples
    --------
    >>> euler_decay(1e-3, 4e-3, "tau_mem")
    0.75
    """
    if np.any(np.asarray(tau) < dt):
        raise ValidationError(
            f"expected {what} >= dt = {dt:g} s for the Euler step, got {np.min(tau):g} s; take the "
            "other method or a shorter dt"
        )
    return scalar_or_array(1.0 - dt / np.asarray(tau))


def mean_over_tick(dt: float, tau: Value) -> Value:
    """Give the mean over a tick of what starts at 1 and decays with tau.

    Examples
    --------
    >>> round(mean_over_tick(1e-3, 10e-3), 6)
    0.951626
    """
    x = dt / np.asarray(tau)
    return scalar_or_array(-np.expm1(-x) / x)


def exponential_input(dt: float, tau_mem: Value, tau_syn: Value) -> Value:
    """Give v(dt) from v(0) = 0 for an input that starts at 1 and decays with tau_syn.

    Examples
    --------
    >>> round(exponential_input(1e-3, 10e-3, 10e-3), 6)  # dt/tau * exp(-dt/tau)
    0.090484
    """
    mem, syn = np.asarray(tau_mem), np.asarray(tau_syn)
    x = dt / syn - dt / mem
    # Where the membrane follows at once, exp(-x) would be infinite: the same, from the end on.
    back = x < -_LARGEST_EXPONENT
    decayed = np.exp(-np.where(back, dt / syn, dt / mem))
    return scalar_or_array(decayed * dt / mem * _phi_0(np.where(back, -x, x)))


def linear_exponential_input(dt: float, tau_mem: Value, tau_syn: Value) -> Value:
    """Give v(dt) from v(0) = 0 for the input ``(s / tau_syn) exp(-s / tau_syn)``.

    Examples
    --------
    >>> round(linear_exponential_input(1e-3, 10e-3, 10e-3), 7)  # (dt/tau)**2 / 2 * exp(-dt/tau)
    0.0045242
    """
    mem, syn = np.asarray(tau_mem), np.asarray(tau_syn)
    x = dt / syn - dt / mem
    back = x < -_LARGEST_EXPONENT  # as above
    factor = np.exp(-np.where(back, dt / syn, dt / mem)) * (dt / mem) * (dt / syn)
    turned = _phi_0(np.where(back, -x, 0.0)) - _phi_1(np.where(back, -x, 0.0))
    return scalar_or_array(factor * np.where(back, turned, _phi_1(np.where(back, 0.0, x))))


def _phi_0(x: npt.ArrayLike) -> FloatArray:
    """Give the integral of exp(-x s) over s from 0 to 1."""
    given = np.asarray(x, dtype=np.float64)
    safe = np.where(given == 0, 1.0, given)
    return np.where(given == 0, 1.0, -np.expm1(-safe) / safe)


def _phi_1(x: npt.ArrayLike) -> FloatArray:
    """Give the integral of s exp(-x s) over s from 0 to 1."""
    given = np.asarray(x, dtype=np.float64)
    small = np.abs(given) < _SERIES_BELOW
    near, far = np.where(small, given, 0.0), np.where(small, 1.0, given)
    # sum over k of (-x)^k / (k! (k + 2))
    total, power = np.zeros_like(near), np.ones_like(near)
    for k in range(_SERIES_TERMS):
        total = total + power / (k + 2)
        power = power * -near / (k + 1)
    return np.where(small, total, (1.0 - (1.0 + far) * np.exp(-far)) / far**2)
