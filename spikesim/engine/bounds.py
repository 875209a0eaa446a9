# SPDX-License-Identifier: Apache-2.0
"""How far a session may go, and what it may be asked for."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from spikesim.core.listing import listed
from spikesim.core.shape import COUNT
from spikesim.errors import ValidationError


def beyond_problems(steps: int | None, tick: int, ticks: object, what: str) -> list[str]:
    """Why a session of so many steps cannot go on for ``ticks``; empty when it can.

    Examples
    --------
    >>> beyond_problems(10, 4, 6, "ticks"), beyond_problems(None, 4, 10**9, "ticks")
    ([], [])
    >>> beyond_problems(10, 4, 2.5, "ticks")
    ['session: expected ticks as an integer, got 2.5']
    """
    if isinstance(ticks, (bool, np.bool_)) or not isinstance(ticks, (int, np.integer)):
        return [f"session: expected {what} as an integer, got {ticks!r}"]
    if ticks >= 0 and (tick + int(ticks) in COUNT if steps is None else tick + ticks <= steps):
        return []
    if steps is None and ticks >= 0:
        return [f"session: expected below 2**53 ticks in all, got {tick + ticks}"]
    if steps is None:
        return [f"session: expected 0 or more {what}, got {ticks}"]
    return [
        f"session: expected 0 to {steps - tick} further {what} of the {steps} it was started for, "
        f"got {ticks}; start it with more steps"
    ]


def expect_known(what: str, name: object, names: Iterable[str]) -> None:
    """Refuse a name that stands for nothing in a session.

    Raises
    ------
    ValidationError
        With the names there are.
    """
    names = list(names)
    if name not in names:
        raise ValidationError(f"session: expected a {what} among {listed(names)}, got {name!r}")
