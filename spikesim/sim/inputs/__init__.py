# SPDX-License-Identifier: Apache-2.0
"""What drives the inputs of a network: recorded spikes, rasters, Poisson events."""

from spikesim.sim.inputs.drawn import DrawnEvents
from spikesim.sim.inputs.inhomogeneous import InhomogeneousPoisson
from spikesim.sim.inputs.poisson import Poisson
from spikesim.sim.inputs.resolve import BoundInput, InputEvents, resolve_inputs

__all__ = [
    "BoundInput",
    "DrawnEvents",
    "InhomogeneousPoisson",
    "InputEvents",
    "Poisson",
    "resolve_inputs",
]
