# SPDX-License-Identifier: Apache-2.0
"""The description of a network: populations, projections, rules, files. No simulation."""

from spikesim.network.connect import (
    AllToAll,
    FixedInDegree,
    FixedOutDegree,
    FixedProbability,
    FixedTotalNumber,
    OneToOne,
    Rule,
    Shape,
)
from spikesim.network.convolution import Convolution
from spikesim.network.distribution import Distribution, Exponential, LogNormal, Normal, Uniform
from spikesim.network.drawn import DrawnSynapses
from spikesim.network.explicit import PairList
from spikesim.network.network import Network
from spikesim.network.part import PartSynapses
from spikesim.network.population import Population, Projection
from spikesim.network.spatial import DistanceDependent, SmallWorld
from spikesim.network.synapses import Filled, Filler, GivenRows, Synapses
from spikesim.network.view import PopulationView

__all__ = [
    "AllToAll",
    "Convolution",
    "DistanceDependent",
    "Distribution",
    "DrawnSynapses",
    "Exponential",
    "Filled",
    "Filler",
    "FixedInDegree",
    "FixedOutDegree",
    "FixedProbability",
    "FixedTotalNumber",
    "GivenRows",
    "LogNormal",
    "Network",
    "Normal",
    "OneToOne",
    "PairList",
    "PartSynapses",
    "Population",
    "PopulationView",
    "Projection",
    "Rule",
    "Shape",
    "SmallWorld",
    "Synapses",
    "Uniform",
]
