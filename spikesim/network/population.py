# SPDX-License-Identifier: Apache-2.0
"""Neurons that share a name and a model, and the synapses between two such groups."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from spikesim.core import CsrRows
from spikesim.network.synapses import Synapses, rows_of
from spikesim.neurons.model import NeuronModel


@dataclass(frozen=True)
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
    """

    name: str
    n: int
    neuron: NeuronModel | None = None

    @property
    def is_input(self) -> bool:
        """Whether the spikes come from outside."""
        return self.neuron is None

    def __hash__(self) -> int:
        return hash((self.name, self.n))


@dataclass(frozen=True)
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
