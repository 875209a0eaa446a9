# SPDX-License-Identifier: Apache-2.0
"""Currents of one tick for a slice of a population, written in place.

Every kernel is ``f(tick, ..., lo, out)``: ``out[k]`` gets the current of neuron lo + k, so a
population may be cut anywhere. Parameters of shape (1,) hold for all neurons.
"""

from __future__ import annotations

import math

import numpy as np

from spikesim.kernels.jit import kernel

_GAMMA = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_S30, _S27, _S31, _S11 = np.uint64(30), np.uint64(27), np.uint64(31), np.uint64(11)
_STEP = 2.0**-53


@kernel
def table_current(tick, changes, values, end, period, lo, out):
    """Values that hold from one change to the next.

    Parameters
    ----------
    changes : int64 array, shape (k,), ticks
        Ascending.
    values : float64 array, shape (k, 1) or (k, n)
        Current from each change on; 0 before the first.
    end : int
        Tick from which on the current is 0; negative is never.
    period : int
        Ticks after which all starts again; 0 is never.
    """
    since = tick % period if period > 0 else tick
    row = np.searchsorted(changes, since, side="right") - 1
    if row < 0 or (end >= 0 and since >= end):
        out[:] = 0.0
    elif values.shape[1] == 1:
        out[:] = values[row, 0]
    else:
        own = values[row, lo : lo + out.size]
        for k in range(out.size):
            out[k] = own[k]


@kernel
def sinusoid_current(tick, offset, amplitude, step, phase, lo, out):
    """Sine of each neuron: offset + amplitude * sin(step * tick + phase).

    Parameters
    ----------
    offset, amplitude, step, phase : float64 arrays, shape (1,) or (n,), all of one shape
        ``step`` and ``phase`` in radians.
    """
    if offset.size == 1:
        out[:] = offset[0] + amplitude[0] * math.sin(step[0] * tick + phase[0])
        return
    for k in range(out.size):
        i = lo + k
        out[k] = offset[i] + amplitude[i] * math.sin(step[i] * tick + phase[i])


@kernel
def _word(key, counter):
    z = key + np.uint64(counter) * _GAMMA
    z = (z ^ (z >> _S30)) * _FIRST
    z = (z ^ (z >> _S27)) * _SECOND
    return z ^ (z >> _S31)


@kernel
def _uniforms(start, salt, first, out):
    """Uniform numbers in the middle of 2**53 cells of (0, 1); see ``poisson.hash_counters``."""
    begin = start + np.uint64(first) * _GAMMA
    for j in range(out.size):
        z = begin + np.uint64(j) * _GAMMA
        z = (z ^ (z >> _S30)) * _FIRST
        z = (z ^ (z >> _S27) ^ salt) * _SECOND
        z = z ^ (z >> _S31)
        out[j] = (np.float64(np.int64(z >> _S11)) + 0.5) * _STEP


@kernel
def _normal_tail(u):
    """Quantile of the normal distribution where |u - 1/2| > 0.425."""
    q = u - 0.5
    r = math.sqrt(-math.log(min(u, 1.0 - u)))
    if r <= 5.0:
        r -= 1.6
        top = 7.74545014278341407640e-4 * r + 2.27238449892691845833e-2
        top = ((top * r + 2.41780725177450611770e-1) * r + 1.27045825245236838258) * r
        top = ((top + 3.64784832476320460504) * r + 5.76949722146069140550) * r
        top = (top + 4.63033784615654529590) * r + 1.42343711074968357734
        low = 1.05075007164441684324e-9 * r + 5.47593808499534494600e-4
        low = ((low * r + 1.51986665636164571966e-2) * r + 1.48103976427480074590e-1) * r
        low = ((low + 6.89767334985100004550e-1) * r + 1.67638483018380384940) * r
        low = (low + 2.05319162663775882187) * r + 1.0
    else:
        r -= 5.0
        top = 2.01033439929228813265e-7 * r + 2.71155556874348757815e-5
        top = ((top * r + 1.24266094738807843860e-3) * r + 2.65321895265761230930e-2) * r
        top = ((top + 2.96560571828504891230e-1) * r + 1.78482653991729133580) * r
        top = (top + 5.46378491116411436990) * r + 6.65790464350110377720
        low = 2.04426310338993978564e-15 * r + 1.42151175831644588870e-7
        low = ((low * r + 1.84631831751005468180e-5) * r + 7.86869131145613259100e-4) * r
        low = ((low + 1.48753612908506148525e-2) * r + 1.36929880922735805310e-1) * r
        low = (low + 5.99832206555887937690e-1) * r + 1.0
    return math.copysign(top / low, q)


@kernel
def to_normal(u):
    """Turn uniform numbers into standard normal ones, in place, to 1e-15.

    The quantile function needs one uniform number per normal one, so any neuron can be drawn
    alone; its middle part, 85 % of the draws, is a quotient of polynomials in vector code.

    References
    ----------
    M. J. Wichura, Algorithm AS 241, Applied Statistics 37, 1988.
    """
    for k in range(u.size):
        q = u[k] - 0.5
        # Beyond the middle part the value of u passes through, to be replaced below.
        r = 0.180625 - q * q
        top = 2.5090809287301226727e3 * r + 3.3430575583588128105e4
        top = ((top * r + 6.7265770927008700853e4) * r + 4.5921953931549871457e4) * r
        top = ((top + 1.3731693765509461125e4) * r + 1.9715909503065514427e3) * r
        top = (top + 1.3314166789178437745e2) * r + 3.3871328727963666080
        low = 5.2264952788528545610e3 * r + 2.8729085735721942674e4
        low = ((low * r + 3.9307895800092710610e4) * r + 2.1213794301586595867e4) * r
        low = ((low + 5.3941960214247511077e3) * r + 6.8718700749205790830e2) * r
        low = (low + 4.2313330701600911252e1) * r + 1.0
        # Values of the middle part are moved out of (0, 1) so that the tails are told apart.
        u[k] = q * top / low + 8.0 if r >= 0.0 else u[k]
    for k in range(u.size):
        u[k] = u[k] - 8.0 if u[k] > 1.0 else _normal_tail(u[k])


@kernel
def noise_current(tick, key, mean, std, hold, one_for_all, held, lo, out, scratch):
    """Gaussian values, drawn anew every ``hold`` ticks.

    Parameters
    ----------
    key : uint64 array, shape (1,)
    mean, std : float64 arrays, shape (1,) or (n,)
    hold : int, ticks
    one_for_all : int
        1: all neurons get the same normal number, that of neuron 0.
    held : int64 array, shape (1,)
        Interval whose values stand in ``out``, -1 for none; changed.
    scratch : float64 array, shape of out
    """
    interval = tick // hold
    if held[0] == interval:
        return
    held[0] = interval
    start, salt = _word(key[0], 2 * interval), _word(key[0], 2 * interval + 1)
    z = scratch[:1] if one_for_all else scratch
    _uniforms(start, salt, 0 if one_for_all else lo, z)
    to_normal(z)
    for k in range(out.size):
        m = mean[0] if mean.size == 1 else mean[lo + k]
        s = std[0] if std.size == 1 else std[lo + k]
        out[k] = m + s * (z[0] if one_for_all else z[k])
