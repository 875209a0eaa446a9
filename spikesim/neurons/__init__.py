# SPDX-License-Identifier: Apache-2.0
"""Neuron models, one file each: parameters, equations, update text, and the ODE they solve."""

from spikesim.neurons.adaptive_lif import AdaptiveLIF
from spikesim.neurons.adex import AdEx
from spikesim.neurons.alif import ALIF
from spikesim.neurons.izhikevich import Izhikevich
from spikesim.neurons.lif import LIF
from spikesim.neurons.lif_alpha import LIFAlpha
from spikesim.neurons.lif_cond import LIFCond
from spikesim.neurons.lif_delta import LIFDelta
from spikesim.neurons.lif_exp import LIFExp
from spikesim.neurons.model import NeuronModel
from spikesim.neurons.parameters import ParametricModel
from spikesim.neurons.parrot import Parrot

__all__ = [
    "ALIF",
    "LIF",
    "AdEx",
    "AdaptiveLIF",
    "Izhikevich",
    "LIFAlpha",
    "LIFCond",
    "LIFDelta",
    "LIFExp",
    "NeuronModel",
    "ParametricModel",
    "Parrot",
]
