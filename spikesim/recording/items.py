# SPDX-License-Identifier: Apache-2.0
"""What a user asks a run to keep: states, rates and weights, of some neurons, at intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikesim.core.clock import bin_seconds
from spikesim.errors import ValidationError


@dataclass(frozen=True)
class Trace:
    """Keep a state variable of some neurons, every so many ticks.

    Parameters
    ----------
    variable : str
        Such as ``"E.v"``: population and state of its model.
    neurons : sequence of int, optional
        Which neurons, in the order of the columns; default all.
    every : int, ticks
        Keep ticks 0, every, 2 every, ..., as the state stands at their end.

    Raises
    ------
    ValidationError
        If ``every`` is below 1 or the neurons are no integers >= 0 without repeats.

    Examples
    --------
    >>> Trace("E.v", neurons=range(3), every=10)
    Trace(variable='E.v', neurons=(0, 1, 2), every=10)
    """

    variable: str
    neurons: Sequence[int] | None = None
    every: int = 1

    def __post_init__(self) -> None:
        who = f"Trace({self.variable!r})"
        _normalize(self, who, "every", "neurons")

    @property
    def name(self) -> str:
        """Name of the trace in the recording."""
        return self.variable


@dataclass(frozen=True)
class Rate:
    """Keep the mean rate of a population in bins of time, without keeping its spikes.

    Parameters
    ----------
    population : str
    bin : float, s
        Width of a bin, a multiple of dt. The trace ``"population.rate"``, in Hz and of shape
        (k, 1), has one row per whole bin, at the first tick of it; bins are counted from the
        start of the run, also when a recording begins later.

    Raises
    ------
    ValidationError
        If the bin is no finite time > 0, or an integer, which would be a number of ticks.

    Examples
    --------
    >>> Rate("E", bin=0.01)
    Rate(population='E', bin=0.01)
    """

    population: str
    bin: float

    def __post_init__(self) -> None:
        name = getattr(self.population, "name", self.population)  # a population or a slice of one
        object.__setattr__(self, "population", name)
        object.__setattr__(self, "bin", bin_seconds(self.bin, f"Rate({self.population!r}), bin"))

    @property
    def name(self) -> str:
        """Name of the trace in the recording."""
        return f"{self.population}.rate"


@dataclass(frozen=True)
class Weights:
    """Keep weights of a projection, every so many ticks.

    Each reading applies what is pending to all weights of the projection. At nearly every
    tick ``simulate(..., updates="immediate")`` has nothing pending, and is ten times faster.

    Parameters
    ----------
    projection : str
    every : int, ticks
        Keep ticks 0, every, 2 every, ..., as the weights stand at their end.
    synapses : sequence of int, optional
        Which, in the order of the projection's rows; default all. The trace
        ``"projection.w"`` has one column each.

    Raises
    ------
    ValidationError
        If ``every`` is below 1 or the synapses are no integers >= 0 without repeats.
    """

    projection: str
    every: int
    synapses: Sequence[int] | None = None

    def __post_init__(self) -> None:
        _normalize(self, f"Weights({self.projection!r})", "every", "synapses")

    @property
    def name(self) -> str:
        """Name of the trace in the recording."""
        return f"{self.projection}.w"


Item = str | Trace | Rate | Weights


def _normalize(item: Any, who: str, interval: str, subset: str | None = None) -> None:
    """Make the interval an int and the subset a tuple, in place, or refuse them."""
    problems = []
    ticks = getattr(item, interval)
    if isinstance(ticks, bool) or not isinstance(ticks, (int, np.integer)) or ticks < 1:
        problems.append(f"{who}: expected {interval} as an integer >= 1 (ticks), got {ticks!r}")
    else:
        object.__setattr__(item, interval, int(ticks))
    chosen = None if subset is None else getattr(item, subset)
    if subset is not None and chosen is not None:
        numbers = np.asarray(chosen)
        whole = numbers.ndim == 1 and (numbers.dtype.kind in "iu" or not numbers.size)
        if not whole or (numbers < 0).any() or np.unique(numbers).size < numbers.size:
            problems.append(f"{who}: expected {subset} as integers >= 0, each once, got {chosen!r}")
        else:
            object.__setattr__(item, subset, tuple(int(k) for k in numbers))
    if problems:
        raise ValidationError(problems)
