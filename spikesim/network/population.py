# SPDX-License-Identifier: Apache-2.0
"""Neurons that share a name and a model, and the synapses between two such groups."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from spikesim.core import CsrRows
from spikesim.network.synapses import Synapses, is_integer, rows_of
from spikesim.network.view import PopulationView
from spikesim.neurons.model import NeuronModel


@dataclass(frozen=True, repr=False)
class Population:
    """A group of neurons of one model, or an external input.

    Parameters
    ----------
    name : str
        Unique in its network.
    n : int
        Number of neurons (or input lines), >= 1.
    neuron : NeuronModel or None
        Model and parameters; None for an external input.
    start_tick : int
        First tick in which the population lives. Until then it is frozen: its states keep their
        initial values, the input that is due is discarded, and nothing fires.
    shape : tuple of int
        Axes along which the neurons stand, the last one fastest, such as (channels, height,
        width); default (n,). Slices count neurons, whatever the shape.
    """

    name: str
    n: int
    neuron: NeuronModel | None = None
    start_tick: int = 0
    shape: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "shape", self.shape or (self.n,))

    @classmethod
    def of(
        cls, name: str, n: Any, neuron: NeuronModel | None = None, start_tick: int = 0
    ) -> Population:
        """Make one from a number of neurons, or from the shape that they form.

        Examples
        --------
        >>> Population.of("image", (3, 8, 8))
        Population('image', n=192, shape=(3, 8, 8), input)
        """
        legal = isinstance(n, (tuple, list)) and all(is_integer(size) and size >= 1 for size in n)
        if not n or not legal:
            return cls(name, n, neuron, start_tick)  # a number, or what is refused as no number
        shape = tuple(map(int, n))
        return cls(name, math.prod(shape), neuron, start_tick, shape)

    @property
    def has_axes(self) -> bool:
        """Whether the shape says more than the number of neurons."""
        return self.shape != (self.n,)

    @property
    def is_input(self) -> bool:
        """Whether the spikes come from outside."""
        return self.neuron is None

    def __getitem__(self, key: slice | int) -> PopulationView:
        """Slice it: ``population[:100]`` stands wherever the population may.

        Raises
        ------
        ValidationError
            If the slice holds no neuron, or runs backwards.

        Examples
        --------
        >>> Population("E", 10)[::3]
        E[0:10:3]
        """
        return PopulationView.of(self, key)

    def __iter__(self) -> Iterator[PopulationView]:
        return (self[k] for k in range(self.n))

    def __len__(self) -> int:
        return self.n

    def __hash__(self) -> int:
        return hash((self.name, self.n))

    def __repr__(self) -> str:
        # Parameters may be arrays of as many lines as there are neurons.
        model = "input" if self.neuron is None else type(self.neuron).__name__
        shape = f"shape={self.shape}, " if self.has_axes else ""
        return f"{type(self).__name__}({self.name!r}, n={self.n}, {shape}{model})"


@dataclass(frozen=True, repr=False)
class Projection:
    """The synapses from one population or input to a population.

    Parameters
    ----------
    name : str
        Unique in its network.
    pre, post : Population
        Source and target.
    synapses : Synapses
        Which neurons are connected, with weights and delays, by source neuron.
    receptor : int
        Input channel of the target neurons, an index into ``post.neuron.receptors``.
    plasticity : plasticity rule or None
        How the weights change; None for constant weights.
    """

    name: str
    pre: Population
    post: Population
    synapses: Synapses
    receptor: int = 0
    plasticity: Any = None

    @cached_property
    def rows(self) -> CsrRows:
        """All synapses in memory; a rule draws them at the first use, then they are kept."""
        return rows_of(self.synapses)

    @property
    def nnz(self) -> int:
        """Number of synapses."""
        return self.synapses.nnz

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        # A rule need not have drawn its synapses yet, so they are not counted here.
        rule = getattr(self.synapses, "rule", None)
        parts = [f"{self.nnz} synapses" if rule is None else type(rule).__name__]
        parts += [f"receptor={self.receptor}"] if self.receptor else []
        parts += [] if self.plasticity is None else [type(self.plasticity).__name__]
        ends = f"{self.pre.name!r} to {self.post.name!r}"
        return f"Projection({self.name!r}, {ends}, {', '.join(parts)})"
