# SPDX-License-Identifier: Apache-2.0
"""Rules of synaptic change, as plain descriptions; the kernels are made from their texts."""

from spikesim.learning.digits import DiehlCook
from spikesim.learning.inhibitory import VogelsSprekeler
from spikesim.learning.pair import PairSTDP
from spikesim.learning.power_law import PowerLawSTDP
from spikesim.learning.reward import RewardSTDP
from spikesim.learning.rule import PlasticityRule, SpikeTrace
from spikesim.learning.short_term import TsodyksMarkram
from spikesim.learning.tracking import TrackingRule
from spikesim.learning.triplet import TripletSTDP

__all__ = [
    "DiehlCook",
    "PairSTDP",
    "PlasticityRule",
    "PowerLawSTDP",
    "RewardSTDP",
    "SpikeTrace",
    "TrackingRule",
    "TripletSTDP",
    "TsodyksMarkram",
    "VogelsSprekeler",
]
