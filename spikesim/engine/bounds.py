# SPDX-License-Identifier: Apache-2.0
"""How far a session may go, and what it may be asked for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np

from spikesim.core.listing import listed
from spikesim.core.slicing import parse_slice
from spikesim.errors import ValidationError

MOST_TICKS = 10**13
"""Of a run: weeks on every machine; more is a slip of the pen."""


def steps_problems(who: str, steps: object, *, endless: bool = False) -> list[str]:
    """Why a run cannot take so many ticks; empty when it can.

    Parameters
    ----------
    who : str
        For the message.
    steps : object
        As given.
    endless : bool
        Whether None is an answer: a session without an end.

    Examples
    --------
    >>> steps_problems("run", 1000), steps_problems("run", None, endless=True)
    ([], [])
    >>> steps_problems("run", 2.5)
    ['run: expected steps as an integer >= 0, got 2.5']
    """
    if steps is None:
        problem = f"{who}: expected steps as an integer >= 0, got None; a run without an end is a "
        return [] if endless else [f"{problem}session, spikesim.prepare(net).start(inputs)"]
    if isinstance(steps, (bool, np.bool_)) or not isinstance(steps, (int, np.integer)) or steps < 0:
        return [f"{who}: expected steps as an integer >= 0, got {steps!r}"]
    if steps > MOST_TICKS:
        return [
            f"{who}: expected at most {MOST_TICKS:,} ticks, which take weeks on every machine, "
            f"got {int(steps):,}; run less time, or with a longer tick"
        ]
    return []


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
    if ticks >= 0 and tick + ticks <= (MOST_TICKS if steps is None else steps):
        return []
    if steps is None:
        if ticks < 0:
            return [f"session: expected 0 or more {what}, got {ticks}"]
        return steps_problems("session", tick + int(ticks))
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


def known_part(name: object, sizes: Mapping[str, int], who: str = "session") -> tuple[str, range]:
    """Find the population and the neurons of it that were meant by a name or a slice.

    Parameters
    ----------
    name : str, population or slice of one
        Such as ``"E"``, ``"E[:5]"``, ``net.populations["E"][:5]``.
    sizes : mapping of str to int
        Neurons of each population.
    who : str
        For the message.

    Raises
    ------
    ValidationError
        With the names there are, or what is wrong with the slice.

    Examples
    --------
    >>> known_part("E", {"E": 10}), known_part("E[:5]", {"E": 10})
    (('E', range(0, 10)), ('E', range(0, 5)))
    """
    text = name if isinstance(name, str) else str(getattr(name, "name", name))
    found = parse_slice(sizes, text)
    if found is None:
        if text not in sizes:
            raise ValidationError(
                f"{who}: expected a population among {listed(sizes)}, or a slice of one, got "
                f"{text!r}"
            )
        return text, range(sizes[text])
    return found
