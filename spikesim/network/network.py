# SPDX-License-Identifier: Apache-2.0
"""The description of a spiking network: the one thing every engine starts from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy.typing as npt

from spikesim.core import Clock, CsrRows, stream
from spikesim.core.listing import listed
from spikesim.core.quantity import DURATION, WEIGHT
from spikesim.errors import ValidationError
from spikesim.learning.rule import PlasticityRule
from spikesim.network.assemble import Delays, Weights, build_synapses
from spikesim.network.connect import Rule
from spikesim.network.distribution import Distribution
from spikesim.network.doubts import UNITS, delay_doubts, population_doubts, projection_doubts
from spikesim.network.explicit import PairList
from spikesim.network.part import placed
from spikesim.network.population import Population, Projection
from spikesim.network.relay import is_relay, relay_problems
from spikesim.network.synapses import receptor_index
from spikesim.network.validate import (
    network_problems,
    output_problems,
    population_problems,
    projection_problems,
)
from spikesim.network.view import PopulationView, find_view
from spikesim.neurons.model import NeuronModel


class Network:
    """Populations, inputs and projections on one clock.

    Parameters
    ----------
    dt : float
        Tick in seconds.
    name : str
        Shown in reports.
    seed : int
        Random rules draw from streams of this seed and the projection's name.
    units : {"SI", "own"}
        Whether numbers of a size that no neuron has in SI units are refused; "own" takes any.

    Attributes
    ----------
    inputs, populations : dict of str to Population
    projections : dict of str to Projection
        All in the order of insertion.
    meta : dict of str to str or int
        What else a network and its program keep, such as `data.Provenance`.

    Raises
    ------
    ValidationError
        If dt, seed or units is not legal.

    Examples
    --------
    >>> from spikesim.neurons import LIF
    >>> net = Network(dt=1e-3, name="pair")
    >>> drive = net.add_input("drive", 2)
    >>> out = net.add_population("out", 2, LIF(beta=0.9))
    >>> net.connect(drive, out, [[0.5, 0.0], [0.0, 0.7]]).nnz
    2
    >>> net.outputs
    ('out',)
    """

    def __init__(self, dt: float, name: str = "", seed: int = 0, units: str = "SI") -> None:
        self.clock = Clock(dt)
        if units not in UNITS:
            raise ValidationError(f"network: expected units in {UNITS}, got {units!r}")
        self.units = units
        self.name = str(name)
        stream(seed)  # refuses what is no seed
        self.seed = int(seed)
        self.inputs: dict[str, Population] = {}
        self.populations: dict[str, Population] = {}
        self.projections: dict[str, Projection] = {}
        self._numbered: dict[str, int] = {}
        self.meta: dict[str, str | int] = {}
        self._outputs: tuple[str, ...] | None = None

    @property
    def dt(self) -> float:
        """Tick in seconds."""
        return self.clock.dt

    @property
    def n_neurons(self) -> int:
        """Neurons of all populations together, inputs not counted."""
        return sum(population.n for population in self.populations.values())

    @property
    def n_synapses(self) -> int:
        """Synapses of all projections together."""
        return sum(projection.nnz for projection in self.projections.values())

    @property
    def max_delay(self) -> int:
        """Longest delay in ticks; 0 without synapses."""
        return max((p.synapses.max_delay for p in self.projections.values() if p.nnz), default=0)

    @property
    def outputs(self) -> tuple[str, ...]:
        """Populations whose spikes are the result.

        Those set by hand; else those that project to no other population; else all.
        """
        if self._outputs is not None:
            return self._outputs
        sending = {p.pre.name for p in self.projections.values() if p.pre.name != p.post.name}
        return tuple(n for n in self.populations if n not in sending) or tuple(self.populations)

    @outputs.setter
    def outputs(self, names: Iterable[str]) -> None:
        chosen = (names,) if isinstance(names, str) else tuple(names)
        problems = output_problems(self.populations, chosen)
        if problems:
            raise ValidationError(problems)
        self._outputs = chosen

    def add_input(self, name: str, n: int | Sequence[int]) -> Population:
        """Add ``n`` lines through which spikes come in from outside; n may be a shape.

        Raises
        ------
        ValidationError
            If the name is taken or not printable, or n < 1.
        """
        return self._add(Population.of(name, n), self.inputs)

    def add_population(
        self, name: str, n: int | Sequence[int], neuron: NeuronModel, *, start_tick: int = 0
    ) -> Population:
        """Add ``n`` neurons of one model.

        Parameters
        ----------
        name : str
            Unique in the network.
        n : int or tuple of int
            Number of neurons, >= 1, or their shape, such as (channels, height, width).
        neuron : NeuronModel
            Model and parameters.
        start_tick : int
            First tick in which the population lives, see ``Population``.

        Raises
        ------
        ValidationError
            With every problem: name, size, parameter arrays of another length, sizes of
            parameters that look like those of another unit.
        """
        if neuron is None:
            raise ValidationError(
                f"population {name!r}: expected a neuron model such as LIF, got None"
            )
        return self._add(Population.of(name, n, neuron, start_tick), self.populations)

    def connect(
        self,
        pre: Population | PopulationView | str,
        post: Population | PopulationView | str,
        rule: Rule | PairList | CsrRows | npt.ArrayLike,
        *,
        weight: Weights | None = None,
        delay: float | npt.ArrayLike | Distribution | None = None,
        delay_ticks: Delays | None = None,
        receptor: str | int | None = None,
        plasticity: Any = None,
        name: str | None = None,
    ) -> Projection:
        """Connect an input or a population to a population.

        Parameters
        ----------
        pre, post : Population, slice of one, or str
            Ends, as objects or names: ``net.populations["E"]``, ``"E"``, ``"E[:100]"``. Sizes of
            a rule, a matrix or rows are those of the slices.
        rule : Rule, PairList, CsrRows or matrix of shape (n_pre, n_post)
            Which pairs; a dense or scipy.sparse matrix or a convolution brings its weights
            (0 is no synapse), rows bring weights and delays.
        weight : float, Distribution, float array of shape (n_pre, n_post), or callable, optional
            Weights for a rule. A callable gets (rng, k) and returns k weights.
        delay : float, Distribution or float array, shape (n_pre, n_post), seconds, optional
            Time from a spike, at the end of its tick, until its input acts; a multiple of dt.
            Where an input acts from the start of a tick on (``NeuronModel.acts_at``) that is a
            tick more than where it acts at the end. A distribution is rounded to ticks, at
            least the shortest that is possible. A rule with numbers or distributions is drawn
            when it is needed, arrays and callables make its synapses at once.
        delay_ticks : int, int array of shape (n_pre, n_post), or callable, optional
            Ticks from that of the spike to the one in which the input comes in, instead.
            Without either: 0 from an input, 1 between populations.
        receptor : str or int, optional
            Input channel of the target, by name or number; default the first of
            ``post.neuron.receptors``.
        plasticity : plasticity rule, optional
            How the weights change. Without it they are constant.
        name : str, optional
            Default ``"pre->post"``, numbered when that is taken.

        Raises
        ------
        ValidationError
            With every problem found.

        Examples
        --------
        >>> from spikesim.neurons import LIF
        >>> from spikesim.network import OneToOne
        >>> net = Network(dt=1e-3)
        >>> a = net.add_population("a", 3, LIF(beta=0.9))
        >>> net.connect(a, "a", OneToOne(), weight=0.2, delay=2e-3).rows.delays.tolist()
        [2, 2, 2]
        """
        problems: list[str] = []
        ends = [self._find(end, role, problems) for end, role in ((pre, "pre"), (post, "post"))]
        if name is not None and name in self.projections:
            problems.append(f"projection {name!r}: the name is taken; choose another")
        before, behind = ends
        if before is None or behind is None:
            raise ValidationError(problems)
        chosen = name if name is not None else self._free_name(f"{before.name}->{behind.name}")
        who = f"projection {chosen!r}"
        source, target = before.population, behind.population
        try:
            weight, delay = WEIGHT.plain("weight", weight), DURATION.plain("delay", delay)
            if self.units == "SI" and delay is not None and delay_doubts(delay):
                raise ValidationError(delay_doubts(delay))
            synapses = build_synapses(
                before,
                behind,
                rule,
                weight,
                delay,
                delay_ticks,
                self.clock,
                (self.seed, "connect", str(chosen)),
            )
            synapses = placed(synapses, before, behind)
            names = ("",) if target.neuron is None else target.neuron.receptors
            channel = receptor_index(tuple(names), receptor)
        except ValidationError as error:
            problems += [f"{who}: {text}" for text in error.problems]
            raise ValidationError(problems) from None
        if plasticity is not None and not isinstance(plasticity, PlasticityRule):
            problems.append(
                f"{who}: expected plasticity as a rule such as spikesim.learning.PairSTDP, got "
                f"{plasticity!r}"
            )
            raise ValidationError(problems)
        projection = Projection(chosen, source, target, synapses, channel, plasticity)
        problems += projection_problems(projection)
        if not problems and is_relay(target):
            problems += relay_problems(target, [*self.incoming(target), projection])
        if not problems and self.units == "SI":
            problems += projection_doubts(projection, self.projections.values())
        if problems:
            raise ValidationError(problems)
        self.projections[chosen] = projection
        return projection

    def incoming(self, population: Population | str) -> list[Projection]:
        """Projections that end on a population, in the order of insertion."""
        name = population if isinstance(population, str) else population.name
        return [p for p in self.projections.values() if p.post.name == name]

    def outgoing(self, population: Population | str) -> list[Projection]:
        """Projections that start from a population or input, in the order of insertion."""
        name = population if isinstance(population, str) else population.name
        return [p for p in self.projections.values() if p.pre.name == name]

    def validate(self) -> None:
        """Check the whole network.

        Raises
        ------
        ValidationError
            With every problem of every part.
        """
        problems = network_problems(
            self.dt, self.inputs, self.populations, self.projections.values(), self._outputs or ()
        )
        if problems:
            raise ValidationError(problems)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the network to one file, whole or not at all."""
        from spikesim.network.file import save_network

        save_network(self, path)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Network:
        """Read what ``save`` wrote; raises ValidationError on an unknown or damaged file."""
        from spikesim.network.file import load_network

        return load_network(path, cls)

    def summary(self) -> str:
        """Sizes of all parts, one line each.

        Examples
        --------
        >>> net = Network(dt=1e-3, name="tiny")
        >>> _ = net.add_input("in", 2)
        >>> print(net.summary())
        network 'tiny': dt = 0.001 s, 0 neurons, 0 synapses, outputs -
          input      in  n=2
        """
        from spikesim.network.summary import summary

        return summary(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Network):
            return NotImplemented
        return all(
            getattr(self, part) == getattr(other, part)
            and list(getattr(self, part)) == list(getattr(other, part))
            for part in ("inputs", "populations", "projections")
        ) and all(
            getattr(self, part) == getattr(other, part)
            for part in ("clock", "name", "seed", "units", "outputs")
        )

    __hash__ = None  # type: ignore[assignment]  # networks can be changed

    def __repr__(self) -> str:
        return (
            f"Network({self.name!r}, dt={self.dt:g}, inputs={listed(self.inputs)}, "
            f"populations={listed(self.populations)}, projections={listed(self.projections)})"
        )

    def _add(self, population: Population, into: dict[str, Population]) -> Population:
        problems = population_problems(population, self.dt)
        if population.name in self.inputs or population.name in self.populations:
            problems.append(
                f"network: the name {population.name!r} is taken; inputs and populations share "
                "their names, choose another"
            )
        if not problems and self.units == "SI":
            problems += population_doubts(population, self.dt)
        if not problems and population.neuron is not None:
            who, n = f"population {population.name!r}", int(population.n)
            found = population.neuron.population_problems(self.dt, n)
            problems += [f"{who}: {text}" for text in found]
        if problems:
            raise ValidationError(problems)
        n, start, shape = int(population.n), int(population.start_tick), population.shape
        stored = replace(population, n=n, start_tick=start, shape=tuple(map(int, shape)))
        into[population.name] = stored
        return stored

    def _find(
        self, end: Population | PopulationView | str, role: str, problems: list[str]
    ) -> PopulationView | None:
        """Find the population or slice that was meant; a whole one is a slice, too."""
        given = end.population if isinstance(end, PopulationView) else end
        name = given.name if isinstance(given, Population) else given
        found = self.inputs.get(name) or self.populations.get(name)
        if isinstance(name, str) and found is None:
            try:
                view = find_view(self.inputs | self.populations, name)
            except ValidationError as error:
                problems += [f"connect: {text}" for text in error.problems]
                return None
            if view is not None:
                return view
        if found is None or (isinstance(given, Population) and given != found):
            known = [*self.inputs, *self.populations]
            problems.append(
                f"connect: expected {role} as a part of this network, one of {known}, got {name!r}"
            )
            return None
        return end if isinstance(end, PopulationView) else found[:]

    def _free_name(self, wish: str) -> str:
        if wish not in self.projections:
            return wish
        # From the last number on: of thousands without a name, none is counted through again.
        k = self._numbered.get(wish, 2)
        k = k if f"{wish} #{k - 1}" in self.projections else 2
        while f"{wish} #{k}" in self.projections:
            k += 1
        self._numbered[wish] = k
        return f"{wish} #{k}"
