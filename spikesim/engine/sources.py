# SPDX-License-Identifier: Apache-2.0
"""From what a user gives for an input to events that can be asked for by ticks."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from spikesim.core import SpikeTrains
from spikesim.core.slicing import parse_slice, slice_name
from spikesim.errors import ValidationError

Events = tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]


class EventSource(Protocol):
    """Events of one input; lines count from 0."""

    def window(self, start: int, stop: int) -> Events:
        """Ticks and lines of the events of start <= tick < stop, sorted."""

    def listed(self, start: int, stop: int) -> Events:
        """Where the events of each tick begin, shape (stop - start + 1,), and their lines."""


@runtime_checkable
class RandomInput(Protocol):
    """A description of random events, such as ``Poisson``."""

    counts: bool
    """Whether a line may have several events in a tick."""

    def bind_events(self, n: int, dt: float, seed: int, name: str) -> EventSource:
        """Make the source of events of the input ``name``."""


@dataclass(frozen=True, eq=False)
class RecordedEvents:
    """Events that were given spike by spike; silent after their end."""

    trains: SpikeTrains

    def window(self, start: int, stop: int) -> Events:
        """Ticks and lines of the events of start <= tick < stop, sorted."""
        lo, hi = np.searchsorted(self.trains.ticks, (start, stop))
        return self.trains.ticks[lo:hi], self.trains.index[lo:hi]

    def listed(self, start: int, stop: int) -> Events:
        """Where the events of each tick begin, shape (stop - start + 1,), and their lines."""
        event_start = np.searchsorted(self.trains.ticks, np.arange(start, stop + 1))
        first = event_start[0]
        return event_start - first, self.trains.index[first : event_start[-1]]


def as_array(given: Any) -> npt.NDArray[Any]:
    """Take an array; raises ValidationError where lists in it are of several lengths.

    >>> as_array([[1], [1, 2]])
    Traceback (most recent call last):
    spikesim.errors.ValidationError: raster: expected an array, got lists of several lengths
    """
    try:
        return np.asarray(given)
    except ValueError:
        raise ValidationError("raster: expected an array, got lists of several lengths") from None


def event_source(
    given: Any, name: str, n: int, dt: float, steps: int | None, seed: int
) -> EventSource:
    """Bind what drives one input to a run.

    Parameters
    ----------
    given : SpikeTrains, bool array of shape (<= steps, n), or random events
        Ticks of spike trains are those of the run.
    name : str
        Of the input; random events depend on it.
    n : int
        Lines of the input.
    dt : float
        Tick in seconds.
    steps : int or None
        Ticks of the run, None where it has no end.
    seed : int
        Of random events.

    Raises
    ------
    ValidationError
        With every problem: wrong kind, shape, or length.

    Examples
    --------
    >>> source = event_source([[0, 1], [0, 0], [1, 1]], "in", 2, 1e-3, 3, 0)
    >>> ticks, lines = source.window(1, 3)
    >>> ticks.tolist(), lines.tolist()
    ([2, 2], [0, 1])
    """
    if isinstance(given, RandomInput):
        return given.bind_events(n, dt, seed, name)
    trains = given if isinstance(given, SpikeTrains) else SpikeTrains.from_raster(as_array(given))
    problems = []
    if trains.n != n:
        problems.append(f"expected {n} lines, got {trains.n}")
    if steps is not None and trains.stop > steps:
        problems.append(
            f"expected spikes over at most {steps} ticks, got {trains.stop}; run longer, "
            f"cut with window(0, {steps}), or begin in tick 0 with shift(-{trains.start})"
        )
    if problems:
        raise ValidationError(problems)
    return RecordedEvents(trains)


def driven_lines(
    inputs: Mapping[Any, Any], sizes: Mapping[str, int]
) -> tuple[list[tuple[Any, str, range]], list[Any], list[str]]:
    """Find which lines each key of the user's inputs drives.

    Parameters
    ----------
    inputs : mapping
        Keys are an input or a slice of one, as object or text such as ``"drive[:50]"``.
    sizes : mapping of str to int
        Lines of each input, in the order in which they are numbered.

    Returns
    -------
    list of (key, input, lines)
        In the order of the lines; keys that name no input are left out.
    others : list of keys
        What names no input.
    problems : list of str
        Slices that are not legal, or that drive a line twice.

    Examples
    --------
    >>> found, others, problems = driven_lines({"b": 1, "a[3:]": 2, "x.i_ext": 3}, {"a": 5, "b": 2})
    >>> [(name, lines) for _, name, lines in found], others, problems
    ([('a', range(3, 5)), ('b', range(0, 2))], ['x.i_ext'], [])
    """
    found: list[tuple[Any, str, range]] = []
    others: list[Any] = []
    problems: list[str] = []
    for key in inputs:
        name = key if isinstance(key, str) else getattr(key, "name", "")
        if name in sizes:
            found.append((key, name, range(sizes[name])))
            continue
        try:
            sliced = parse_slice(sizes, str(name))
        except ValidationError as error:
            problems += [f"inputs: {text}" for text in error.problems]
            continue
        if sliced is None:
            others.append(key)
            continue
        if sliced[1].step > 1:
            problems.append(
                f"input {name!r}: expected lines next to each other, got a step of "
                f"{sliced[1].step}; drive each by itself, or all with rates of 0 between"
            )
        else:
            found.append((key, *sliced))
    order = list(sizes)
    found.sort(key=lambda item: (order.index(item[1]), item[2].start))
    for (_, name, lines), (_, other, later) in itertools.pairwise(found):
        if name == other and later.start < lines.stop:
            problems.append(
                f"input {name!r}: expected each line to be driven once, got "
                f"{slice_name(name, lines)!r} and {slice_name(name, later)!r}"
            )
    return found, others, problems
