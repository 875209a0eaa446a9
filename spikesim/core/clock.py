# SPDX-License-Identifier: Apache-2.0
"""Integer time: the length of a tick and the conversions to and from seconds."""

from __future__ import annotations

import math
from dataclasses import dataclass

from spikesim.core.quantity import TICK
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
