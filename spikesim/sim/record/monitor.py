# SPDX-License-Identifier: Apache-2.0
"""Which spikes, states, rates and weights a run keeps."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikesim.errors import ValidationError
from spikesim.network import Network


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
    bin : int, ticks
        Width of a bin. The trace ``"population.rate"``, in Hz and of shape (k, 1), has one
        row per whole bin, at the first tick of it.

    Raises
    ------
    ValidationError
        If the bin is below 1.
    """

    population: str
    bin: int

    def __post_init__(self) -> None:
        _normalize(self, f"Rate({self.population!r})", "bin")

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


@dataclass(frozen=True)
class Monitors:
    """What to record, checked against a network.

    Attributes
    ----------
    spikes : tuple of str
        Populations whose spikes are kept.
    traces : tuple of Trace
    rates : tuple of Rate
    weights : tuple of Weights
    """

    spikes: tuple[str, ...] = ()
    traces: tuple[Trace, ...] = ()
    rates: tuple[Rate, ...] = ()
    weights: tuple[Weights, ...] = ()

    @property
    def spiking(self) -> tuple[str, ...]:
        """Populations whose spikes the engine has to report: those kept, and those counted."""
        return tuple(dict.fromkeys([*self.spikes, *(rate.population for rate in self.rates)]))


def parse_record(net: Network, record: Iterable[Item] | Item) -> Monitors:
    """Make monitors from names and objects, and check that the network has what they name.

    Parameters
    ----------
    net : Network
    record : str, Trace, Rate, Weights, or iterable of them
        ``"spikes"`` (all populations), ``"population.spikes"``, ``"population.v"`` or any
        other state of that population's model; objects for subsets and intervals.

    Raises
    ------
    ValidationError
        With every name that means nothing in this network, every neuron or synapse it has
        not, and everything that is asked for twice in two ways.

    Examples
    --------
    >>> from spikesim.neurons import LIF
    >>> net = Network(dt=1e-3)
    >>> _ = net.add_population("out", 2, LIF(beta=0.9))
    >>> monitors = parse_record(net, ("spikes", "out.v", Rate("out", bin=5)))
    >>> monitors.spikes, [trace.name for trace in monitors.traces + monitors.rates]
    (('out',), ['out.v', 'out.rate'])
    """
    if not isinstance(record, (Item, Iterable)):
        raise ValidationError(
            f"record: expected names, Trace, Rate or Weights, got {record!r}; pass () for nothing"
        )
    items = (record,) if isinstance(record, Item) else tuple(record)
    problems: list[str] = []
    spikes: dict[str, None] = {}
    kept: dict[str, Any] = {}
    for given in items:
        item: Any = given
        if isinstance(item, str):
            population, _, variable = item.rpartition(".")
            if item == "spikes":
                spikes |= dict.fromkeys(net.populations)
                continue
            if variable == "spikes" and population in net.populations:
                spikes[population] = None
                continue
            item = Trace(item)
        found = _item_problems(net, item)
        if not found and kept.setdefault(item.name, item) != item:
            found = [f"record: expected {item.name!r} once, got {kept[item.name]} and {item}"]
        problems += found
    if problems:
        raise ValidationError(problems)
    ordered = [name for name in net.populations if name in spikes]
    return Monitors(
        tuple(ordered),
        tuple(item for item in kept.values() if isinstance(item, Trace)),
        tuple(item for item in kept.values() if isinstance(item, Rate)),
        tuple(item for item in kept.values() if isinstance(item, Weights)),
    )


def _item_problems(net: Network, item: object) -> list[str]:
    if isinstance(item, Trace):
        population, _, variable = str(item.variable).rpartition(".")
        if population not in net.populations:
            return [
                "record: expected 'spikes', '<population>.spikes' or '<population>.<state>' with "
                f"a population of {list(net.populations)}, got {item.variable!r}"
            ]
        found = net.populations[population]
        states = () if found.neuron is None else found.neuron.states
        if variable not in states:
            return [
                f"record: expected a state of population {population!r} among "
                f"{['spikes', *states]}, got {item.variable!r}"
            ]
        return _range_problem(item.name, "neurons", item.neurons, found.n)
    if isinstance(item, Rate):
        if item.population in net.populations:
            return []
        return [f"record: expected a population of {list(net.populations)}, got {item}"]
    if isinstance(item, Weights):
        if item.projection not in net.projections:
            return [f"record: expected a projection of {list(net.projections)}, got {item}"]
        nnz = net.projections[item.projection].nnz
        return _range_problem(item.name, "synapses", item.synapses, nnz)
    return [f"record: expected names, Trace, Rate or Weights, got {item!r}"]


def _range_problem(name: str, what: str, chosen: Sequence[int] | None, n: int) -> list[str]:
    if not chosen or max(chosen) < n:
        return []
    return [f"record {name!r}: expected {what} below {n}, got {max(chosen)}"]


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
