# SPDX-License-Identifier: Apache-2.0
"""Neurons that share a name and a model, and the synapses between two such groups."""

from __future__ import annotations

from dataclasses import dataclass

from spikesim.core import LIF, CsrRows


@dataclass(frozen=True)
class Population:
    """A group of neurons of one model, or an external input.

    Parameters
    ----------
    name : str
        Unique in its network.
    n : int
        Number of neurons (or input lines), >= 1.
    neuron : LIF or None
        Model and parameters; None for an external input.
    """

    name: str
    n: int
    neuron: LIF | None = None

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
    rows : CsrRows
        Weights and delays (in ticks), one row per source neuron.
    """

    name: str
    pre: Population
    post: Population
    rows: CsrRows

    @property
    def nnz(self) -> int:
        """Number of synapses."""
        return self.rows.nnz

    def __hash__(self) -> int:
        return hash(self.name)
