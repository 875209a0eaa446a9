# SPDX-License-Identifier: Apache-2.0
"""SI factors, and the only way from seconds to ticks.

All public quantities are plain floats in SI base units, so ``20 * ms`` is ``0.02``.

>>> 20 * ms
0.02
>>> to_ticks(1.5 * ms, dt=0.1 * ms)
15
"""

# ruff: noqa: N816  (unit symbols are written the SI way)

from __future__ import annotations

import math

from spikesim.errors import ValidationError

second = 1.0
minute = 60.0
ms = 1e-3
us = 1e-6
ns = 1e-9
Hz = 1.0
kHz = 1e3
MHz = 1e6
volt = 1.0
mV = 1e-3
uV = 1e-6
ampere = 1.0
mA = 1e-3
uA = 1e-6
nA = 1e-9
pA = 1e-12
ohm = 1.0
kohm = 1e3
Mohm = 1e6
Gohm = 1e9
farad = 1.0
uF = 1e-6
nF = 1e-9
pF = 1e-12
siemens = 1.0
uS = 1e-6
nS = 1e-9

TICK_TOLERANCE = 1e-6
"""Relative distance from a whole number of ticks that still counts as rounding noise."""


def to_ticks(seconds: float, dt: float, what: str = "delay") -> int:
    """Convert a duration to a whole number of ticks, refusing what does not fit.

    Parameters
    ----------
    seconds : float
        Duration in seconds, >= 0.
    dt : float
        Length of a tick in seconds.
    what : str
        Name of the quantity, for the message.

    Returns
    -------
    int
        The number of ticks.

    Raises
    ------
    ValidationError
        If the duration is negative, not finite, or no multiple of ``dt`` within a
        relative error of 1e-6.

    Examples
    --------
    >>> to_ticks(0.002, 0.001)
    2
    >>> to_ticks(0.0015, 0.001)
    Traceback (most recent call last):
    spikesim.errors.ValidationError: delay: expected a multiple of dt = 0.001 s, got 0.0015 s; \
the nearest legal values are 0.001 s and 0.002 s
    """
    if not (math.isfinite(dt) and dt > 0):
        raise ValidationError(f"dt: expected a finite length > 0 s, got {dt!r}; try 1e-3")
    if not (math.isfinite(seconds) and seconds >= 0):
        raise ValidationError(f"{what}: expected a finite duration >= 0 s, got {seconds!r}")
    exact = seconds / dt
    ticks = round(exact)
    if abs(exact - ticks) > TICK_TOLERANCE * max(1.0, exact):
        below = math.floor(exact)
        raise ValidationError(
            f"{what}: expected a multiple of dt = {dt:g} s, got {seconds:g} s; "
            f"the nearest legal values are {below * dt:g} s and {(below + 1) * dt:g} s"
        )
    return ticks
