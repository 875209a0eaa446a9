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

__all__ = [
    "AllToAll",
    "FixedInDegree",
    "FixedOutDegree",
    "FixedProbability",
    "Network",
    "OneToOne",
    "Population",
    "Projection",
    "Rule",
]
