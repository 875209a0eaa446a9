# SPDX-License-Identifier: Apache-2.0
"""The description of a network: populations, projections, rules, files. No simulation."""

from spikesim.network.connect import (
    AllToAll,
    FixedInDegree,
    FixedOutDegree,
    FixedProbability,
    OneToOne,
    Rule,
)
from spikesim.network.network import Network
from spikesim.network.population import Population, Projection
from spikesim.network.synapses import Filled, Filler, GivenRows, Synapses

__all__ = [
    "AllToAll",
    "Filled",
    "Filler",
    "FixedInDegree",
    "FixedOutDegree",
    "FixedProbability",
    "GivenRows",
    "Network",
    "OneToOne",
    "Population",
    "Projection",
    "Rule",
    "Synapses",
]
