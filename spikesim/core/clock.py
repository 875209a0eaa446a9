# SPDX-License-Identifier: Apache-2.0
"""Integer time: the length of a tick and the conversions to and from seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikesim.core.quantity import ANY_TIME_CONSTANT, TICK
from spikesim.errors import ValidationError
from spikesim.units import to_ticks


@dataclass(frozen=True)
class Clock:
    """The tick length of a network.

    Parameters
    ----------
    dt : float
        Length of one tick in seconds, finite and > 0.

    Raises
    ------
    ValidationError
        If ``dt`` is not a finite number > 0.

    Examples
    --------
    >>> clock = Clock(dt=0.1e-3)
    >>> clock.ticks(1.5e-3)
    15
    >>> clock.seconds(20)
    0.002
    """

    dt: float

    def __post_init__(self) -> None:
        value = TICK.plain("dt", self.dt)
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise ValidationError(f"clock: expected dt as a float in seconds, got {value!r}")
        if not (math.isfinite(value) and value > 0):
            raise ValidationError(f"clock: expected a finite dt > 0 s, got {value!r}; try 1e-3")
        object.__setattr__(self, "dt", float(value))

    def ticks(self, seconds: float, what: str = "delay") -> int:
        """Whole ticks in ``seconds``; raises ValidationError when it is no multiple of dt."""
        return to_ticks(seconds, self.dt, what)

    def seconds(self, ticks: int) -> float:
        """Seconds in ``ticks``."""
        return ticks * self.dt


def bin_ticks(width: Any, dt: float, what: str = "bin") -> int:
    """Ticks in a bin of time; bins are given in seconds everywhere.

    Parameters
    ----------
    width : float, s
        Or a value with a unit of time. An integer is refused: it would be a number of ticks.
    dt : float
        Tick in seconds.
    what : str
        Whose bin it is, for the message.

    Raises
    ------
    ValidationError
        If the width is an integer, or no multiple of ``dt`` of at least one tick.

    Examples
    --------
    >>> bin_ticks(0.01, dt=1e-3)
    10
    >>> bin_ticks(10, dt=1e-3)
    Traceback (most recent call last):
    spikesim.errors.ValidationError: bin: expected seconds as a float, got the integer 10; \
10 ticks are 0.01 s, and 10 seconds are written 10.0
    """
    ticks = to_ticks(bin_seconds(width, what, dt), dt, what)
    if ticks < 1:
        raise ValidationError(f"{what}: expected at least one tick of {dt:g} s, got {width!r} s")
    return ticks


def bin_seconds(width: Any, what: str = "bin", dt: float | None = None) -> float:
    """Seconds of a bin of time, as far as they can be judged without the tick.

    Parameters
    ----------
    width, what :
        As for ``bin_ticks``.
    dt : float, s, optional
        For the message.

    Raises
    ------
    ValidationError
        If the width is an integer or no finite number > 0.
    """
    seconds = ANY_TIME_CONSTANT.plain(what, width)
    if isinstance(seconds, (int, np.integer)) and not isinstance(seconds, bool):
        ticks = (
            f"{seconds} ticks are {seconds} * dt"
            if dt is None
            else (f"{seconds} ticks are {seconds * dt:g} s")
        )
        raise ValidationError(
            f"{what}: expected seconds as a float, got the integer {seconds}; {ticks}, and "
            f"{seconds} seconds are written {seconds}.0"
        )
    number = isinstance(seconds, (float, np.floating))
    if not (number and math.isfinite(seconds) and seconds > 0):
        raise ValidationError(f"{what}: expected a finite width > 0 s, got {width!r}")
    return float(seconds)
