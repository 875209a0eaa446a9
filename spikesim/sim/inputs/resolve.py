# SPDX-License-Identifier: Apache-2.0
"""From what the user gave for each name to sources of events and of currents."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spikesim.core import SpikeTrains
from spikesim.core.slicing import parse_slice, slice_name
from spikesim.engine.sources import EventSource, RecordedEvents, driven_lines, event_source
from spikesim.errors import ValidationError
from spikesim.network import Network
from spikesim.network.doubts import current_doubts
from spikesim.sim.inputs.currents import BoundCurrent, Current, TimedArray
from spikesim.sim.inputs.drawn import RandomEvents

DRIVEN = "i_ext"
"""Constant of a neuron model that a current may drive."""


@dataclass(frozen=True, eq=False)
class BoundInput:
    """The events of one input of a network.

    Attributes
    ----------
    name : str
    first_line : int
        Number of its line 0 among the lines of all inputs.
    source : EventSource
        A ``DrawnEvents`` can also run in a kernel.
    """

    name: str
    first_line: int
    source: EventSource


class Driven(NamedTuple):
    """Neurons into which a current goes: start <= k < stop of a population."""

    population: str
    constant: str
    start: int
    stop: int


@dataclass(frozen=True, eq=False)
class InputEvents:
    """All that drives a network: events of its inputs, currents into its populations.

    Attributes
    ----------
    inputs : tuple of BoundInput
        In the order of the network; inputs that were left out are not there.
    currents : mapping of Driven to BoundCurrent
    """

    inputs: tuple[BoundInput, ...]
    currents: Mapping[Driven, BoundCurrent]

    def window(self, start: int, stop: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]:
        """Events of start <= tick < stop.

        Returns
        -------
        event_start : int64 array, shape (stop - start + 1,)
            Where the events of each tick begin.
        event_source : int32 array
            Global input line, ascending in a tick; several events of a line in a tick are
            several entries.
        """
        if len(self.inputs) == 1:
            (bound,) = self.inputs
            event_start, own_lines = bound.source.listed(start, stop)
            return event_start, own_lines + np.int32(bound.first_line)
        ticks, lines = [np.zeros(0, np.int64)], [np.zeros(0, np.int32)]
        for bound in self.inputs:
            own_ticks, own_lines = bound.source.window(start, stop)
            ticks.append(own_ticks)
            lines.append(own_lines + np.int32(bound.first_line))
        tick, line = np.concatenate(ticks), np.concatenate(lines)
        # Stable, and each part is sorted and above the one before: lines come out ascending.
        order = np.argsort(tick, kind="stable")
        tick, line = tick[order], line[order]
        return np.searchsorted(tick, np.arange(start, stop + 1)), line


def resolve_inputs(
    net: Network, inputs: Mapping[str, Any], steps: int | None, seed: int
) -> InputEvents:
    """Check what the user gave for each name and bind it to this run.

    Parameters
    ----------
    net : Network
    inputs : mapping of str to what drives it
        An input takes SpikeTrains, a bool array of shape (<= steps, n), or random events
        (Poisson, InhomogeneousPoisson); left out, it is silent. ``"population.i_ext"``
        takes a current, where the neuron model has that constant: a Current, or a float array of
        shape (ticks, n), one row for each tick and 0 afterwards.
    steps : int or None
        Ticks of the run; None where it has no end.
    seed : int
        Seed of random events and currents.

    Returns
    -------
    InputEvents

    Raises
    ------
    ValidationError
        With every problem: unknown names, wrong kinds and shapes, events after the end.
    """
    if not isinstance(inputs, Mapping):
        raise ValidationError(
            f"inputs: expected a mapping from input name to spikes, got {type(inputs).__name__}; "
            f"the inputs are {list(net.inputs)}"
        )
    sizes = {name: population.n for name, population in net.inputs.items()}
    found, others, problems = driven_lines(inputs, sizes)
    first_lines = dict(zip(sizes, itertools.accumulate(sizes.values(), initial=0), strict=False))
    bound: list[BoundInput] = []
    for key, name, lines in found:
        given, n = inputs[key], len(lines)
        what = slice_name(name, lines) if n < sizes[name] else name
        source = _event_source(what, given, n, net.dt, steps, seed, problems)
        if net.units == "SI" and isinstance(given, RandomEvents):
            problems += [f"input {what!r}: {text}" for text in given.doubts()]
        bound.append(BoundInput(name, first_lines[name] + lines.start, source))
    currents = _currents(net, {key: inputs[key] for key in others}, seed, problems)
    if problems:
        raise ValidationError(problems)
    return InputEvents(tuple(bound), currents)


def _currents(
    net: Network, given: Mapping[str, Any], seed: int, problems: list[str]
) -> dict[Driven, BoundCurrent]:
    """Bind currents to the neurons they are for; what is wrong goes to ``problems``."""
    sizes = {name: population.n for name, population in net.populations.items()}
    currents: dict[Driven, BoundCurrent] = {}
    for name, current in given.items():
        owner, _, constant = str(name).rpartition(".")
        try:
            sliced = parse_slice(sizes, owner)
            owner, chosen = sliced or (owner, range(sizes.get(owner, 0)))
            found = _name_problems(net, name, owner, constant)
            if chosen.step > 1:
                found.append(f"current {name!r}: expected neurons next to each other")
            if found:
                problems += found
                continue
            place = Driven(owner, constant, chosen.start, chosen.stop)
            twice = [p for p in currents if p[:2] == place[:2]
                     and p.start < place.stop and place.start < p.stop]  # fmt: skip
            if twice:
                problems.append(
                    f"current {name!r}: expected each neuron to get one current, got another into "
                    f"{slice_name(owner, range(twice[0].start, twice[0].stop))!r}; add them up in "
                    "one TimedArray, or leave a gap between the slices"
                )
            if isinstance(current, np.ndarray) and current.ndim == 2:
                current = TimedArray(current, bin=net.dt)
            # Noise depends on whom it drives, not on how the slice was written.
            whom = slice_name(owner, chosen) if len(chosen) < sizes[owner] else owner
            currents[place] = _current(current, len(chosen), net.dt, seed, f"{whom}.{constant}")
            if net.units == "SI":
                doubts = current_doubts(net.populations[owner].neuron, current.largest)
                problems += [f"current {name!r}: {text}" for text in doubts]
        except ValidationError as error:
            problems += [f"current {name!r}: {text}" for text in error.problems]
    return currents


def _name_problems(net: Network, name: Any, owner: str, constant: str) -> list[str]:
    if owner not in net.populations:
        return [
            f"inputs: expected names among {list(net.inputs)}, or 'population.{DRIVEN}' for a "
            f"current, got {name!r}"
        ]
    n, neuron = net.populations[owner].n, net.populations[owner].neuron
    if constant != DRIVEN:
        return [f"inputs: expected '{owner}.{DRIVEN}' for a current into {owner!r}, got {name!r}"]
    if neuron is None or DRIVEN not in neuron.constants(net.dt, n):
        return [
            f"inputs: expected a population whose model has the constant {DRIVEN!r}, got {name!r} "
            f"of a {type(neuron).__name__}; connect an input instead"
        ]
    return []


def _event_source(
    name: str, given: Any, n: int, dt: float, steps: int | None, seed: int, problems: list[str]
) -> EventSource:
    who = f"input {name!r}"
    if isinstance(given, Current):
        problems.append(
            f"{who}: expected spikes, a raster or random events, got a {type(given).__name__}; "
            f"currents drive 'population.{DRIVEN}'"
        )
        return RecordedEvents(SpikeTrains.empty(n, 0))
    try:
        return event_source(given, name, n, dt, steps, seed)
    except ValidationError as error:
        problems += [f"{who}: {text}" for text in error.problems]
        return RecordedEvents(SpikeTrains.empty(n, 0))


def _current(given: Any, n: int, dt: float, seed: int, name: str) -> BoundCurrent:
    if not isinstance(given, Current):
        raise ValidationError(
            "expected a StepCurrent, NoiseCurrent, TimedArray, Sinusoid or array (ticks, n), got a "
            f"{type(given).__name__}; spikes go to an input"
        )
    return given.bind(n, dt, seed, name)
