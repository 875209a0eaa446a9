# SPDX-License-Identifier: Apache-2.0
"""From ``record=``, in any of its spellings, to what an engine keeps: read here only."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from spikesim.core.clock import bin_ticks
from spikesim.core.listing import listed
from spikesim.core.slicing import parse_slice
from spikesim.errors import ValidationError
from spikesim.recording.items import Rate, Trace, Weights

Item = str | Trace | Rate | Weights
Kind = Literal["spikes", "state", "rate", "weights"]


@dataclass(frozen=True)
class Monitor:
    """One thing that a run keeps.

    Parameters
    ----------
    kind : {"spikes", "state", "rate", "weights"}
    source : str
        Population, or projection for weights.
    variable : str
        ``"spikes"``, a state such as ``"v"``, ``"rate"``, or ``"w"``.
    index : tuple of int, optional
        Which neurons or synapses, in the order of the columns; default all.
    every : int, ticks
        Kept are ticks 0, every, 2 every, ... of the run; for a rate the width of its bins.
    part : str
        Slice of the population as it was asked for, such as ``"E[:100]"``.
    """

    kind: Kind
    source: str
    variable: str
    index: tuple[int, ...] | None = None
    every: int = 1
    part: str = ""

    @property
    def whose(self) -> str:
        """Population, slice of one, or projection."""
        return self.part or self.source

    @property
    def name(self) -> str:
        """Name in the recording."""
        return f"{self.whose}.{self.variable}"


@dataclass(frozen=True)
class Monitors:
    """All that a run keeps.

    Attributes
    ----------
    items : tuple of Monitor
        Spikes first, in the order of the engine's populations; then traces, as asked for.
    """

    items: tuple[Monitor, ...] = ()

    @property
    def spikes(self) -> tuple[str, ...]:
        """Populations all of whose spikes are kept."""
        return tuple(item.source for item in self._of("spikes") if not item.part)

    @property
    def spikes_of_parts(self) -> tuple[Monitor, ...]:
        """Slices of populations whose spikes are kept."""
        return tuple(item for item in self._of("spikes") if item.part)

    @property
    def states(self) -> tuple[Monitor, ...]:
        """States of neurons."""
        return self._of("state")

    @property
    def rates(self) -> tuple[Monitor, ...]:
        """Mean rates in bins."""
        return self._of("rate")

    @property
    def weights(self) -> tuple[Monitor, ...]:
        """Weights of projections."""
        return self._of("weights")

    @property
    def spiking(self) -> tuple[str, ...]:
        """Populations whose spikes the engine has to report: those kept, and those counted."""
        counted = (item.source for item in (*self.spikes_of_parts, *self.rates))
        return tuple(dict.fromkeys([*self.spikes, *counted]))

    def _of(self, kind: Kind) -> tuple[Monitor, ...]:
        return tuple(item for item in self.items if item.kind == kind)


@dataclass(frozen=True)
class Recordable:
    """What an engine can keep of a network or a program.

    Parameters
    ----------
    dt : float
        Tick in seconds.
    sizes : mapping of str to int
        Neurons of each population, in the order of the recording.
    states : mapping of str to sequence of str
        State variables of each population.
    projections : mapping of str to int
        Synapses of each projection whose weights can be kept.
    spikes : collection of str, optional
        Populations whose spikes can be kept; default all.
    whole : str
        Empty when the engine keeps subsets, intervals and rates; else its name, for the message.
    inputs : collection of str
        Inputs, of which nothing can be kept; for the message.
    """

    dt: float
    sizes: Mapping[str, int]
    states: Mapping[str, Iterable[str]]
    projections: Mapping[str, int] = field(default_factory=dict)
    spikes: Collection[str] | None = None
    whole: str = ""
    inputs: Collection[str] = ()


def parse_record(record: Iterable[Item] | Item, can: Recordable) -> Monitors:
    """Make monitors from names and objects, and check that the engine can keep what they name.

    Parameters
    ----------
    record : str, Trace, Rate, Weights, or iterable of them
        ``"spikes"`` (all populations), ``"population.spikes"``, ``"population.v"`` or any
        other state of that population, or of a slice of it, ``"population[:100].v"``; objects
        for other subsets and intervals.
    can : Recordable

    Raises
    ------
    ValidationError
        With every name that means nothing, every neuron or synapse that is not there, all that
        the engine cannot keep, and everything that is asked for twice in two ways.

    Examples
    --------
    >>> can = Recordable(1e-3, {"out": 2}, {"out": ("v", "i")})
    >>> monitors = parse_record(("spikes", "out.v", Rate("out", bin=5e-3)), can)
    >>> monitors.spikes, [item.name for item in monitors.items]
    (('out',), ['out.spikes', 'out.v', 'out.rate'])
    >>> monitors.rates[0].every
    5
    """
    if not isinstance(record, (Item, Iterable)):
        raise ValidationError(
            f"record: expected names, Trace, Rate or Weights, got {record!r}; pass () for nothing"
        )
    problems: list[str] = []
    kept: dict[str, Monitor] = {}
    for given in (record,) if isinstance(record, Item) else tuple(record):
        try:
            found = _monitors(given, can)
        except ValidationError as error:
            problems += error.problems
            continue
        for item in found:
            if kept.setdefault(item.name, item) != item:
                problems.append(
                    f"record: expected {item.name!r} once, got {kept[item.name]} and {item}"
                )
    if problems:
        raise ValidationError(problems)
    order = {name: k for k, name in enumerate(can.sizes)}
    spikes = [item for item in kept.values() if item.kind == "spikes"]
    spikes.sort(key=lambda item: order[item.source])
    return Monitors((*spikes, *(item for item in kept.values() if item.kind != "spikes")))


def _monitors(item: Any, can: Recordable) -> list[Monitor]:
    """Find what one item stands for.

    Raises
    ------
    ValidationError
        If the engine cannot keep it.
    """
    spiking = can.sizes if can.spikes is None else can.spikes
    if isinstance(item, str):
        if item == "spikes":
            return [Monitor("spikes", name, "spikes") for name in spiking]
        population, _, variable = item.rpartition(".")
        if variable == "spikes" and population in spiking:
            return [Monitor("spikes", population, "spikes")]
        if variable == "spikes":
            part = _sliced(population, item, False, can)
            if part is not None and part[0] in spiking:
                return [Monitor("spikes", part[0], "spikes", part[1], 1, part[2])]
        item = Trace(item)
    if not isinstance(item, (Trace, Rate, Weights)):
        raise ValidationError(f"record: expected names, Trace, Rate or Weights, got {item!r}")
    if isinstance(item, Weights):
        found, n = _weights(item, can), can.projections.get(item.projection, 0)
    elif isinstance(item, Rate):
        found = _rate(item, can)
        n = can.sizes[found.source]
    else:
        found = _state(item, can)
        n = can.sizes[found.source]
    if can.whole and (found.kind != "state" or found.every != 1):
        raise ValidationError(
            f"record: expected 'spikes' or states in every tick, such as '<population>.<state>', "
            f"which is all that {can.whole} keeps, got {item}"
        )
    if found.index and max(found.index) >= n:
        what = "synapses" if found.kind == "weights" else "neurons"
        raise ValidationError(
            f"record {found.name!r}: expected {what} below {n}, got {max(found.index)}"
        )
    return [found]


def _state(item: Trace, can: Recordable) -> Monitor:
    population, _, variable = str(item.variable).rpartition(".")
    part = _sliced(population, item, item.neurons is not None, can)
    if part is not None:
        whole = _state(Trace(f"{part[0]}.{variable}", None, item.every), can)
        return replace(whole, index=part[1], part=part[2])
    if population not in can.sizes:
        if population in can.inputs:
            raise ValidationError(
                f"record: expected a population of {listed(can.sizes)}, got the input "
                f"{population!r} in {item.variable!r}; {INPUT_SPIKES}"
            )
        raise ValidationError(
            "record: expected 'spikes', '<population>.spikes' or '<population>.<state>' with a "
            f"population of {listed(can.sizes)}, got {item.variable!r}"
        )
    states = list(can.states.get(population, ()))
    if variable not in states:
        raise ValidationError(
            f"record: expected a state of population {population!r} among "
            f"{['spikes', *states]}, got {item.variable!r}"
        )
    index = None if item.neurons is None else tuple(item.neurons)
    return Monitor("state", population, variable, index, item.every)


def _rate(item: Rate, can: Recordable) -> Monitor:
    every = bin_ticks(item.bin, can.dt, f"record {item.name!r}, bin")
    part = _sliced(item.population, item, False, can)
    if part is not None:
        population, index, name = part
        return Monitor("rate", population, "rate", index, every, name)
    if item.population not in can.sizes:
        raise ValidationError(f"record: expected a population of {listed(can.sizes)}, got {item}")
    return Monitor("rate", item.population, "rate", None, every)


def _sliced(
    population: str, item: Item, chosen: bool, can: Recordable
) -> tuple[str, tuple[int, ...], str] | None:
    """Find population, neurons and name of a slice, as it was written; None where it is none.

    Raises
    ------
    ValidationError
        If the slice is not legal, or neurons were chosen besides.
    """
    try:
        sliced = parse_slice(can.sizes, population)
    except ValidationError as error:
        raise ValidationError([f"record: {text}" for text in error.problems]) from None
    if sliced is None:
        return None
    if chosen:
        raise ValidationError(f"record: expected a slice or neurons, got both in {item}")
    return sliced[0], tuple(sliced[1]), population


def _weights(item: Weights, can: Recordable) -> Monitor:
    if item.projection not in can.projections:
        raise ValidationError(
            f"record: expected a projection of {listed(can.projections)}, got {item}"
        )
    index = None if item.synapses is None else tuple(item.synapses)
    return Monitor("weights", item.projection, "w", index, item.every)


INPUT_SPIKES = (
    "spikes of an input are not recorded: those of a random one are drawn again with "
    "Poisson(...).trains(n, steps, dt, seed, name), or connect it to a Parrot population"
)
"""What to do instead, for messages."""
