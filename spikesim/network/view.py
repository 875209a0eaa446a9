# SPDX-License-Identifier: Apache-2.0
"""A slice of a population, which stands wherever a population may."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spikesim.core.slicing import parse_slice, slice_name, slice_range

if TYPE_CHECKING:
    from spikesim.network.population import Population
    from spikesim.neurons.model import NeuronModel


@dataclass(frozen=True, repr=False)
class PopulationView:
    """Some neurons of a population, at equal distances.

    Made by slicing: ``population[:100]``, ``population[::2]``, ``population[3]``; as text
    ``"E[:100]"``.

    Parameters
    ----------
    population : Population
    chosen : range
        Numbers of the neurons, ascending.

    Examples
    --------
    >>> from spikesim.network import Population
    >>> late = Population("E", 1000)[200:]
    >>> late, late.n, late[::4].index[:3].tolist()
    (E[200:1000], 800, [200, 204, 208])
    """

    population: Population
    chosen: range

    @classmethod
    def of(cls, population: Population, key: slice | int) -> PopulationView:
        """Slice a population; raises ValidationError where no neuron is picked."""
        who = f"population {population.name!r}"
        return cls(population, slice_range(key, population.n, who))

    def __getitem__(self, key: slice | int) -> PopulationView:
        inner = slice_range(key, self.n, self.name)
        first, last = self.chosen[inner[0]], self.chosen[inner[-1]]
        key = slice(first, last + 1, self.chosen.step * inner.step)
        return PopulationView(self.population, slice_range(key, self.population.n, self.name))

    def __len__(self) -> int:
        return self.n

    @property
    def n(self) -> int:
        """Neurons of the slice."""
        return len(self.chosen)

    @property
    def shape(self) -> tuple[int, ...]:
        """That of the population where it is all of it, else (n,)."""
        return self.population.shape if self.is_whole else (self.n,)

    @property
    def index(self) -> npt.NDArray[np.int64]:
        """Numbers of the neurons in the population, int64 array of shape (n,)."""
        return np.array(self.chosen, dtype=np.int64)

    @property
    def name(self) -> str:
        """Name as text, which stands for the slice: ``"E[0:100]"``; of all neurons ``"E"``."""
        whole = self.population.name
        return whole if self.is_whole else slice_name(whole, self.chosen)

    @property
    def neuron(self) -> NeuronModel | None:
        """Model of the population."""
        return self.population.neuron

    @property
    def is_input(self) -> bool:
        """Whether the spikes come from outside."""
        return self.population.is_input

    @property
    def is_whole(self) -> bool:
        """Whether it is all of the population."""
        return self.n == self.population.n

    def overlaps(self, other: PopulationView) -> bool:
        """Whether some neuron is in both."""
        same = self.population.name == other.population.name
        return same and bool(np.intersect1d(self.index, other.index).size)

    def __repr__(self) -> str:
        return self.name


def find_view(populations: Mapping[str, Population], name: str) -> PopulationView | None:
    """Give the slice that a text such as ``"E[:100]"`` stands for; None where it is no slice.

    Raises
    ------
    ValidationError
        If the population is there and the slice is not legal.

    Examples
    --------
    >>> from spikesim.network import Population
    >>> find_view({"E": Population("E", 10)}, "E[-3:]")
    E[7:10]
    """
    found = parse_slice({key: population.n for key, population in populations.items()}, name)
    return None if found is None else PopulationView(populations[found[0]], found[1])
